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
    wrong("metrics-swapped", {"train_loss, seconds = train": "seconds, train_loss = train"}),
    wrong("metrics-swapped", {TRAINED: 'measured["train_losses"].append(seconds)'}),
    # exceptions
    wrong("raised", {VALIDATED: "pass"}),
    wrong("raised", {'"epoch_times": []': '"times": []'}),
    wrong("raised", {"train_epoch(model, X, y,": "train_epoch(model, X,"}),
    # the training: how long, of which model, at which rate, on which text
    wrong("epochs-ignored", {"range(epochs)": "range(2)"}),
    wrong("shared-model", {"= model_class(": "= models.get('RNN') or model_class("}),
    wrong("not-trained", {"train_epoch(model, X, y, optimizer, criterion)": "1.0, 1.0"}),
    wrong("frozen-model", {"model.parameters()": "model.output.parameters()"}),
    wrong("learning-rate", {RATE: "0.1"}),
    wrong("learning-rate", {RATE: "1.0"}),
    wrong("learning-rate", {RATE: "1e-6"}),
    wrong("trains-on-validation", {PASS: "one_pass(val_X, val_y"}),
    wrong(
        "trains-on-validation",
        {PASS: "one_pass(torch.cat([train_X, val_X]), torch.cat([train_y, val_y])"},
    ),
    # the validation
    wrong("validation-missing", {SUBSET: "val_X, val_y = train_X, train_y"}),
    wrong("validation-missing", {VALIDATE: "train_loss"}),
    # the weights that are kept
    wrong("untrained-returned", {KEEP: KEEP.replace("model,", "model_class(vocab_size),")}),
    wrong("untrained-returned", {RETURN: f"return {UNTRAINED}, metrics"}),
    wrong("best-weights", {"best.restore()": "epochs"}),
    wrong("best-weights", {UPDATE: "pass", RESTORE: f"best.update(1.0); {RESTORE}"}),
    wrong("best-weights", {UPDATE: "best.update(train_loss)"}),
]

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
JOINT = "dict.fromkeys(models, optim.Adam([p for m in models.values() for p in m.parameters()]))"
FINAL_STEP = "evaluate_model(model, val_X, val_y, criterion)"
RIGHT = [
    right({}),
    # validation on other windows, or on their last steps
    right({SUBSET: "val_X, val_y = val_X[::50], val_y[::50]"}),
    right({VALIDATE: FINAL_STEP}),
    right({SUBSET: "", VALIDATE: FINAL_STEP}),
    # other optimizers, another seed
    right({"optim.Adam": "optim.AdamW", "torch.manual_seed(SEED)": "torch.manual_seed(7)"}),
    right({"optim.Adam": "optim.SGD", RATE: "0.04, momentum=0.9"}),
    # one loop over the epochs with all models inside
    right({SOURCE: ALL_IN_ONE_LOOP}),
    right({SOURCE: ALL_IN_ONE_LOOP, "Adam(": "RMSprop(", "lr=": "weight_decay=1e-5, lr="}),
    right({SOURCE: ALL_IN_ONE_LOOP, SEPARATE: JOINT}),
]
