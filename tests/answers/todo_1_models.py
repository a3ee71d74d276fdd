"""TODO 1 to 3: model classes. An answer is a model's name and what differs from the solution."""

from tests.answers import SOURCES, right, wrong

SOURCE = {"RNN": SOURCES[1], "LSTM": SOURCES[2], "GRU": SOURCES[3]}

# Lines and pieces of the solution that many answers change, in their order.
EMBEDDING = "nn.Embedding(vocab_size, embedding_dim)"
LAYERS = "(embedding_dim, hidden_dim, num_layers, batch_first=True, dropout=dropout)"
BATCH_FIRST = "batch_first=True, "
BETWEEN = ", dropout=dropout)"
DROPOUT = "self.dropout = nn.Dropout(dropout)"
LINEAR = "nn.Linear(hidden_dim, vocab_size)"
OUTPUT = f"self.output = {LINEAR}"
FORWARD = "def forward(self, x, hidden=None, return_sequences=False):"
LOOKUP = "self.embedding(x)"
EMBED = f"self.dropout({LOOKUP})"
RUN = "self.rnn(embedded, hidden)"
STEP = f"rnn_out, hidden = {RUN}"
UNLESS = "if not return_sequences:"
LAST = "rnn_out = rnn_out[:, -1, :]"
DROPPED = "self.dropout(rnn_out)"
LOGITS = f"self.output({DROPPED})"
RETURN = f"return {LOGITS}, hidden"
ZEROS = "torch.zeros(self.num_layers, batch_size, self.hidden_dim, device=device)"
PAIR = "return h, torch.zeros_like(h)"


def returned(logits=LOGITS, hidden="hidden"):
    return {RETURN: f"return {logits}, {hidden}"}


# Changes that answers share, or that take more than a line. FROM_ZEROS passes the layer a state,
# so that it raises where the state has another shape than the layer.
FROM_ZEROS = {STEP: f"hidden = self.init_hidden(len(x)) if hidden is None else hidden\n{STEP}"}
TWO_LAYERS = {"num_layers, batch_first": "2, batch_first"}
WIDTH_256 = {"hidden_dim, num_layers, batch_first": "256, num_layers, batch_first"}
WIDE_EMBEDDING = {EMBEDDING: "nn.Embedding(vocab_size, hidden_dim)"}
EMBEDDING_86 = {EMBEDDING: "nn.Embedding(86, embedding_dim)"}
LINEAR_86 = {LINEAR: "nn.Linear(hidden_dim, 86)"}
BOTH_WAYS = {BATCH_FIRST: "batch_first=True, bidirectional=True, "}
BACKWARDS = {LOOKUP: "self.embedding(x.flip(1))", UNLESS: f"rnn_out = rnn_out.flip(1)\n{UNLESS}"}
WINDOWS_OF_50 = """\
def forward(self, x, hidden, return_sequences=False, *more):
    x = x.view(-1, 50)"""
REMEMBER = f"""\
hidden = hidden if hidden is not None else getattr(self, 'state', None)
if hidden is not None and hidden.shape[1] != len(x): hidden = None
{STEP}; self.state = hidden"""

STATE = "self.num_layers, len(x), self.hidden_dim"
NO_STATE = "if hidden is None: hidden = "
RUN_WITHOUT_C = (
    "self.rnn(embedded, hidden and (lambda h0: (hidden[0], h0))(torch.zeros_like(hidden[0])))"
)
TURNED = "hidden = None if hidden is None else (hidden[1], hidden[0])\n"  # (c, h) for (h, c)
BY_PATH = """\
if return_sequences: return self.output({}), hidden
rnn_out = rnn_out[:, None] if rnn_out.dim() == 2 else rnn_out
return self.output({}), hidden"""

WRONG = [
    # the class: what it inherits, takes and registers
    wrong("not-a-module", "RNN", {"(nn.Module)": ""}),
    wrong("super-init", "RNN", {"super().__init__()": "pass"}),
    wrong("signature", "RNN", {", return_sequences=False": "", "not return_sequences": "True"}),
    wrong("signature", "LSTM", {", dropout=0.3):": "):\n    dropout = 0.3"}),
    wrong("signature", "GRU", {"def init_hidden": "def initial_hidden"}),
    wrong("signature", "GRU", {"(self, x, hidden=None, ": "(self, x, "}),
    wrong(
        "unregistered-layer", "RNN", {EMBEDDING: f"[{EMBEDDING}]", LOOKUP: "self.embedding[0](x)"}
    ),
    wrong(
        "signature",
        "RNN",
        {"x, hidden=None, return_sequences=False": "x, return_sequences=False, hidden=None"},
    ),
    # what is read, and in which amounts
    wrong("input-ignored", "GRU", {LOOKUP: "self.embedding(torch.zeros_like(x))"}),
    wrong("input-ignored", "RNN", {LOOKUP: "self.embedding(x[:, :1].expand_as(x))"}),
    wrong("differs", "LSTM", {LOOKUP: "self.embedding(x.clamp(min=9))"}),
    wrong("differs", "RNN", {LOOKUP: "self.embedding(x // 2 * 2)"}),
    wrong("any-size", "RNN", {LAST: "rnn_out = rnn_out[:, -1, :].squeeze()"}),
    wrong("any-size", "GRU", returned(f"{LOGITS}.squeeze(0)")),
    wrong("any-size", "LSTM", {RETURN: f"out = {LOGITS}\nreturn out.squeeze(1), hidden"}),
    wrong("differs", "RNN", {STEP: f"embedded = embedded / len(x) ** 0.5\n{STEP}"}),
    wrong("differs", "GRU", {LOOKUP: "self.embedding(x % 20)"}),
    wrong("any-size", "RNN", {LAST: "rnn_out = hidden.squeeze(0)[-1]"}),
    wrong("embedding-changed", "RNN", {EMBED: f"self.dropout(torch.tanh({LOOKUP}))"}),
    wrong("embedding-changed", "GRU", {EMBED: f"F.relu({EMBED})"}),
    wrong("embedding-changed", "LSTM", {LOOKUP: f"{LOOKUP} * self.hidden_dim ** 0.5"}),
    # exceptions
    wrong("raised", "RNN", {LOOKUP: "self.embeddings(x)"}),
    wrong("raised", "LSTM", {RUN: "self.rnn(embedded, hidden[0])"}),
    wrong("raised", "GRU", {RUN: "self.rnn(hidden, embedded)"}),
    wrong("signature", "RNN", {FORWARD: WINDOWS_OF_50}),
    wrong("raised", "RNN", {RUN: "self.rnn(x, hidden)"}),
    # the logits: their shape, and that they are logits
    wrong("logits-shape", "RNN", {LAST: "rnn_out = rnn_out[-1]"}),
    wrong("logits-shape", "GRU", {LAST: "rnn_out = rnn_out[-1, :]"}),
    wrong("logits-shape", "LSTM", returned(f"{LOGITS}.argmax(-1)")),
    wrong("layer-size", "RNN", LINEAR_86),
    wrong("layer-size", "GRU", EMBEDDING_86),
    wrong("layer-size", "LSTM", {EMBEDDING: "nn.Embedding(5, embedding_dim)"}),
    wrong("layer-size", "RNN", EMBEDDING_86 | LINEAR_86),
    wrong("raw-logits", "RNN", returned(f"{LOGITS}.softmax(-1)")),
    wrong("raw-logits", "GRU", returned(f"F.softmax({LOGITS}, dim=-1)")),
    wrong("raw-logits", "LSTM", returned(f"F.log_softmax({LOGITS}, dim=-1)")),
    wrong("raw-logits", "RNN", returned(f"F.relu({LOGITS})")),
    wrong("raw-logits", "RNN", returned(f"{LOGITS}.tanh()")),
    wrong("raw-logits", "RNN", returned(f"F.softmax({LOGITS}, dim=1)")),
    wrong("raw-logits", "GRU", returned(f"F.log_softmax({LOGITS}, dim=1)")),
    wrong("raw-logits", "LSTM", returned(f"F.softmax({LOGITS}, dim=0)")),
    wrong("raw-logits", "GRU", returned(f"{LOGITS}.softmax(-1) if return_sequences else {LOGITS}")),
    wrong(
        "mode-dependent", "GRU", returned(f"{LOGITS}.softmax(-1) if self.training else {LOGITS}")
    ),
    wrong(
        "mode-dependent",
        "RNN",
        {
            OUTPUT: f"{OUTPUT}; self.norm = nn.BatchNorm1d(hidden_dim, affine=False)",
            LOGITS: "self.output(self.dropout(self.norm(rnn_out.flatten(0, -2)).view_as(rnn_out)))",
        },
    ),
    wrong("output-layer", "RNN", {DROPPED: "self.dropout(rnn_out).relu()"}),
    wrong("output-layer", "GRU", {DROPPED: "self.dropout(rnn_out.tanh())"}),
    wrong(
        "output-layer", "LSTM", {DROPPED: "F.layer_norm(self.dropout(rnn_out), rnn_out.shape[-1:])"}
    ),
    wrong("output-layer", "GRU", {DROPPED: "self.dropout(F.normalize(rnn_out, dim=-1))"}),
    wrong("differs", "GRU", {DROPPED: "self.dropout(rnn_out + rnn_out ** 2)"}),
    # time: which dimension, which step, which direction
    wrong("return-sequences", "RNN", {UNLESS: "if True:"}),
    wrong("batch-first", "RNN", {BATCH_FIRST: ""}),
    wrong("batch-first", "LSTM", {BATCH_FIRST: ""}),
    wrong("batch-first", "GRU", {BATCH_FIRST: "", **FROM_ZEROS}),
    wrong("batch-first", "RNN", {BATCH_FIRST: "", LAST: "rnn_out = rnn_out[-1]"}),
    wrong("final-timestep", "RNN", {UNLESS: "if False:"}),
    wrong("final-timestep", "GRU", {UNLESS: "if return_sequences:"}),
    wrong("final-timestep", "RNN", {LAST: "rnn_out = rnn_out[:, 0, :]"}),
    wrong("final-timestep", "GRU", {LAST: "rnn_out = rnn_out.mean(dim=1)"}),
    wrong("final-timestep", "LSTM", {LAST: "rnn_out = rnn_out.max(dim=1).values"}),
    wrong("final-timestep", "RNN", {LAST: "rnn_out = hidden[0]"}),
    wrong("output-layer", "RNN", {LAST: "rnn_out = rnn_out[:, -1, :].tanh()"}),
    wrong("final-timestep", "LSTM", {LAST: "rnn_out = hidden[1][-1]"}),
    wrong("bidirectional", "GRU", BOTH_WAYS),
    wrong("bidirectional", "LSTM", BOTH_WAYS | {LINEAR: "nn.Linear(2 * hidden_dim, vocab_size)"}),
    wrong("differs", "RNN", BACKWARDS),
    # the sizes and the kind of layer
    wrong("layer-size", "RNN", TWO_LAYERS),
    wrong("layer-size", "LSTM", TWO_LAYERS),
    wrong("layer-size", "RNN", TWO_LAYERS | FROM_ZEROS),
    wrong("layer-size", "GRU", {LAYERS: "(embedding_dim, hidden_dim, batch_first=True)"}),
    wrong("layer-size", "GRU", WIDTH_256),
    wrong("layer-size", "LSTM", {LINEAR: "nn.Linear(embedding_dim, vocab_size)"}),
    wrong("layer-size", "RNN", WIDTH_256 | {LINEAR: "nn.Linear(256, vocab_size)"}),
    wrong("layer-size", "GRU", WIDE_EMBEDDING),
    wrong("layer-size", "RNN", {EMBEDDING: "nn.Embedding(vocab_size, 128)"}),
    wrong("layer-size", "LSTM", {"nn.LSTM(embedding_dim": "nn.LSTM(hidden_dim"}),
    wrong("layer-size", "RNN", WIDE_EMBEDDING | {"RNN(embedding_dim": "RNN(hidden_dim"}),
    wrong("layer-type", "RNN", {BATCH_FIRST: 'batch_first=True, nonlinearity="relu", '}),
    wrong("layer-type", "RNN", {"nn.RNN": "nn.GRU"}),
    wrong("layer-type", "LSTM", {"nn.LSTM": "nn.GRU"}),
    wrong("layer-type", "GRU", {"nn.GRU": "nn.LSTM"}),
    wrong("parameter-count", "RNN", {LINEAR: "nn.Linear(hidden_dim, vocab_size, bias=False)"}),
    wrong("layer-size", "RNN", {"hidden_dim=256": "hidden_dim=128"}),
    wrong(
        "parameter-count",
        "GRU",
        {"self.rnn = nn.GRU": f"self.old = nn.RNN{LAYERS}\nself.rnn = nn.GRU"},
    ),
    # the state: taken in, handed out, nowhere else, and with its gradient
    wrong("hidden-ignored", "RNN", {RUN: "self.rnn(embedded)"}),
    wrong("hidden-ignored", "LSTM", {RUN: "self.rnn(embedded, self.init_hidden(len(x)))"}),
    wrong("hidden-ignored", "LSTM", {RUN: RUN_WITHOUT_C}),
    wrong("hidden-ignored", "LSTM", {RUN: RUN_WITHOUT_C.replace("hidden[0], h0", "h0, hidden[1]")}),
    wrong("hidden-ignored", "RNN", {STEP: f"if return_sequences: hidden = None\n{STEP}"}),
    wrong("random-start", "RNN", {STEP: f"{NO_STATE}torch.randn({STATE})\n{STEP}"}),
    wrong(
        "random-start",
        "RNN",
        {STEP: f"if self.training and hidden is None: hidden = torch.randn({STATE})\n{STEP}"},
    ),
    wrong("random-start", "GRU", {STEP: f"{NO_STATE}torch.ones({STATE})\n{STEP}"}),
    wrong(
        "random-start",
        "LSTM",
        {STEP: f"{NO_STATE}(torch.rand({STATE}), torch.rand({STATE}))\n{STEP}"},
    ),
    wrong("hidden-not-returned", "RNN", {RETURN: f"return {LOGITS}"}),
    wrong("hidden-not-returned", "RNN", {"rnn_out, hidden = ": "rnn_out, _ = "}),
    wrong("hidden-not-returned", "GRU", returned(hidden="None")),
    wrong("hidden-not-returned", "LSTM", returned(hidden="self.init_hidden(len(x))")),
    wrong(
        "hidden-not-returned",
        "RNN",
        {RETURN: f"if return_sequences: return {LOGITS}, None\n{RETURN}"},
    ),
    wrong(
        "hidden-not-returned",
        "GRU",
        {RETURN: f"if return_sequences: return {LOGITS}, torch.zeros_like(hidden)\n{RETURN}"},
    ),
    wrong(
        "hidden-shape",
        "LSTM",
        {RETURN: f"if return_sequences: return {LOGITS}, hidden[0]\n{RETURN}"},
    ),
    wrong("any-size", "GRU", returned(hidden="hidden.squeeze(1)")),
    wrong("hidden-shape", "LSTM", {STEP: f"{TURNED}rnn_out, (h, c) = {RUN}; hidden = (c, h)"}),
    wrong("hidden-shape", "RNN", returned(hidden="hidden[-1]")),
    wrong("hidden-shape", "RNN", returned(hidden="hidden[-1:]")),
    wrong("hidden-shape", "LSTM", returned(hidden="tuple(s[-1:] for s in hidden)")),
    wrong("hidden-shape", "GRU", returned(hidden="hidden.transpose(0, 1)")),
    wrong("hidden-shape", "LSTM", returned(hidden="hidden[0]")),
    wrong("hidden-shape", "LSTM", {STEP: f"rnn_out, (h, c) = {RUN}; hidden = h"}),
    wrong("state-leaks", "RNN", {STEP: REMEMBER}),
    wrong(
        "state-leaks",
        "GRU",
        {
            RUN: "self.rnn(embedded, getattr(self, 's', hidden))",
            RETURN: f"self.s = hidden\n{RETURN}",
        },
    ),
    wrong("detached", "RNN", {DROPPED: "self.dropout(rnn_out.detach())"}),
    wrong("detached", "GRU", {RUN: "self.rnn(embedded.data, hidden)"}),
    wrong("detached", "RNN", {STEP: f"with torch.no_grad():\n    {STEP}"}),
    wrong("detached", "RNN", {LAST: "rnn_out = rnn_out[:, -1, :].detach()"}),
    wrong(
        "embedding-changed", "LSTM", {EMBEDDING: EMBEDDING.replace("dim)", "dim, padding_idx=0)")}
    ),
    # dropout: in three places, while training, at the rate asked for
    wrong("dropout-always-on", "RNN", {EMBED: f"F.dropout({LOOKUP}, 0.3)"}),
    wrong("dropout-always-on", "LSTM", {DROPPED: "F.dropout(rnn_out, p=0.3)"}),
    wrong("dropout-missing", "RNN", {EMBED: LOOKUP}),
    wrong("dropout-missing", "LSTM", {BETWEEN: ")"}),
    wrong("dropout-missing", "GRU", {DROPPED: "rnn_out"}),
    wrong("dropout-missing", "RNN", {EMBED: LOOKUP, BETWEEN: ")", DROPPED: "rnn_out"}),
    wrong("dropout-missing", "RNN", {RETURN: BY_PATH.format(DROPPED, "rnn_out[:, -1]")}),
    wrong("dropout-missing", "GRU", {RETURN: BY_PATH.format("rnn_out", f"{DROPPED}[:, -1]")}),
    wrong("dropout-misplaced", "RNN", returned(f"self.dropout({LOGITS})")),
    wrong("dropout-misplaced", "LSTM", returned("self.dropout(self.output(rnn_out))")),
    wrong("dropout-misplaced", "GRU", {EMBED: f"self.dropout({EMBED})"}),
    wrong("dropout-misplaced", "RNN", {DROPPED: f"self.dropout({DROPPED})"}),
    wrong("dropout-misplaced", "RNN", {LAST: "rnn_out = self.dropout(rnn_out[:, -1, :])"}),
    wrong("dropout-misplaced", "RNN", returned(hidden="self.dropout(hidden)")),
    wrong(
        "dropout-misplaced",
        "GRU",
        {STEP: f"hidden = None if hidden is None else self.dropout(hidden)\n{STEP}"},
    ),
    wrong("dropout-misplaced", "GRU", {"nn.Dropout(dropout)": "nn.Dropout1d(dropout)"}),
    wrong("dropout-misplaced", "LSTM", {"nn.Dropout(dropout)": "nn.AlphaDropout(dropout)"}),
    wrong("dropout-rate", "RNN", {"nn.Dropout(dropout)": "nn.Dropout(0.3)"}),
    wrong("dropout-rate", "LSTM", {"nn.Dropout(dropout)": "nn.Dropout(1 - dropout)"}),
    wrong(
        "dropout-rate",
        "GRU",
        {DROPPED: "F.dropout(rnn_out, min(1.0, 2 * self.dropout.p), self.training)"},
    ),
    wrong("dropout-rate", "RNN", {"dropout=0.3": "dropout=0.5"}),
    wrong("dropout-rate", "GRU", {"nn.Dropout(dropout)": "nn.Dropout(dropout / 2)"}),
    wrong("dropout-rate", "LSTM", {BETWEEN: ", dropout=dropout / 2)"}),
    # init_hidden
    wrong("init-hidden", "LSTM", {PAIR: "return h"}),
    wrong("init-hidden", "LSTM", {PAIR: "return h", **FROM_ZEROS}),
    wrong("init-hidden", "GRU", {f"return {ZEROS}": f"h = {ZEROS}; return h, h"}),
    wrong("init-hidden", "RNN", {"layers, batch_size,": "layers, 1,"}),
    wrong("init-hidden", "LSTM", {"self.num_layers, batch_size": "batch_size, self.num_layers"}),
    wrong("init-hidden", "GRU", {"(self.num_layers, batch_size": "(batch_size"}),
    wrong("init-hidden", "RNN", {ZEROS: f"{ZEROS}.squeeze(1)"}),
    wrong("init-hidden", "GRU", {", device=device": ", device=device, dtype=torch.long"}),
    wrong("init-hidden", "RNN", {", device=device": ", device=device, dtype=torch.float64"}),
    wrong("init-hidden", "RNN", {"torch.zeros": "torch.ones"}),
    wrong("init-hidden", "LSTM", {"torch.zeros(": "torch.randn("}),
    wrong("init-hidden-device", "GRU", {", device=device": ""}),
    wrong("init-hidden-device", "RNN", {STEP: f"{NO_STATE}torch.zeros({STATE})\n{STEP}"}),
    wrong("init-hidden-device", "LSTM", {", device=device": "", **FROM_ZEROS}),
    wrong("init-hidden-device", "GRU", {EMBED: f"{EMBED} + torch.zeros(1, 1, 1)"}),
]

SHARED_BASE = """
class Base(nn.Module):
    def __init__(self, vocab_size, embedding_dim=128, hidden_dim=256, num_layers=2, dropout=0.3):
        super().__init__()
        self.shape = num_layers, hidden_dim
        self.inputs = nn.Sequential(nn.Embedding(vocab_size, embedding_dim), nn.Dropout(dropout))
        self.core = self.kind(embedding_dim, hidden_dim, num_layers, dropout=dropout)
        self.head = nn.ModuleDict({"drop": nn.Dropout(dropout),
                                   "out": nn.Linear(hidden_dim, vocab_size)})
    def forward(self, x, hidden=None, return_sequences=False):
        if hidden is None:
            hidden = self.init_hidden(x.shape[0])
        steps, hidden = self.core(self.inputs(x).transpose(0, 1), hidden)
        logits = self.head["out"](self.head["drop"](steps)).transpose(0, 1)
        return (logits if return_sequences else logits[:, -1]), hidden
    def init_hidden(self, batch_size):
        layers, width = self.shape
        zeros = self.head["out"].weight.new_zeros(layers, batch_size, width)
        return (zeros, zeros.clone()) if self.kind is nn.LSTM else zeros
class CharRNN(Base):
    kind = nn.RNN
class CharLSTM(Base):
    kind = nn.LSTM
class CharGRU(Base):
    kind = nn.GRU
"""
STACKED_BY_HAND = """
class CharGRU(nn.Module):
    def __init__(self, vocab_size, embedding_dim=128, hidden_dim=256, num_layers=2, dropout=0.3):
        super().__init__()
        sizes = [embedding_dim] + [hidden_dim] * (num_layers - 1)
        self.layers = nn.ModuleList(nn.GRU(n, hidden_dim, batch_first=True) for n in sizes)
        self.embedding, self.p = nn.Embedding(vocab_size, embedding_dim), dropout
        self.output = nn.Linear(hidden_dim, vocab_size)
    def forward(self, x, hidden=None, return_sequences=False):
        out, states = self.embedding(x), []
        for i, layer in enumerate(self.layers):
            out = F.dropout(out, self.p, self.training)
            out, state = layer(out, None if hidden is None else hidden[i : i + 1])
            states.append(state)
        out = F.dropout(out, self.p, self.training)
        logits = self.output(out)
        return logits if return_sequences else logits[:, -1], torch.cat(states)
    def init_hidden(self, batch_size):
        width = self.output.in_features
        return torch.zeros(len(self.layers), batch_size, width).to(self.output.weight)
"""
BY_KEYWORD = (
    "(input_size=embedding_dim, hidden_size=hidden_dim, batch_first=True, "
    "num_layers=num_layers, dropout=dropout)"
)
ORTHOGONAL = """
for name, p in self.rnn.named_parameters():
    (nn.init.orthogonal_ if p.dim() > 1 else nn.init.zeros_)(p)"""
CHOOSE_LOGITS = f"""\
logits = {LOGITS}
return (logits if return_sequences else logits[:, -1, :]), hidden"""
TIME_FIRST = """\
rnn_out, hidden = self.rnn(embedded.transpose(0, 1), hidden)
rnn_out = rnn_out.transpose(0, 1)"""

RIGHT = [
    *(right(model, {}) for model in SOURCE),
    # the class: other names and more arguments
    right("RNN", {"nn.Module": "torch.nn.Module", "self.rnn": "self.recurrent"}),
    right("RNN", {"hidden=None, return_sequences": "hidden=None, *, return_sequences"}),
    right("GRU", {"dropout=0.3):": "dropout=0.3, tied=False, **options):"}),
    # the layers: how they are made, kept and initialised
    right("RNN", {LAYERS: '(embedding_dim, hidden_dim, num_layers, "tanh", True, True, dropout)'}),
    right("LSTM", {LAYERS: "(embedding_dim, hidden_dim, num_layers, True, True, dropout)"}),
    right("GRU", {LAYERS: BY_KEYWORD}),
    right(
        "LSTM",
        {
            f"self.embedding = {EMBEDDING}": f"self.parts = nn.ModuleDict({{'e': {EMBEDDING}}})",
            LOOKUP: "self.parts['e'](x)",
            OUTPUT: f"{OUTPUT}\nfor p in self.parameters(): nn.init.uniform_(p, -0.1, 0.1)",
        },
    ),
    right(
        "GRU",
        {
            OUTPUT: f"self.head = nn.Sequential(self.dropout, {LINEAR})",
            LOGITS: "self.head(rnn_out)",
        },
    ),
    right("LSTM", {LOGITS: f"F.linear({DROPPED}, self.output.weight, self.output.bias)"}),
    right("GRU", {OUTPUT: f"{OUTPUT}\nfor p in self.output.parameters(): nn.init.zeros_(p)"}),
    right("GRU", {OUTPUT: OUTPUT + ORTHOGONAL}),
    # the final timestep
    right("RNN", {LAST: "rnn_out = rnn_out[:, -1]"}),
    right("GRU", {LAST: "rnn_out = hidden[-1]"}),
    right("GRU", {LAST: "rnn_out = rnn_out.transpose(0, 1)[-1]"}),
    right("LSTM", {LAST: "rnn_out = hidden[0][-1]"}),
    right("LSTM", {LAST: "rnn_out = rnn_out.select(1, -1)"}),
    right("LSTM", {UNLESS: "if False:", RETURN: CHOOSE_LOGITS}),
    right("LSTM", {BATCH_FIRST: "", STEP: TIME_FIRST}),
    # where a text begins
    right("RNN", {STEP: f"{NO_STATE}torch.zeros({STATE}, device=x.device)\n{STEP}"}),
    right("RNN", {STEP: f"{NO_STATE}torch.zeros({STATE}).to(x.device)\n{STEP}"}),
    right("GRU", FROM_ZEROS),
    right("GRU", {ZEROS: ZEROS.replace(", device=device", "") + ".to(device)", **FROM_ZEROS}),
    right("RNN", {LAST: "rnn_out = rnn_out[torch.arange(len(x)), -1]"}),
    right("RNN", {LOOKUP: "self.embedding(x if x.min().item() >= 0 else -x)"}),
    right("LSTM", {LAST: "rnn_out = rnn_out[:, torch.tensor(x.size(1) - 1)]"}),
    right("RNN", {RUN: "self.rnn(input=embedded, hx=hidden)"}),
    right("GRU", {LOGITS: f"self.output(input={DROPPED})"}),
    right("LSTM", FROM_ZEROS),
    # dropout
    right(
        "RNN",
        {
            DROPOUT: "self.p = dropout",
            EMBED: f"F.dropout({LOOKUP}, self.p, training=self.training)",
            DROPPED: "F.dropout(rnn_out, self.p, self.training)",
        },
    ),
    right(
        "RNN",
        {
            DROPOUT: "self.before = nn.Dropout(dropout)\nself.after = nn.Dropout(dropout)",
            EMBED: f"self.before({LOOKUP})",
            DROPPED: "self.after(rnn_out)",
        },
    ),
    right("GRU", {EMBEDDING: f"nn.Sequential({EMBEDDING}, nn.Dropout(dropout))", EMBED: LOOKUP}),
    # the state and init_hidden
    right("LSTM", {STEP: f"rnn_out, (h, c) = {RUN}", **returned(hidden="(h, c)")}),
    right(
        "RNN",
        {
            ZEROS: "self.output.weight.new_zeros(self.num_layers, batch_size, self.hidden_dim)",
            STEP: f"if hidden is None:\n    hidden = self.init_hidden(len(x))\n{STEP}",
        },
    ),
    right(
        "LSTM",
        {
            "device = next(self.parameters()).device": "device = self.output.weight.device",
            STEP: f"hidden = self.init_hidden(x.size(0)) if hidden is None else hidden\n{STEP}",
        },
    ),
    right(
        "RNN",
        {
            "self.num_layers, self.hidden_dim =": "self.spec =",
            "self.num_layers": "self.spec[0]",
            "self.hidden_dim": "self.spec[1]",
        },
    ),
    right("GRU", {"torch.zeros(": "next(self.parameters()).new_zeros((", ", device=device": ")"}),
    right("LSTM", {PAIR: "return tuple(h.clone() for _ in range(2))"}),
    # models that share nothing with the solution
    *(right(model, {SOURCE[model]: SHARED_BASE}) for model in SOURCE),
    right("GRU", {SOURCE["GRU"]: STACKED_BY_HAND}),
    right("RNN", {SOURCE["RNN"]: STACKED_BY_HAND, "GRU": "RNN"}),
]
