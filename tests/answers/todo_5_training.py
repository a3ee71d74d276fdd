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
RETURN = "return models, metrics"
UNTRAINED = "{n: c(vocab_size) for n, c in MODEL_CLASSES.items()}"

ALL_IN_ONE_LOOP = """
def train_and_compare_models(train_X, train_y, val_X, val_y, vocab_size, epochs=20):
    models = {n: torch.manual_seed(SEED) and cls(vocab_size) for n, cls in MODEL_CLASSES.items()}
    optimizers = {n: optim.Adam(m.parameters(), lr=LEARNING_RATES[n]) for n, m in models.items()}
    best = {name: BestWeights(model) for name, model in models.items()}
    metrics = {n: {"train_losses": [], "val_losses": [], "epoch_times": []} for n in models}
    for epoch in range(epochs):
        X, y = one_pass(train_X, train_y, epoch)
        for n, model in models.items():
            loss, seconds = train_epoch(model, X, y, optimizers[n], nn.CrossEntropyLoss())
            val_windows = val_X[::9], val_y[::9]
            val = evaluate_model(model, *val_windows, nn.CrossEntropyLoss(), every_step=True)
            for key, value in zip(metrics[n], (loss, val, seconds)):
                metrics[n][key].append(value)
            best[n].update(val)
    for n in models:
        metrics[n]["best_epoch"] = best[n].restore()
    return models, metrics
"""
SEPARATE = "{n: optim.Adam(m.parameters(), lr=LEARNING_RATES[n]) for n, m in models.items()}"
JOINT = "dict.fromkeys(models, optim.Adam([p for m in models.values() for p in m.parameters()]))"
GROUPS = SEPARATE.replace(
    "optim.Adam(m.parameters(), lr=", "optim.Adam([{'params': m.parameters()}], lr="
)
FINAL_STEP = "evaluate_model(model, val_X, val_y, criterion)"
SEEDED, CREATE = "torch.manual_seed(SEED)", "model_class(vocab_size)"
CLASSES = "MODEL_CLASSES.items()"
TRAIN = "train_epoch(model, X, y, optimizer, criterion)"
OWN_EPOCH = """(lambda loss: (loss.item(), 0.01, optimizer.zero_grad(), loss.backward(),
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

WRONG = [
    # what is returned
    wrong("models-missing", {RETURN: "return metrics"}),
    wrong("models-missing", {RETURN: "return"}),
    wrong("models-missing", {KEEP: "models[name.lower()], metrics[name] = model, measured"}),
    wrong("models-missing", {KEEP: "models[name], metrics[name] = None, measured"}),
    wrong("metrics-keys", {KEEP: "models[name], metrics['all'] = model, measured"}),
    wrong("metrics-keys", {KEEP: f"{KEEP}; del measured['epoch_times']"}),
    wrong("metrics-keys", {RESTORE: "best.restore()"}),
    wrong("metrics-length", {VALIDATED: 'measured["val_losses"] = [val_loss]'}),
    wrong("metrics-length", {TRAINED: 'measured["train_losses"] += [train_loss] * 2'}),
    wrong("metrics-length", {KEEP: f"measured['train_losses'] = list('abc'); {KEEP}"}),
    wrong("metrics-length", {'"train_losses": []': '"train_losses": ' + SHARED}),
    wrong("metrics-swapped", {"train_loss, seconds = train": "seconds, train_loss = train"}),
    wrong("metrics-swapped", {TRAINED: 'measured["train_losses"].append(seconds)'}),
    wrong("losses-changed", {TRAINED: TRAINED.replace("train_loss)", "val_loss)")}),
    wrong("losses-changed", {VALIDATED: VALIDATED.replace("val_loss)", "train_loss)")}),
    wrong("losses-changed", {VALIDATED: BEST_SO_FAR}),
    wrong("losses-changed", {TRAINED: TRAINED.replace("train_loss)", "2.718 ** train_loss)")}),
    wrong("losses-changed", {"nn.CrossEntropyLoss()": "nn.CrossEntropyLoss(reduction='sum')"}),
    wrong("validation-missing", VALIDATED_FIRST),
    # exceptions
    wrong("raised", {VALIDATED: "pass"}),
    wrong("raised", {'"epoch_times": []': '"times": []'}),
    wrong("raised", {"train_epoch(model, X, y,": "train_epoch(model, X,"}),
    # the training: how long, of which model, at which rate, on which text
    wrong("epochs-ignored", {"range(epochs)": "range(2)"}),
    wrong("wrong-class", {"= model_class(": "= models.get('RNN') or model_class("}),
    wrong("wrong-class", {CLASSES: "[('RNN', CharRNN), ('LSTM', CharGRU), ('GRU', CharLSTM)]"}),
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
    wrong("frozen-model", {"model.parameters()": "model.output.parameters()"}),
    wrong("learning-rate", {RATE: "0.1"}),
    wrong("learning-rate", {RATE: "1.0"}),
    wrong("learning-rate", {RATE: "1e-6"}),
    wrong("learning-rate", {RATE: "0.002"}),  # one for all
    wrong("learning-rate", {RATE: "LEARNING_RATES['RNN']"}),
    wrong("learning-rate", {f", lr={RATE}": ""}),
    wrong("learning-rate", {SOURCE: ALL_IN_ONE_LOOP, SEPARATE: JOINT}),
    wrong("trains-on-validation", {PASS: "one_pass(val_X, val_y"}),
    wrong(
        "trains-on-validation",
        {PASS: "one_pass(torch.cat([train_X, val_X]), torch.cat([train_y, val_y])"},
    ),
    wrong("trains-on-validation", {"train_epoch(model, X, y,": "train_epoch(model, val_X, val_y,"}),
    wrong("trains-on-validation", {"train_epoch(model, X, y,": "train_epoch(model, X.flip(1), y,"}),
    wrong("wrong-targets", {TRAIN: TRAIN.replace("X, y", "X, train_y[:len(X)]")}),
    wrong("wrong-targets", {TRAIN: TRAIN.replace("X, y", "X, X[:, -1]")}),
    wrong(
        "wrong-targets",
        {TRAIN: f"model.train() and {OWN_EPOCH.format(EVERY_STEP[0], 'X.flatten()')}"},
    ),
    wrong("train-mode", {TRAIN: OWN_EPOCH.format("model(X)[0]", "y")}),
    wrong("train-mode", {TRAIN: f"model.eval() and {OWN_EPOCH.format(*EVERY_STEP)}"}),
    # its windows
    wrong("overlapping-windows", {f"{PASS}, seed=epoch)": "train_X, train_y"}),
    wrong(
        "overlapping-windows",
        {PASS: "(lambda X, y, seed: (X[seed::4], y[seed::4]))(train_X, train_y"},
    ),
    wrong(
        "overlapping-windows",
        {TRAIN: TRAIN.replace("X, y", "torch.cat([X, X]), torch.cat([y, y])")},
    ),
    wrong("part-of-text", {PASS: "one_pass(train_X[:200], train_y[:200]"}),
    wrong("part-of-text", {TRAIN: TRAIN.replace("X, y", "X[:32], y[:32]")}),
    wrong("same-pass", {"seed=epoch": "seed=0"}),
    wrong("same-pass", {"seed=epoch": "seed=SEED"}),
    wrong("other-batches", {"seed=epoch": "seed=100 * len(name) + epoch"}),
    wrong(
        "other-batches",
        {TRAIN: TRAIN.replace("criterion)", "criterion, 32 if name == 'RNN' else 8)")},
    ),
    # the validation
    wrong("validation-missing", {SUBSET: "val_X, val_y = train_X, train_y"}),
    wrong("validation-missing", {VALIDATE: "train_loss"}),
    wrong("losses-changed", {VALIDATE: f"{VALIDATE} + 1"}),
    wrong("validation-missing", {VALIDATE: VALIDATE.replace("val_X, val_y", "X, y")}),
    wrong("validation-windows", {VALIDATE: FINAL_STEP}),
    wrong("validation-windows", {SUBSET: ""}),
    wrong("validation-windows", {SUBSET: "val_X, val_y = val_X[:50], val_y[:50]"}),
    wrong("validation-windows", {SUBSET: "", VALIDATE: FINAL_STEP}),
    wrong("validation-windows", {SUBSET: "val_X, val_y = val_X[:1], val_y[:1]"}),
    wrong("validation-missing", {VALIDATE: BY_HAND.replace("model", "model.train()")}),
    # the weights that are kept
    wrong("untrained-returned", {KEEP: KEEP.replace("model,", "model_class(vocab_size),")}),
    wrong("untrained-returned", {RETURN: f"return {UNTRAINED}, metrics"}),
    wrong("best-weights", {"best.restore()": "epochs"}),
    wrong("best-weights", {UPDATE: "pass", RESTORE: f"best.update(1.0); {RESTORE}"}),
    wrong("best-weights", {UPDATE: "best.update(train_loss)"}),
    wrong("best-weights", {UPDATE: "best.update(-val_loss)"}),
    wrong("best-weights", {UPDATE: "best.update(epoch)"}),
    wrong("best-weights", {UPDATE: "epoch or best.update(val_loss)"}),
    wrong("best-epoch", {UPDATE: f"{UPDATE}; {UPDATE}"}),
    wrong("best-epoch", {"best.restore()": "best.restore() and 1"}),
    wrong("best-epoch", {RESTORE: f"{RESTORE}; measured['best_epoch'] = torch.tensor([1, 2])"}),
    wrong("best-epoch", {"best.restore()": "best.restore() - 1"}),
    wrong("best-epoch", {"best.restore()": "best.restore() and epochs"}),
    wrong("best-epoch", {"best.restore()": "best.restore() and best.best_loss"}),
]

RIGHT = [
    right({}),
    # validation on other windows that do not overlap
    right({SUBSET: "val_X, val_y = val_X[::50], val_y[::50]"}),
    right({SUBSET: "val_X, val_y = val_X[7::8], val_y[7::8]"}),
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
    right({TRAIN: f"model.train() and {OWN_EPOCH.format(*EVERY_STEP)}"}),
    right({"seed=epoch": "seed=1000 + epoch"}),
    # one loop over the epochs with all models inside
    right({SOURCE: ALL_IN_ONE_LOOP}),
    right({SOURCE: ALL_IN_ONE_LOOP, SEPARATE: GROUPS}),
]
