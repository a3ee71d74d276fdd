"""Each rule of the checks has a wrong answer that breaks exactly that rule; right answers pass."""

import copy
import json
import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import checks
import helpers
from tools.make_exercise import SOLUTION, todo_number

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
]  # fmt: skip


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
    ("best-weights", [("            best.update(val_loss)\n", ""),
                      ("best_epoch = best.restore()",
                       "best.update(1.0); best_epoch = best.restore()")]),
    ("raised", [("epoch_times = [], [], []", "epoch_times = [], []")]),
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


def test_one_loop_over_epochs_with_all_models_inside_passes(namespace):
    source = """
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
    assert checks.training(trainer(source, namespace)).status == "passed"


COUNTS = {"RNN": 258_505, "LSTM": 949_705, "GRU": 719_305}


def table_of(**columns):
    import pandas as pd

    rows = {"Model": ["RNN", "LSTM", "GRU"]} | {name: [1.0, 2.0, 3.0] for name in checks._NUMBERS}
    return pd.DataFrame(rows | columns)


def drawn(label="x"):
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([1, 2], label=label)
    return figure


def empty():
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots()
    return figure


TEXTS = {name: {0.5: "The meaning of"} for name in COUNTS}
LATER = [
    ("parameters", (COUNTS, 73), None),
    ("parameters", (COUNTS | {"GRU": 1}, 73), "counts-wrong"),
    ("parameters", ({"RNN": 258_505}, 73), "counts-wrong"),
    ("parameters", (list(COUNTS.values()), 73), "counts-wrong"),
    ("samples", (TEXTS,), None),
    ("samples", (TEXTS | {"GRU": "The meaning of"},), "samples-missing"),
    ("samples", (TEXTS | {"GRU": {0.5: None}},), "samples-missing"),
    ("samples", ({"RNN": {0.5: "The"}},), "samples-missing"),
    ("performance", (table_of(),), None),
    ("performance", (table_of().drop(columns="Parameters"),), "table-columns"),
    ("performance", (table_of(Parameters=["1", "2", "3"]),), "table-columns"),
    ("performance", (table_of().head(2),), "table-columns"),
    ("performance", ("a table",), "table-columns"),
    ("figures", (drawn(), drawn()), None),
    ("figures", (drawn(), None), "figure-empty"),
    ("figures", (drawn(), empty()), "figure-empty"),
    ("long_context", ({"RNN": 8, "LSTM": 128, "GRU": 128},), None),
    ("long_context", ({"RNN": 8, "LSTM": 128},), "spans-missing"),
    ("long_context", ({"RNN": 8, "LSTM": 128, "GRU": None},), "spans-missing"),
    ("recommendation", ("GRU", {"Test Perplexity": 5.0}), None),
    ("recommendation", ("gru", {"Test Perplexity": 5.0}), "recommendation-unknown"),
    ("recommendation", (None, {"Test Perplexity": 5.0}), "recommendation-unknown"),
    ("recommendation", ("GRU", {}), "evidence-missing"),
    ("recommendation", ("GRU", {"Test Perplexity": "5.0"}), "evidence-missing"),
]


@pytest.mark.parametrize("name, arguments, rule", LATER)
def test_later_todos_are_judged_by_presence_and_type(name, arguments, rule):
    result = getattr(checks, name)(*arguments)
    assert (result.status == "passed") == (rule is None) and result.rule == rule, result.message


def test_every_rule_has_a_wrong_answer():
    tried = {rule for rule, *_ in WRONG_MODELS + WRONG_TRAINING} | {rule for *_, rule in LATER}
    assert tried - {None} == set(checks.RULES)


@pytest.mark.parametrize("name", checks._CHECKS)
def test_nothing_filled_in_is_not_attempted(name):
    stub = "class CharX(nn.Module):\n    def __init__(self, vocab_size, embedding_dim=128, " \
        "hidden_dim=256, num_layers=2, dropout=0.3):\n        super().__init__()\n" \
        "    def forward(self, x, hidden=None, return_sequences=False): pass\n" \
        "    def init_hidden(self, batch_size): pass"  # fmt: skip
    scope = {"nn": nn}
    exec(stub, scope)
    given = {"parameters": (None, 73), "training": (lambda *args, epochs=20: (None, None),)}
    given |= {"figures": (None, None), "recommendation": (None, None)}
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
    assert torch.equal(torch.get_rng_state(), state) and torch.get_num_threads() == threads
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert model.training == mode and all(p.grad is None for p in model.parameters())


def test_a_check_prints_its_banner_once_and_nothing_else(namespace, capsys):
    checks.training(namespace["train_and_compare_models"])
    out, err = capsys.readouterr()
    assert out.count("\n") == 1 and "TODO 5" in out and err == ""


def test_summary_tells_the_state_of_every_check(namespace, capsys):
    checks.char_rnn(namespace["CharRNN"])
    checks.long_context(None)
    table = checks.summary()
    assert list(table["check"]) == list(checks._CHECKS)
    assert table.loc[1, "status"] == "passed" and table.loc[9, "status"] == "not attempted"
    assert table["of"].sum() == 100 and f"{table['points'].sum()} of 100" in capsys.readouterr().out


def test_helpers_and_checks_agree_on_the_protocol():
    assert set(helpers.LEARNING_RATES) == set(helpers.SPAN_RATES) == set(checks.MODELS)
