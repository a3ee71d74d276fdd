"""TODO 5: train_and_compare_models. An answer is what differs from the solution."""

from tests.answers import SOURCES, right, wrong

SOURCE = SOURCES[5]

# Pieces of the solution that several answers change.
SUBSET = "val_X, val_y = val_X[49::50], val_y[49::50]"
RATE = "LEARNING_RATES[name]"
PASS = "one_pass(train_X, train_y"
VALIDATE = "evaluate_model(model, val_X, val_y, criterion, every_step=True)"
TRAINED = 'measured["train_losses"].append(train_loss)'
VALIDATED = 'measured["val_losses"].append(val_loss)'
UPDATE = "best.update(val_loss)"
RESTORE = 'measured["best_epoch"] = best.restore()'
KEEP = "models[name], metrics[name] = model, measured"
MEASURED = 'measured = {"train_losses": [], "val_losses": [], "epoch_times": []}'
RETURN = "return models, metrics"
UNTRAINED = "{n: c(vocab_size) for n, c in model_classes.items()}"

ALL_IN_ONE_LOOP = """
def train_and_compare_models(
    classes, train_X, train_y, val_X, val_y, vocab_size, epochs=20, keep=lambda *_: None
):
    models = {n: torch.manual_seed(SEED) and cls(vocab_size) for n, cls in classes.items()}
    optimizers = {n: optim.Adam(m.parameters(), lr=LEARNING_RATES[n]) for n, m in models.items()}
    best = {name: BestWeights(model) for name, model in models.items()}
    metrics = {n: {"train_losses": [], "val_losses": [], "epoch_times": []} for n in models}
    for epoch in range(epochs):
        X, y = one_pass(train_X, train_y, epoch)
        for n, model in models.items():
            loss, seconds = train_epoch(model, X, y, optimizers[n], nn.CrossEntropyLoss())
            val_windows = val_X[49::50], val_y[49::50]
            val = evaluate_model(model, *val_windows, nn.CrossEntropyLoss(), every_step=True)
            for key, value in zip(metrics[n], (loss, val, seconds)):
                metrics[n][key].append(value)
            best[n].update(val)
    for n in models:
        metrics[n]["best_epoch"] = best[n].restore()
        keep(n, models[n], metrics[n])
    return models, metrics
"""
SEPARATE = "{n: optim.Adam(m.parameters(), lr=LEARNING_RATES[n]) for n, m in models.items()}"
JOINT = "dict.fromkeys(models, optim.Adam([p for m in models.values() for p in m.parameters()]))"
GROUPS = SEPARATE.replace(
    "optim.Adam(m.parameters(), lr=", "optim.Adam([{'params': m.parameters()}], lr="
)
FINAL_STEP = "evaluate_model(model, val_X, val_y, criterion)"
SEEDED, CREATE = "torch.manual_seed(SEED)", "model_class(vocab_size)"
CLASSES = "model_classes.items()"
TRAIN = "train_epoch(model, X, y, optimizer, criterion)"
OWN_EPOCH = """(lambda loss: (loss.item(), 1e-5, optimizer.zero_grad(), loss.backward(),
    optimizer.step()))(criterion({}, {}))[:2]"""
EVERY_STEP = (
    "model(X, return_sequences=True)[0].flatten(0, 1)",
    "torch.cat([X[:, 1:], y[:, None]], 1).flatten()",
)

VAL_LINE, TRAIN_LINE = f"val_loss = {VALIDATE}", f"train_loss, seconds = {TRAIN}"
VALIDATED_FIRST = {VAL_LINE: "@1", TRAIN_LINE: "@2", "@1": TRAIN_LINE, "@2": VAL_LINE}
NEW_ADAM = f"optimizer = optim.Adam(model.parameters(), lr={RATE})"
NEW_MODEL = f"{SEEDED}; model = {CREATE}; {NEW_ADAM}; best.model = model"
ACCURACY = "(model.eval()(val_X)[0].argmax(-1) == val_y).float().mean().item()"
BY_HAND = (
    "criterion({}, {}).item()".format(*EVERY_STEP).replace("X", "val_X").replace("y[", "val_y[")
)
SHARED = 'next(iter(metrics.values()), {}).get("train_losses", [])'
BEST_SO_FAR = 'measured["val_losses"].append(min([val_loss, *measured["val_losses"]]))'

BY_HAND_IN_FULL = """
import time
def own_epoch(model, X, y, optimizer, criterion):
    model.train()
    start, total = time.time(), 0.0
    for i in range(0, len(X), 32):
        batch, targets = X[i : i + 32], y[i : i + 32]
        targets = torch.cat([batch[:, 1:], targets[:, None]], dim=1)
        optimizer.zero_grad()
        logits, _ = model(batch, model.init_hidden(len(batch)), return_sequences=True)
        loss = criterion(logits.transpose(1, 2), targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        total += loss.item() * len(batch)
    return total / len(X), time.time() - start
"""

WRONG = [
    # what is returned
    wrong("models-missing", {RETURN: "return metrics"}),
    wrong("models-missing", {RETURN: "return"}),
    wrong("raised", {KEEP: "models[name.lower()], metrics[name] = model, measured"}),
    wrong("wrong-class", {KEEP: "models[name], metrics[name] = None, measured"}),
    wrong("raised", {KEEP: "models[name], metrics['all'] = model, measured"}),
    wrong("metrics-lists", {KEEP: f"{KEEP}; del measured['epoch_times']"}),
    wrong("metrics-lists", {RESTORE: "best.restore()"}),
    wrong("metrics-lists", {VALIDATED: 'measured["val_losses"] = [val_loss]'}),
    wrong("metrics-lists", {TRAINED: 'measured["train_losses"] += [train_loss] * 2'}),
    wrong("metrics-lists", {KEEP: f"measured['train_losses'] = list('abc'); {KEEP}"}),
    wrong("metrics-lists", {'"train_losses": []': '"train_losses": ' + SHARED}),
    wrong("losses-changed", {"train_loss, seconds = train": "seconds, train_loss = train"}),
    wrong("losses-changed", {TRAINED: 'measured["train_losses"].append(seconds)'}),
    wrong("losses-changed", {TRAINED: TRAINED.replace("train_loss)", "val_loss)")}),
    wrong("losses-changed", {VALIDATED: VALIDATED.replace("val_loss)", "train_loss)")}),
    wrong("losses-changed", {VALIDATED: BEST_SO_FAR}),
    wrong("losses-changed", {TRAINED: TRAINED.replace("train_loss)", "2.718 ** train_loss)")}),
    wrong("other-loss", {"nn.CrossEntropyLoss()": "nn.CrossEntropyLoss(reduction='sum')"}),
    wrong("validation", VALIDATED_FIRST),
    # exceptions
    wrong("raised", {VALIDATED: "pass"}),
    wrong("raised", {'"epoch_times": []': '"times": []'}),
    wrong("raised", {"train_epoch(model, X, y,": "train_epoch(model, X,"}),
    # the training: how long, of which model, at which rate, on which text
    wrong("metrics-lists", {"range(epochs)": "range(2)"}),
    wrong("wrong-class", {"= model_class(": "= models.get('RNN') or model_class("}),
    wrong("wrong-class", {CLASSES: "zip(model_classes, [*model_classes.values()][::-1])"}),
    wrong("wrong-class", {CREATE: "torch.compile(model_class(vocab_size))"}),
    wrong("model-sizes", {CREATE: "model_class(vocab_size, hidden_dim=64)"}),
    wrong("model-sizes", {CREATE: "model_class(vocab_size + 1)"}),
    wrong("model-sizes", {CREATE: "model_class(73)"}),
    wrong("many-models", {TRAIN_LINE: f"{NEW_MODEL}\n{TRAIN_LINE}"}),
    wrong("model-sizes", {CREATE: "model_class(vocab_size, dropout=0.0)"}),
    wrong("seed", {SEEDED: "pass"}),
    wrong("seed", {SEEDED: "torch.manual_seed(7)"}),
    wrong("seed", {SEEDED: "models or torch.manual_seed(SEED)"}),  # before the first model only
    wrong("seed", {SOURCE: ALL_IN_ONE_LOOP, "torch.manual_seed(SEED) and ": ""}),
    wrong("optimizer", {"optim.Adam": "optim.AdamW"}),
    wrong("optimizer", {"optim.Adam": "optim.SGD"}),
    wrong("optimizer", {RATE: f"{RATE}, weight_decay=1e-5"}),
    wrong("optimizer", {"optim.Adam": "optim.RMSprop"}),
    wrong("optimizer", {TRAIN_LINE: f"{NEW_ADAM}\n{TRAIN_LINE}"}),
    wrong("not-trained", {"train_epoch(model, X, y, optimizer, criterion)": "1.0, 1.0"}),
    wrong("optimizer", {"model.parameters()": "model.output.parameters()"}),
    wrong("learning-rate", {RATE: "0.1"}),
    wrong("learning-rate", {RATE: "1.0"}),
    wrong("learning-rate", {RATE: "1e-6"}),
    wrong("learning-rate", {RATE: "0.002"}),  # one for all
    wrong("learning-rate", {RATE: "LEARNING_RATES['RNN']"}),
    wrong("learning-rate", {f", lr={RATE}": ""}),
    wrong("learning-rate", {SOURCE: ALL_IN_ONE_LOOP, SEPARATE: JOINT}),
    wrong("other-windows", {PASS: "one_pass(val_X, val_y"}),
    wrong(
        "other-windows",
        {PASS: "one_pass(torch.cat([train_X, val_X]), torch.cat([train_y, val_y])"},
    ),
    wrong("other-windows", {"train_epoch(model, X, y,": "train_epoch(model, val_X, val_y,"}),
    wrong("other-windows", {"train_epoch(model, X, y,": "train_epoch(model, X.flip(1), y,"}),
    wrong("wrong-targets", {TRAIN: TRAIN.replace("X, y", "X, train_y[:len(X)]")}),
    wrong("wrong-targets", {TRAIN: TRAIN.replace("X, y", "X, X[:, -1]")}),
    wrong("learning-rate", {NEW_ADAM: f"{NEW_ADAM}; optim.lr_scheduler.StepLR(optimizer, 5)"}),
    wrong(
        "other-windows",
        {TRAIN: f"model.train() and {OWN_EPOCH.format(EVERY_STEP[0], 'X.flatten()')}"},
    ),
    wrong("train-mode", {TRAIN: OWN_EPOCH.format("model(X)[0]", "y")}),
    wrong("train-mode", {TRAIN: f"model.eval() and {OWN_EPOCH.format(*EVERY_STEP)}"}),
    # its windows
    wrong("other-windows", {f"{PASS}, seed=epoch)": "train_X, train_y"}),
    wrong(
        "other-windows",
        {PASS: "(lambda X, y, seed: (X[seed::4], y[seed::4]))(train_X, train_y"},
    ),
    wrong(
        "other-windows",
        {TRAIN: TRAIN.replace("X, y", "torch.cat([X, X]), torch.cat([y, y])")},
    ),
    wrong("other-windows", {PASS: "one_pass(train_X[:200], train_y[:200]"}),
    wrong("other-windows", {TRAIN: TRAIN.replace("X, y", "X[:32], y[:32]")}),
    wrong("other-windows", {"seed=epoch": "seed=0"}),
    wrong("other-windows", {"seed=epoch": "seed=SEED"}),
    wrong("other-windows", {"seed=epoch": "seed=100 * len(name) + epoch"}),
    wrong(
        "other-windows",
        {TRAIN: TRAIN.replace("criterion)", "criterion, 32 if name == 'RNN' else 8)")},
    ),
    # the validation
    wrong("validation", {SUBSET: "val_X, val_y = train_X, train_y"}),
    wrong("validation", {VALIDATE: "train_loss"}),
    wrong("validation", {VALIDATE: f"{VALIDATE} + 1"}),
    wrong("validation", {VALIDATE: VALIDATE.replace("val_X, val_y", "X, y")}),
    wrong("validation", {VALIDATE: FINAL_STEP}),
    wrong("validation", {SUBSET: ""}),
    wrong("validation", {SUBSET: "val_X, val_y = val_X[:50], val_y[:50]"}),
    wrong("validation", {SUBSET: "", VALIDATE: FINAL_STEP}),
    wrong("validation", {SUBSET: "val_X, val_y = val_X[:1], val_y[:1]"}),
    wrong("validation", {VALIDATE: BY_HAND.replace("model", "model.train()")}),
    # given lines
    wrong("validation", {SUBSET: "val_X, val_y = val_X[:50], val_y[:50]"}),
    wrong("validation", {SUBSET: "val_X, val_y = val_X[::25], val_y[::25]"}),
    wrong("validation", {SUBSET: "val_X, val_y = val_X[6::7], val_y[6::7]"}),
    wrong("other-windows", {"seed=epoch": "seed=1000 + epoch"}),
    wrong("other-windows", {TRAIN: f"model.train() and {OWN_EPOCH.format(*EVERY_STEP)}"}),
    wrong("other-loss", {"nn.CrossEntropyLoss()": "nn.CrossEntropyLoss(label_smoothing=0.1)"}),
    wrong("other-loss", {"nn.CrossEntropyLoss()": "nn.NLLLoss()"}),
    wrong("keep-missing", {"    if keep:": "    if False:"}),
    wrong(
        "update-steps",
        {
            SOURCE: BY_HAND_IN_FULL.replace("optimizer.zero_grad()", "pass") + SOURCE,
            TRAIN: "own_epoch(model, X, y, optimizer, criterion)",
        },
    ),
    wrong(
        "metrics-lists",
        {MEASURED: 'measured = dict.fromkeys(["train_losses", "val_losses", "epoch_times"], [])'},
    ),
    # the weights that are kept
    wrong("best-weights", {UPDATE: "pass"}),
    wrong("best-weights", {UPDATE: f"{UPDATE}; best.restore()"}),
    wrong("best-weights", {UPDATE: f"best = BestWeights(model); {UPDATE}"}),
    wrong("many-models", {KEEP: KEEP.replace("model,", "model_class(vocab_size),")}),
    wrong("many-models", {RETURN: f"return {UNTRAINED}, metrics"}),
    wrong("best-weights", {"best.restore()": "epochs"}),
    wrong("best-weights", {UPDATE: "pass", RESTORE: f"best.update(1.0); {RESTORE}"}),
    wrong("best-weights", {UPDATE: "best.update(train_loss)"}),
    wrong("best-weights", {UPDATE: "best.update(-val_loss)"}),
    wrong("best-weights", {UPDATE: "best.update(epoch)"}),
    wrong("best-weights", {UPDATE: "epoch or best.update(val_loss)"}),
    wrong("best-weights", {UPDATE: f"{UPDATE}; {UPDATE}"}),
    wrong("best-weights", {"best.restore()": "best.restore() and 1"}),
    wrong("best-weights", {RESTORE: f"{RESTORE}; measured['best_epoch'] = torch.tensor([1, 2])"}),
    wrong("best-weights", {"best.restore()": "best.restore() - 1"}),
    wrong("best-weights", {"best.restore()": "best.restore() and epochs"}),
    wrong("best-weights", {"best.restore()": "best.restore() and best.best_loss"}),
]

RIGHT = [
    # any window first
    right({SUBSET: "val_X, val_y = val_X[::50], val_y[::50]"}),
    right({SUBSET: "val_X, val_y = val_X[7::50], val_y[7::50]"}),
    right({}),
    # validation by hand, a measure of one's own beside the loss
    right({VALIDATE: BY_HAND.replace("model", "model.eval()")}),
    right({VALIDATED: f"{VALIDATED}; accuracy = {ACCURACY}"}),
    right({VALIDATED: f"{VALIDATED}; accuracy = {FINAL_STEP}"}),
    right({VALIDATED: VALIDATED.replace("val_loss)", "round(val_loss, 3))")}),
    # copies of the models, other ways to write it
    right({KEEP: KEEP.replace("model,", "__import__('copy').deepcopy(model),")}),
    right({CREATE: "model_class(vocab_size, 128, 256, 2, 0.3)"}),
    right({"optim.Adam(model.parameters()": "optim.Adam(list(model.parameters())"}),
    right({"optim.Adam(model.parameters()": "optim.Adam(model.named_parameters()"}),
    right(
        {SOURCE: BY_HAND_IN_FULL + SOURCE, TRAIN: "own_epoch(model, X, y, optimizer, criterion)"}
    ),
    # one loop over the epochs with all models inside
    right({SOURCE: ALL_IN_ONE_LOOP}),
    right({SOURCE: ALL_IN_ONE_LOOP, SEPARATE: GROUPS}),
]
