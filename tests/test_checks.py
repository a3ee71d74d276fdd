"""Each rule of the checks has a wrong answer that breaks exactly that rule; right answers pass."""

import copy
import json
import re

import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import nn

import helpers
from course.make_exercise import SOLUTION, todo_number
from lab import checks, goal, memory
from lab.checks import hints, results

SOURCES = {}
for cell in json.loads(SOLUTION.read_text(encoding="utf-8"))["cells"]:
    if (number := todo_number(cell)) is not None:
        code = "".join(line for line in cell["source"] if not re.match(r"\s*#", line))
        SOURCES.setdefault(number, code)
NUMBER = {"RNN": 1, "LSTM": 2, "GRU": 3}


def model_class(source, kind):
    scope = {"nn": nn, "torch": torch, "F": F}
    exec(source, scope)
    return scope[f"Char{kind}"]


def changed(number, replacements):
    source = SOURCES[number]
    for old, new in replacements:
        assert old in source, old
        source = source.replace(old, new)
    return source


def check_model(kind, source):
    return getattr(checks, f"char_{kind.lower()}")(model_class(source, kind))


RETURN = "return self.output(self.dropout(rnn_out)), hidden"
EMBED = "self.dropout(self.embedding(x))"
EMBEDDING = "self.embedding = nn.Embedding(vocab_size, embedding_dim)"
LAST = "rnn_out = rnn_out[:, -1, :]"
OUTPUT = "self.output = nn.Linear(hidden_dim, vocab_size)"
LAYERS = "(embedding_dim, hidden_dim, num_layers, batch_first=True, dropout=dropout)"
ZEROS = "torch.zeros(self.num_layers, batch_size, self.hidden_dim, device=device)"

# rule, model, what a student wrote instead
WRONG_MODELS = [
    ("not-a-module", "RNN", [("(nn.Module)", "")]),
    ("signature", "RNN", [(", return_sequences=False", ""), ("not return_sequences", "True")]),
    ("signature", "LSTM", [(", dropout=0.3):", "):\n        dropout = 0.3")]),
    ("signature", "GRU", [("def init_hidden", "def initial_hidden")]),
    ("super-init", "RNN", [("super().__init__()", "pass")]),
    ("raised", "RNN", [("self.embedding(x)", "self.embeddings(x)")]),
    ("raised", "LSTM", [("self.rnn(embedded, hidden)", "self.rnn(embedded, hidden[0])")]),
    (
        "unregistered-layer",
        "RNN",
        [
            (EMBEDDING, "self.layers = [nn.Embedding(vocab_size, embedding_dim)]"),
            ("self.embedding(x)", "self.layers[0](x)"),
        ],
    ),
    ("hidden-not-returned", "RNN", [(RETURN, RETURN.removesuffix(", hidden"))]),
    ("hidden-not-returned", "GRU", [(RETURN, RETURN.replace(", hidden", ", None"))]),
    ("hidden-not-returned", "RNN", [("rnn_out, hidden = ", "rnn_out, _ = ")]),
    ("logits-shape", "RNN", [(LAST, "rnn_out = rnn_out[-1]")]),
    ("vocab-size", "RNN", [(OUTPUT, "self.output = nn.Linear(hidden_dim, 86)")]),
    ("return-sequences", "RNN", [("if not return_sequences:", "if True:")]),
    ("bidirectional", "LSTM", [
        ("batch_first=True", "batch_first=True, bidirectional=True"),
        (OUTPUT, "self.output = nn.Linear(2 * hidden_dim, vocab_size)"),
    ]),
    ("batch-first", "RNN", [("batch_first=True, ", "")]),
    ("batch-first", "LSTM", [("batch_first=True, ", "")]),
    ("batch-first", "GRU", [("batch_first=True, ", ""), ("rnn_out, hidden = ", "hidden = hidden if "
      "hidden is not None else self.init_hidden(len(x))\n        rnn_out, hidden = ")]),
    ("final-timestep", "RNN", [("if not return_sequences:", "if False:")]),
    ("final-timestep", "RNN", [(LAST, "rnn_out = rnn_out[:, 0, :]")]),
    ("final-timestep", "GRU", [(LAST, "rnn_out = rnn_out.mean(dim=1)")]),
    ("hidden-shape", "RNN", [(RETURN, RETURN.replace(", hidden", ", hidden[-1]"))]),
    ("hidden-shape", "LSTM", [(RETURN, RETURN.replace(", hidden", ", hidden[0]"))]),
    ("num-layers", "RNN", [("hidden_dim, num_layers, batch", "hidden_dim, 2, batch")]),
    ("hidden-size", "RNN", [
        ("nn.RNN(embedding_dim, hidden_dim", "nn.RNN(embedding_dim, 256"),
        (OUTPUT, "self.output = nn.Linear(256, vocab_size)"),
    ]),
    ("embedding-size", "RNN", [
        (EMBEDDING, "self.embedding = nn.Embedding(vocab_size, hidden_dim)"),
        ("nn.RNN(embedding_dim", "nn.RNN(hidden_dim"),
    ]),
    ("layer-type", "RNN", [("batch_first=True", 'batch_first=True, nonlinearity="relu"')]),
    ("layer-type", "RNN", [("nn.RNN", "nn.GRU")]),
    ("layer-type", "LSTM", [("nn.LSTM", "nn.GRU")]),
    ("layer-type", "GRU", [("nn.GRU", "nn.LSTM")]),
    ("parameter-count", "RNN", [(OUTPUT, OUTPUT[:-1] + ", bias=False)")]),
    ("parameter-count", "RNN", [("hidden_dim=256", "hidden_dim=128")]),
    ("raw-logits", "RNN", [(RETURN, RETURN.replace(", hidden", ".softmax(-1), hidden"))]),
    ("raw-logits", "LSTM", [
        (RETURN, "return F.log_softmax(self.output(self.dropout(rnn_out)), dim=-1), hidden")
    ]),
    ("hidden-ignored", "RNN", [("self.rnn(embedded, hidden)", "self.rnn(embedded)")]),
    ("state-leaks", "RNN", [
        ("rnn_out, hidden = self.rnn(embedded, hidden)",
         "hidden = hidden if hidden is not None else getattr(self, 'state', None)\n"
         "        if hidden is not None and hidden.shape[1] != len(x): hidden = None\n"
         "        rnn_out, hidden = self.rnn(embedded, hidden); self.state = hidden"),
    ]),
    ("detached", "RNN", [("self.dropout(rnn_out)", "self.dropout(rnn_out.detach())")]),
    ("detached", "GRU", [("self.rnn(embedded, hidden)", "self.rnn(embedded.data, hidden)")]),
    ("dropout-always-on", "RNN", [(EMBED, "F.dropout(self.embedding(x), 0.3)")]),
    ("dropout-missing", "RNN", [(EMBED, "self.embedding(x)")]),
    ("dropout-missing", "LSTM", [(", dropout=dropout)", ")")]),
    ("dropout-missing", "GRU", [("self.dropout(rnn_out)", "rnn_out")]),
    ("dropout-missing", "RNN", [
        (EMBED, "self.embedding(x)"), ("self.dropout(rnn_out)", "rnn_out"),
        (", dropout=dropout)", ")"),
    ]),
    ("dropout-rate", "RNN", [("nn.Dropout(dropout)", "nn.Dropout(0.3)")]),
    ("dropout-rate", "RNN", [("dropout=0.3", "dropout=0.5")]),
    ("batch-first", "RNN", [("batch_first=True, ", ""), (LAST, "rnn_out = rnn_out[-1]")]),
    ("raw-logits", "RNN", [(RETURN, "return F.relu(self.output(self.dropout(rnn_out))), hidden")]),
    ("raw-logits", "RNN", [(RETURN, "return self.output(self.dropout(rnn_out)).tanh(), hidden")]),
    ("dropout-rate", "GRU", [("nn.Dropout(dropout)", "nn.Dropout(dropout / 2)")]),
    ("dropout-rate", "LSTM", [(", dropout=dropout)", ", dropout=dropout / 2)")]),
    ("raised", "GRU", [("self.rnn(embedded, hidden)", "self.rnn(hidden, embedded)")]),
    ("raised", "RNN", [("def forward(self, x, hidden=None", "def forward(self, x, hidden"),
                       ("return_sequences=False):", "return_sequences=False, *more):\n"
                        "        x = x.view(-1, 50)")]),
    ("signature", "GRU", [("def forward(self, x, hidden=None, ", "def forward(self, x, ")]),
    ("logits-shape", "LSTM", [(RETURN, RETURN.replace(", hidden", ".argmax(-1), hidden"))]),
    ("logits-shape", "GRU", [(LAST, "rnn_out = rnn_out[-1, :]")]),
    ("vocab-size", "GRU", [("nn.Embedding(vocab_size", "nn.Embedding(86")]),
    ("vocab-size", "LSTM", [("nn.Embedding(vocab_size", "nn.Embedding(5")]),
    ("vocab-size", "RNN", [("nn.Embedding(vocab_size", "nn.Embedding(86"),
                           (OUTPUT, "self.output = nn.Linear(hidden_dim, 86)")]),
    ("embedding-size", "GRU", [("nn.Embedding(vocab_size, embedding_dim",
                                "nn.Embedding(vocab_size, hidden_dim")]),
    ("embedding-size", "LSTM", [("nn.LSTM(embedding_dim", "nn.LSTM(hidden_dim")]),
    ("embedding-size", "RNN", [("nn.Embedding(vocab_size, embedding_dim",
                                "nn.Embedding(vocab_size, 128")]),
    ("hidden-size", "LSTM", [(OUTPUT, "self.output = nn.Linear(embedding_dim, vocab_size)")]),
    ("hidden-size", "GRU", [("nn.GRU(embedding_dim, hidden_dim", "nn.GRU(embedding_dim, 256")]),
    ("num-layers", "LSTM", [("hidden_dim, num_layers, batch", "hidden_dim, 2, batch")]),
    ("num-layers", "GRU", [("hidden_dim, num_layers, batch_first=True, dropout=dropout",
                            "hidden_dim, batch_first=True")]),
    ("num-layers", "RNN", [("hidden_dim, num_layers, batch", "hidden_dim, 2, batch"),
                           ("rnn_out, hidden = ", "hidden = self.init_hidden(len(x)) "
                            "if hidden is None else hidden\n        rnn_out, hidden = ")]),
    ("bidirectional", "GRU", [("batch_first=True", "batch_first=True, bidirectional=True")]),
    ("bidirectional", "RNN", [("self.embedding(x)", "self.embedding(x.flip(1))"),
                              ("if not return_sequences", "rnn_out = rnn_out.flip(1)\n"
                               "        if not return_sequences")]),
    ("final-timestep", "LSTM", [(LAST, "rnn_out = rnn_out.max(dim=1).values")]),
    ("final-timestep", "RNN", [(LAST, "rnn_out = hidden[0]")]),
    ("final-timestep", "LSTM", [(LAST, "rnn_out = hidden[1][-1]")]),
    ("final-timestep", "GRU", [("if not return_sequences:", "if return_sequences:")]),
    ("raw-logits", "GRU", [(RETURN, "return F.softmax(self.output(self.dropout(rnn_out)), dim=-1),"
                            " hidden")]),
    ("hidden-shape", "GRU", [(RETURN, RETURN.replace(", hidden", ", hidden.transpose(0, 1)"))]),
    ("hidden-shape", "LSTM", [("rnn_out, hidden = self.rnn(embedded, hidden)",
                               "rnn_out, (h, c) = self.rnn(embedded, hidden); hidden = h")]),
    ("hidden-ignored", "LSTM", [("self.rnn(embedded, hidden)",
                                 "self.rnn(embedded, self.init_hidden(len(x)))")]),
    ("hidden-not-returned", "LSTM", [(RETURN, RETURN.replace(", hidden",
                                      ", self.init_hidden(len(x))"))]),
    ("state-leaks", "GRU", [("self.rnn(embedded, hidden)", "self.rnn(embedded, getattr(self, 's', "
                             "hidden))"), (RETURN, "self.s = hidden\n        " + RETURN)]),
    ("detached", "RNN", [("rnn_out, hidden = self.rnn(embedded, hidden)",
                          "with torch.no_grad():\n"
                          "            rnn_out, hidden = self.rnn(embedded, hidden)")]),
    ("dropout-always-on", "LSTM", [("self.dropout(rnn_out)", "F.dropout(rnn_out, p=0.3)")]),
    ("init-hidden-tuple", "LSTM", [("return h, torch.zeros_like(h)", "return h"),
                                   ("rnn_out, hidden = ", "hidden = self.init_hidden(len(x)) "
                                    "if hidden is None else hidden\n        rnn_out, hidden = ")]),
    ("init-hidden-shape", "LSTM", [("(self.num_layers, batch_size,", "(batch_size, "
                                    "self.num_layers,")]),
    ("init-hidden-shape", "GRU", [("(self.num_layers, batch_size, self.hidden_dim",
                                   "(batch_size, self.hidden_dim")]),
    ("init-hidden-values", "LSTM", [("torch.zeros(", "torch.randn(")]),
    ("init-hidden-tuple", "LSTM", [("return h, torch.zeros_like(h)", "return h")]),
    ("init-hidden-tuple", "GRU", [(f"return {ZEROS}", f"h = {ZEROS}; return h, h")]),
    ("init-hidden-shape", "RNN", [("s, batch_size,", "s, 1,")]),
    ("init-hidden-values", "RNN", [("torch.zeros", "torch.ones")]),
    ("init-hidden-device", "GRU", [(", device=device", "")]),
]  # fmt: skip

# model, another way to write it
RIGHT_MODELS = [
    ("RNN", []),
    ("LSTM", []),
    ("GRU", []),
    ("RNN", [("nn.Module", "torch.nn.Module"), ("self.rnn", "self.recurrent")]),
    ("RNN", [
        ("self.dropout = nn.Dropout(dropout)", "self.p = dropout"),
        (EMBED, "F.dropout(self.embedding(x), self.p, training=self.training)"),
        ("self.dropout(rnn_out)", "F.dropout(rnn_out, self.p, self.training)"),
    ]),
    ("GRU", [(LAST, "rnn_out = hidden[-1]")]),
    ("LSTM", [(LAST, "rnn_out = hidden[0][-1]")]),
    ("LSTM", [("batch_first=True, ", ""), ("rnn_out, hidden = self.rnn(embedded, hidden)",
        "rnn_out, hidden = self.rnn(embedded.transpose(0, 1), hidden)\n"
        "        rnn_out = rnn_out.transpose(0, 1)")]),
    ("GRU", [
        (OUTPUT, "self.head = nn.Sequential(self.dropout, nn.Linear(hidden_dim, vocab_size))"),
        ("self.output(self.dropout(rnn_out))", "self.head(rnn_out)"),
    ]),
    ("RNN", [
        (ZEROS, "self.output.weight.new_zeros(self.num_layers, batch_size, self.hidden_dim)"),
        ("rnn_out, hidden =", "if hidden is None:\n            hidden = self.init_hidden(len(x))\n"
         "        rnn_out, hidden ="),
    ]),
    ("LSTM", [
        (EMBEDDING, "self.parts = nn.ModuleDict({'e': nn.Embedding(vocab_size, embedding_dim)})"),
        ("self.embedding(x)", "self.parts['e'](x)"),
        (OUTPUT, OUTPUT + "\n        for p in self.parameters(): nn.init.uniform_(p, -0.1, 0.1)"),
    ]),
    ("RNN", [(LAYERS, '(embedding_dim, hidden_dim, num_layers, "tanh", True, True, dropout)')]),
    ("LSTM", [(LAYERS, "(embedding_dim, hidden_dim, num_layers, True, True, dropout)")]),
    ("GRU", [(LAYERS, "(input_size=embedding_dim, hidden_size=hidden_dim, batch_first=True, "
                      "num_layers=num_layers, dropout=dropout)")]),
    ("RNN", [(LAST, "rnn_out = rnn_out[:, -1]")]),
    ("GRU", [(OUTPUT, OUTPUT + "\n        nn.init.zeros_(self.output.weight)"
              "\n        nn.init.zeros_(self.output.bias)")]),
    ("LSTM", [(LAST, "rnn_out = rnn_out.select(1, -1)")]),
    ("GRU", [(LAST, "rnn_out = rnn_out.transpose(0, 1)[-1]")]),
    ("LSTM", [("if not return_sequences:", "if False:"),
              (RETURN, "logits = self.output(self.dropout(rnn_out))\n"
                    "        return (logits if return_sequences else logits[:, -1, :]), hidden")]),
    ("LSTM", [("rnn_out, hidden = self.rnn(embedded, hidden)",
               "rnn_out, (h, c) = self.rnn(embedded, hidden)"), (RETURN, RETURN.replace(
                ", hidden", ", (h, c)"))]),
    ("RNN", [("hidden=None, return_sequences", "hidden=None, *, return_sequences")]),
    ("GRU", [("dropout=0.3):", "dropout=0.3, tied=False, **options):")]),
    ("GRU", [(ZEROS, "next(self.parameters()).new_zeros((self.num_layers, batch_size, "
                     "self.hidden_dim))")]),
    ("LSTM", [("return h, torch.zeros_like(h)", "return tuple(h.clone() for _ in range(2))")]),
    ("RNN", [("self.dropout = nn.Dropout(dropout)", "self.before = nn.Dropout(dropout)\n"
              "        self.after = nn.Dropout(dropout)"), ("self.dropout(self.emb",
              "self.before(self.emb"), ("self.dropout(rnn_out)", "self.after(rnn_out)")]),
    ("GRU", [(EMBEDDING, "self.embedding = nn.Sequential(nn.Embedding(vocab_size, embedding_dim), "
              "nn.Dropout(dropout))"), (EMBED, "self.embedding(x)")]),
    ("LSTM", [("self.output(self.dropout(rnn_out))",
               "F.linear(self.dropout(rnn_out), self.output.weight, self.output.bias)")]),
    ("GRU", [(OUTPUT, OUTPUT + "\n        for name, p in self.rnn.named_parameters():\n"
              "            (nn.init.orthogonal_ if p.dim() > 1 else nn.init.zeros_)(p)")]),
    ("RNN", [("self.num_layers, self.hidden_dim = num_layers, hidden_dim", "self.spec = (num_layers"
              ", hidden_dim)"), ("self.num_layers, batch_size, self.hidden_dim",
              "self.spec[0], batch_size, self.spec[1]")]),
    ("LSTM", [("device = next(self.parameters()).device", "device = self.output.weight.device"),
              ("rnn_out, hidden = ", "hidden = self.init_hidden(x.size(0)) if hidden is None else "
               "hidden\n        rnn_out, hidden = ")]),
]  # fmt: skip


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
        self.layers = nn.ModuleList(nn.KIND(n, hidden_dim, batch_first=True) for n in sizes)
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
RIGHT_SOURCES = [(kind, SHARED_BASE) for kind in NUMBER] + [
    ("GRU", STACKED_BY_HAND.replace("nn.KIND", "nn.GRU")),
    ("RNN", STACKED_BY_HAND.replace("nn.KIND", "nn.RNN").replace("CharGRU", "CharRNN")),
]


@pytest.mark.parametrize("kind, source", RIGHT_SOURCES)
def test_a_right_model_written_otherwise_passes(kind, source):
    result = check_model(kind, source)
    assert result.status == "passed", result.message


@pytest.mark.parametrize("rule, kind, replacements", WRONG_MODELS)
def test_a_wrong_model_breaks_its_own_rule(rule, kind, replacements):
    result = check_model(kind, changed(NUMBER[kind], replacements))
    assert (result.status, result.rule) == ("failed", rule), result.message
    assert result.points == 0 and result.message


@pytest.mark.parametrize("kind, replacements", RIGHT_MODELS)
def test_a_right_model_passes_in_any_style(kind, replacements):
    result = check_model(kind, changed(NUMBER[kind], replacements))
    assert result.status == "passed", result.message
    assert result.points == result.max_points > 0 and result.rule is None


def trainer(source, namespace):
    """Return train_and_compare_models from its source, with small models to be quick."""
    scope = dict(namespace)
    exec(source, scope)
    return scope["train_and_compare_models"]


OPTIMIZER = "optim.Adam(model.parameters(), lr=LEARNING_RATES[name])"
VALIDATE = "evaluate_model(model, val_X, val_y, criterion, every_step=True)"
SUBSET = "val_X, val_y = val_X[49::50], val_y[49::50]"
TRAIN = "train_epoch(model, X, y, optimizer, criterion)"

WRONG_TRAINING = [
    ("models-missing", [("return models, metrics", "return metrics")]),
    ("models-missing", [("models[name] = model", "models[name.lower()] = model")]),
    ("models-missing", [("models[name] = model", "models[name] = None")]),
    ("models-missing", [("    return models, metrics", "    return")]),
    ("metrics-keys", [('"epoch_times": epoch_times,', "")]),
    ("metrics-keys", [("metrics[name] = {", "metrics['all'] = {")]),
    ("epochs-ignored", [("range(epochs)", "range(2)")]),
    ("metrics-length", [("val_losses.append(val_loss)", "val_losses = [val_loss]")]),
    ("metrics-length", [(': train_losses', ': list(map(str, train_losses))')]),
    ("shared-model", [
        ("model = model_class(vocab_size).to(device)",
         "model = models.get('RNN') or model_class(vocab_size).to(device)"),
    ]),
    ("not-trained", [("train_loss, seconds = " + TRAIN, "train_loss, seconds = 1.0, 1.0")]),
    ("frozen-model", [(OPTIMIZER, OPTIMIZER.replace("parameters", "output.parameters"))]),
    ("learning-rate", [("LEARNING_RATES[name]", "0.1")]),
    ("learning-rate", [("LEARNING_RATES[name]", "1e-6")]),
    ("trains-on-validation", [("one_pass(train_X, train_y", "one_pass(val_X, val_y")]),
    ("validation-missing", [(SUBSET, "val_X, val_y = train_X, train_y")]),
    ("validation-missing", [("val_loss = " + VALIDATE, "val_loss = train_loss")]),
    ("untrained-returned", [("models[name] = model", "models[name] = model_class(vocab_size)")]),
    ("best-weights", [("best_epoch = best.restore()", "best_epoch = epochs")]),
    ("best-weights", [("best.update(val_loss)\n", "pass\n"),
                      ("best_epoch = best.restore()",
                       "best.update(1.0); best_epoch = best.restore()")]),
    ("raised", [("epoch_times = [], [], []", "epoch_times = [], []")]),
    ("raised", [("train_epoch(model, X, y,", "train_epoch(model, X,")]),
    ("metrics-swapped", [("train_loss, seconds = train", "seconds, train_loss = train")]),
    ("metrics-swapped", [("train_losses.append(train_loss)", "train_losses.append(seconds)")]),
    ("learning-rate", [("LEARNING_RATES[name]", "1.0")]),
    ("metrics-keys", [('"best_epoch": best_epoch,', "")]),
    ("metrics-length", [("train_losses.append(train_loss)", "train_losses += [train_loss] * 2")]),
    ("trains-on-validation", [("one_pass(train_X, train_y", "one_pass(torch.cat([train_X, val_X]), "
                               "torch.cat([train_y, val_y])")]),
    ("untrained-returned", [("return models, metrics",
      "return {n: c(vocab_size) for n, c in MODEL_CLASSES.items()}, metrics")]),
    ("best-weights", [("best.update(val_loss)", "best.update(train_loss)")]),
]  # fmt: skip

RIGHT_TRAINING = [
    [],
    [(SUBSET, "val_X, val_y = val_X[::50], val_y[::50]")],
    [(SUBSET, ""), (VALIDATE, "evaluate_model(model, val_X, val_y, criterion)")],
    [(VALIDATE, "evaluate_model(model, val_X, val_y, criterion)")],
    [("optim.Adam", "optim.AdamW"), ("torch.manual_seed(SEED)", "torch.manual_seed(7)")],
    [("optim.Adam(model.parameters(), lr=LEARNING_RATES[name])",
      "optim.SGD(model.parameters(), lr=0.04, momentum=0.9)")],
]  # fmt: skip


@pytest.mark.parametrize("rule, replacements", WRONG_TRAINING)
def test_wrong_training_breaks_its_own_rule(rule, replacements, namespace):
    result = checks.training(trainer(changed(5, replacements), namespace))
    assert (result.status, result.rule) == ("failed", rule), result.message


@pytest.mark.parametrize("replacements", RIGHT_TRAINING)
def test_right_training_passes_in_any_style(replacements, namespace):
    result = checks.training(trainer(changed(5, replacements), namespace))
    assert result.status == "passed", result.message


ALL_IN_ONE_LOOP = """
def train_and_compare_models(train_X, train_y, val_X, val_y, vocab_size, epochs=20):
    models = {name: cls(vocab_size) for name, cls in MODEL_CLASSES.items()}
    optimizers = {n: optim.Adam(m.parameters(), lr=LEARNING_RATES[n]) for n, m in models.items()}
    best = {name: BestWeights(model) for name, model in models.items()}
    metrics = {n: {"train_losses": [], "val_losses": [], "epoch_times": []} for n in models}
    for epoch in range(epochs):
        X, y = one_pass(train_X, train_y, epoch)
        for n, model in models.items():
            loss, seconds = train_epoch(model, X, y, optimizers[n], nn.CrossEntropyLoss())
            val = evaluate_model(model, val_X, val_y, nn.CrossEntropyLoss())
            for key, value in zip(metrics[n], (loss, val, seconds)):
                metrics[n][key].append(value)
            best[n].update(val)
    for n in models:
        metrics[n]["best_epoch"] = best[n].restore()
    return models, metrics
"""
SEPARATE = "{n: optim.Adam(m.parameters(), lr=LEARNING_RATES[n]) for n, m in models.items()}"


@pytest.mark.parametrize(
    "optimizers",
    [
        SEPARATE,
        SEPARATE.replace("Adam(", "RMSprop(").replace("lr=", "weight_decay=1e-5, lr="),
        "dict.fromkeys(models, optim.Adam([p for m in models.values() for p in m.parameters()]))",
    ],
)
def test_one_loop_over_epochs_with_all_models_inside_passes(optimizers, namespace):
    assert SEPARATE in ALL_IN_ONE_LOOP
    source = ALL_IN_ONE_LOOP.replace(SEPARATE, optimizers)
    assert checks.training(trainer(source, namespace)).status == "passed"


COUNTS = {"RNN": 258_505, "LSTM": 949_705, "GRU": 719_305}
PROMPT = "The meaning of"
TEXTS = {name: {t: f"{PROMPT} {name} {t}" for t in (0.5, 1.0)} for name in COUNTS}
SPANS = {"RNN": 4, "LSTM": 128, "GRU": 128}


@pytest.fixture(scope="module")
def trained(namespace):
    """What the notebook has after TODO 7: (performance_table, models, metrics, test_X, test_y)."""
    text = "the quick brown fox jumps over the lazy dog. " * 20
    chars, char2idx, _ = helpers.build_vocabulary(text)
    test_X, test_y = helpers.prepare_sequences(text, char2idx, seq_len=20)[4:]
    torch.manual_seed(0)
    models = {n: c(len(chars), 8, 16) for n, c in namespace["MODEL_CLASSES"].items()}
    metrics = {
        name: {"train_losses": [3.0, loss], "val_losses": [3.1, loss + 0.1],
               "epoch_times": [0.5, 0.4], "best_epoch": 2}
        for name, loss in (("RNN", 2.3), ("LSTM", 2.1), ("GRU", 2.0))
    }  # fmt: skip
    table = helpers.create_performance_table(metrics, models, test_X, test_y)
    return table, models, metrics, test_X, test_y


def put(table, name, column, value):
    table = table.astype({column: type(value)})
    table.loc[table["Model"] == name, column] = value
    return table


def rescored(table, models, metrics, test_X, test_y):
    torch.manual_seed(1)
    others = copy.deepcopy(models)
    for model in others.values():
        for parameter in model.parameters():
            nn.init.uniform_(parameter, -0.5, 0.5)
    return helpers.create_performance_table(metrics, others, test_X, test_y)


# rule, what a student made of the table, given (table, models, metrics, test_X, test_y)
TABLES = [
    (None, lambda table, *_: table),
    (None, lambda table, *_: table[::-1].reset_index(drop=True)),
    (None, lambda table, *_: table.assign(Remark="mine")),
    (None, lambda table, *_: table.round(4)),
    ("table-columns", lambda *_: "a table"),
    ("table-columns", lambda table, *_: table.drop(columns="Parameters")),
    ("table-columns", lambda table, *_: table.head(2)),
    ("table-columns", lambda table, *_: table.T),
    ("table-columns", lambda table, *_: table.assign(Parameters=table["Parameters"].map(str))),
    ("table-columns", lambda table, *_: table.replace({"Model": {"GRU": "LSTM"}})),
    ("table-stale", rescored),
    ("table-stale", lambda table, *_: put(table, "GRU", "Test Perplexity", 1.5)),
    ("table-stale", lambda table, *_: put(table, "GRU", "Test Perplexity", float("nan"))),
    ("table-stale", lambda table, *_: put(table, "RNN", "Final Val Loss", 1.0)),
    ("table-stale", lambda table, *_: put(table, "LSTM", "Best Epoch", 1)),
    ("table-stale", lambda table, *_: put(table, "LSTM", "Parameters", 7)),
    ("table-stale", lambda table, *_: table.assign(Model=["LSTM", "RNN", "GRU"])),
]


@pytest.mark.parametrize("rule, change", TABLES)
def test_the_table_is_compared_with_the_trained_models(rule, change, trained):
    result = checks.performance(change(*trained), *trained[1:])
    assert (result.status == "passed") == (rule is None) and result.rule == rule, result.message


def test_a_table_without_trained_models_is_stale(trained):
    assert checks.performance(trained[0], None, None, *trained[3:]).rule == "table-stale"


def plotted(names=("RNN", "LSTM", "GRU"), xlabel="parameters", ylabel="perplexity", how="annotate"):
    figure = Figure()
    axes = figure.subplots()
    for i, name in enumerate(names):
        axes.scatter(i, i, label=name)
        if how == "annotate":
            axes.annotate(name, (i, i))
    if how == "legend":
        axes.legend()
    if how == "bars":
        axes.clear()
        axes.bar(names, range(1, len(names) + 1))
    axes.set(xlabel=xlabel, ylabel=ylabel)
    return figure


def empty():
    figure = Figure()
    figure.subplots()
    return figure


LATER = [
    ("parameters", (COUNTS, 73), None),
    ("parameters", ({name: float(count) for name, count in COUNTS.items()}, 73), None),
    ("parameters", (COUNTS | {"GRU": 1}, 73), "counts-wrong"),
    ("parameters", ({"RNN": 258_505}, 73), "counts-wrong"),
    ("parameters", (list(COUNTS.values()), 73), "counts-wrong"),
    ("parameters", ({name: f"{count:,}" for name, count in COUNTS.items()}, 73), "counts-wrong"),
    ("parameters", (COUNTS, 86), "counts-wrong"),
    ("samples", (TEXTS, PROMPT), None),
    ("samples", ({n: t | {2.0: f"{PROMPT}!{n}"} for n, t in TEXTS.items()}, PROMPT), None),
    ("samples", (TEXTS | {"GRU": PROMPT + " GRU"}, PROMPT), "samples-missing"),
    ("samples", (TEXTS | {"GRU": {0.5: None, 1.0: None}}, PROMPT), "samples-missing"),
    ("samples", (TEXTS | {"GRU": {0.5: PROMPT + " it"}}, PROMPT), "samples-missing"),
    ("samples", ({"RNN": TEXTS["RNN"]}, PROMPT), "samples-missing"),
    ("samples", (TEXTS | {"GRU": {0.5: "it was", 1.0: "they were"}}, PROMPT), "prompt-missing"),
    ("samples", (TEXTS | {"GRU": {0.5: PROMPT, 1.0: PROMPT}}, PROMPT), "prompt-missing"),
    ("samples", (TEXTS | {"GRU": TEXTS["LSTM"]}, PROMPT), "identical-samples"),
    ("samples", (TEXTS | {"GRU": dict.fromkeys((0.5, 1.0), PROMPT + " x")}, PROMPT),
     "identical-samples"),
    ("figures", (plotted(), plotted()), None),
    ("figures", (plotted(), plotted(how="legend")), None),
    ("figures", (plotted(), plotted(how="bars")), None),
    ("figures", (plotted(), plotted(("Char RNN", "LSTM (4 gates)", "the GRU"))), None),
    ("figures", (plotted(), None), "figure-empty"),
    ("figures", (None, plotted()), "figure-empty"),
    ("figures", (plotted(), empty()), "figure-empty"),
    ("figures", (plotted(), plotted().axes[0]), "figure-empty"),
    ("figures", (plotted(), plotted(xlabel="")), "axes-unlabelled"),
    ("figures", (plotted(), plotted(ylabel=" ")), "axes-unlabelled"),
    ("figures", (plotted(), plotted(how="no names")), "axes-unlabelled"),
    ("figures", (plotted(), plotted(("RNN", "LSTM"))), "axes-unlabelled"),
    ("long_context", (SPANS,), None),
    ("long_context", ({"RNN": 128, "LSTM": 128, "GRU": 128},), None),
    ("long_context", ({"RNN": 0, "LSTM": 1, "GRU": 0},), None),
    ("long_context", ({"RNN": 8, "LSTM": 128},), "spans-missing"),
    ("long_context", (SPANS | {"GRU": None},), "spans-missing"),
    ("long_context", (SPANS | {"GRU": 5.3},), "spans-missing"),
    ("long_context", ([2, 128, 128],), "spans-missing"),
    ("long_context", ({"RNN": 128, "LSTM": 4, "GRU": 128},), "spans-swapped"),
    ("long_context", ({"RNN": 128, "LSTM": 128, "GRU": 4},), "spans-swapped"),
]  # fmt: skip


@pytest.mark.parametrize("name, arguments, rule", LATER)
def test_later_todos_are_judged_by_what_they_hold(name, arguments, rule):
    result = getattr(checks, name)(*arguments)
    assert (result.status == "passed") == (rule is None) and result.rule == rule, result.message


MEASURED = pd.DataFrame(
    {"Model": ["RNN", "LSTM", "GRU"], "Parameters": [258_505, 949_705, 719_305],
     "Test Perplexity": [7.137, 6.629, 6.620], "Inference Speed (ms)": [2.0, 2.5, 5.4]}
)  # fmt: skip
ASKED = goal.Requirements(20, 1_400_000, load=4, span=64, perplexity_margin=0.05)
GOOD = {"Parameters": 719_305, "Test Perplexity": 6.62}

# rule, recommendation, evidence, spans, what is asked otherwise than by ASKED
RECOMMENDATIONS = [
    (None, "GRU", GOOD, SPANS, {}),
    (None, "GRU", GOOD | {"Memory Span": 128}, SPANS, {}),
    (None, "GRU", {"Test Perplexity": 6.6}, SPANS, {}),
    (None, "RNN", {"Parameters": 258_505}, SPANS, {"span": 4, "perplexity_margin": 0.1}),
    (None, "LSTM", {"Memory Span": 128}, SPANS | {"GRU": 32}, {}),
    (None, "LSTM", {"Memory Span": 128}, SPANS, {"span": 256}),  # nobody meets the requirements
    (None, "LSTM", {"Inference Speed (ms)": 2.5}, SPANS, {"latency_ms": 3}),
    (None, "RNN", {"Parameters": 258_505}, SPANS, {"parameters": 500_000}),  # nobody does
    ("recommendation-unsupported", "GRU", GOOD, SPANS, {"latency_ms": 3}),
    ("recommendation-unsupported", "LSTM", {"Memory Span": 128}, SPANS, {"parameters": 800_000}),
    ("recommendation-unknown", "gru", GOOD, SPANS, {}),
    ("recommendation-unknown", None, GOOD, SPANS, {}),
    ("recommendation-unknown", "CharGRU", GOOD, SPANS, {}),
    ("recommendation-unsupported", "RNN", {"Parameters": 258_505}, SPANS, {}),
    ("recommendation-unsupported", "RNN", {"Parameters": 258_505}, SPANS, {"span": 4}),
    ("recommendation-unsupported", "LSTM", {"Parameters": 949_705}, SPANS, {}),
    ("recommendation-unsupported", "GRU", GOOD, None, {}),
    ("evidence-missing", "GRU", {}, SPANS, {}),
    ("evidence-missing", "GRU", None, SPANS, {}),
    ("evidence-missing", "GRU", "6.62", SPANS, {}),
    ("evidence-missing", "GRU", {"Test Perplexity": "6.62"}, SPANS, {}),
    ("evidence-mismatch", "GRU", GOOD | {"Test Perplexity": 5.0}, SPANS, {}),
    ("evidence-mismatch", "GRU", {"Parameters": 949_705}, SPANS, {}),
    ("evidence-mismatch", "GRU", {"Perplexity": 6.62}, SPANS, {}),
    ("evidence-mismatch", "GRU", {"Memory Span": 64}, SPANS, {}),
]


@pytest.mark.parametrize("rule, name, evidence, spans, asked", RECOMMENDATIONS)
def test_a_recommendation_follows_from_the_numbers(rule, name, evidence, spans, asked):
    result = checks.recommendation(name, evidence, MEASURED, spans, ASKED._replace(**asked))
    assert (result.status == "passed") == (rule is None) and result.rule == rule, result.message


def test_every_rule_has_a_wrong_answer_and_the_bank_is_large(capsys):
    rules = [rule for rule, *_ in WRONG_MODELS + WRONG_TRAINING + TABLES + RECOMMENDATIONS]
    rules += [rule for *_, rule in LATER]
    wrong = [rule for rule in rules if rule]
    right = len(RIGHT_MODELS + RIGHT_SOURCES + RIGHT_TRAINING) + len(rules) - len(wrong)
    with capsys.disabled():
        print(f"\n{len(wrong)} wrong answers to {len(checks.RULES)} rules, {right} right answers")
    assert set(wrong) == set(checks.RULES)
    assert len(wrong) >= 70 and right >= 30


@pytest.mark.parametrize("check", checks.CHECKS)
def test_hints_lead_from_a_question_to_the_line(check, capsys):
    results._hinted.clear()
    for symptom in hints.symptoms(check):
        rule = next(iter(hints.symptoms(check)[symptom][0]), None)
        checks.latest[check] = checks.CheckResult(check, "failed", rule, "", 0, 1)
        for step in (1, 2, 3, 3):
            checks.hint(check)
            out = capsys.readouterr().out
            assert f"Hint {step} of 3" in out and symptom in out and "{" + "layer" not in out
            assert step > 1 or "?" in out
        checks.hint(check, 2)
        assert "Hint 2 of 3" in capsys.readouterr().out


def test_every_rule_of_models_and_training_is_filed_under_one_symptom():
    for check in ("char_rnn", "training"):
        filed = [rule for rules, _ in hints.symptoms(check).values() for rule in rules]
        assert len(filed) == len(set(filed)) and set(filed) <= set(checks.RULES)
    broken = {rule for rule, *_ in WRONG_MODELS}
    assert broken == {r for rules, _ in hints.symptoms("char_gru").values() for r in rules}
    broken = {rule for rule, *_ in WRONG_TRAINING} - {"raised"}
    assert broken == {r for rules, _ in hints.symptoms("training").values() for r in rules}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("rnn",), "expected one of char_rnn"),
        (("samples", 4), "hints 1 to 3"),
        (("samples", 0), "hints 1 to 3"),
    ],
)
def test_a_hint_that_does_not_exist_is_named(arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        checks.hint(*arguments)


def test_a_failure_says_how_to_get_a_hint():
    assert 'checks.hint("samples")' in str(checks.samples({}, PROMPT))
    assert "hint" not in str(checks.samples(TEXTS, PROMPT))


@pytest.mark.parametrize("name", checks.CHECKS)
def test_nothing_filled_in_is_not_attempted(name):
    stub = "class CharX(nn.Module):\n    def __init__(self, vocab_size, embedding_dim=128, " \
        "hidden_dim=256, num_layers=2, dropout=0.3):\n        super().__init__()\n" \
        "    def forward(self, x, hidden=None, return_sequences=False): pass\n" \
        "    def init_hidden(self, batch_size): pass"  # fmt: skip
    scope = {"nn": nn}
    exec(stub, scope)
    given = {"parameters": (None, 73), "training": (lambda *args, epochs=20: (None, None),)}
    given |= {"figures": (None, None), "recommendation": (None, None, None, None, ASKED)}
    given |= {"samples": (None, PROMPT), "performance": (None, None, None, None, None)}
    default = (scope["CharX"],) if name.startswith("char") else (None,)
    result = getattr(checks, name)(*given.get(name, default))
    assert (result.status, result.rule, result.points) == ("not attempted", None, 0)


def test_an_exception_quotes_the_line_of_the_student(tmp_path):
    path = tmp_path / "answer.py"
    path.write_text(changed(1, [("self.embedding(x)", "self.embeddings(x)")]))
    scope = {"nn": nn, "torch": torch}
    exec(compile(path.read_text(), str(path), "exec"), scope)
    message = checks.char_rnn(scope["CharRNN"]).message
    assert "at your line: embedded = self.dropout(self.embeddings(x))" in message


def test_an_answer_that_no_rule_foresaw_is_a_failure_not_a_traceback():
    class Odd(dict):
        def __eq__(self, other):
            raise RuntimeError("never compare me")

        __hash__ = None

    result = checks.training(lambda *args, epochs: Odd())
    assert (result.status, result.rule) == ("failed", "raised")
    assert "never compare me" in result.message


def test_checks_change_nothing(namespace):
    torch.manual_seed(3)
    model = namespace["CharGRU"](11)
    before, mode = copy.deepcopy(model.state_dict()), model.training
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    checks.char_gru(namespace["CharGRU"])
    checks.training(namespace["train_and_compare_models"])
    checks.training(lambda *args, epochs: torch.set_num_threads(threads + 1))
    assert torch.equal(torch.get_rng_state(), state) and torch.get_num_threads() == threads
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert model.training == mode and all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("training", [True, False])
def test_the_trained_models_stay_as_they_are(training, trained):
    table, models, metrics, test_X, test_y = copy.deepcopy(trained)
    for model in models.values():
        model.train(training)(test_X[:2])[0].sum().backward()
    gradients = {n: [p.grad.clone() for p in m.parameters()] for n, m in models.items()}
    weights = copy.deepcopy({name: model.state_dict() for name, model in models.items()})
    checks.performance(table, models, metrics, test_X, test_y)
    for name, model in models.items():
        assert all(m.training == training for m in model.modules())
        assert all(torch.equal(v, weights[name][k]) for k, v in model.state_dict().items())
        pairs = zip(model.parameters(), gradients[name], strict=True)
        assert all(torch.equal(p.grad, gradient) for p, gradient in pairs)


def test_a_check_prints_its_banner_once_and_nothing_else(namespace, capsys):
    checks.training(namespace["train_and_compare_models"])
    out, err = capsys.readouterr()
    assert out.count("\n") == 1 and "TODO 5" in out and err == ""


def test_summary_tells_the_state_of_every_check_and_what_to_do_next(namespace, capsys):
    checks.char_rnn(namespace["CharRNN"])
    checks.char_lstm(namespace["CharGRU"])
    checks.long_context(None)
    table = checks.summary()
    assert list(table["check"]) == [*checks.CHECKS, "paragraph"]
    assert table["of"].sum() == 100
    assert f"{table['points'].sum()} of {100 - checks.PARAGRAPH_POINTS}" in capsys.readouterr().out
    table = table.set_index("check")
    assert table.loc["char_rnn", "status"] == "passed" and table.loc["char_rnn", "next"] == ""
    assert 'checks.hint("char_lstm")' in table.loc["char_lstm", "next"]
    assert "fill in TODO 9" in table.loc["long_context", "next"]
    assert table.loc["paragraph", "points"] == 0


def test_helpers_and_checks_agree_on_the_protocol():
    assert set(helpers.LEARNING_RATES) == set(memory.SPAN_RATES) == set(checks.MODELS)
