"""The hints of checks.hint, filed under the symptom that a student sees.

Each symptom has the rules that show it, and at least three hints: from a question to nearly the
line. ``{layer}`` stands for nn.RNN, nn.LSTM or nn.GRU.
"""

_STATE = {
    "RNN": "torch.zeros(self.num_layers, batch_size, self.hidden_dim, device=...)",
    "GRU": "torch.zeros(self.num_layers, batch_size, self.hidden_dim, device=...)",
    "LSTM": "h, torch.zeros_like(h), with h = torch.zeros(self.num_layers, batch_size, ...)",
}

# symptom -> (its rules, its hints); the first symptom of each check is for those not yet started
_MODEL = {
    "where to begin": (
        ("not-a-module", "super-init", "signature", "unregistered-layer", "raised"),
        (
            "Which four layers lead from a character's index to the logits of the next one?",
            "Create them in __init__, after super().__init__(): an embedding, the recurrent layer, "
            "a dropout, a Linear. In forward, x passes through them in this order.",
            "self.embedding = nn.Embedding(vocab_size, embedding_dim), self.rnn = {layer}("
            "embedding_dim, hidden_dim, num_layers, batch_first=True, dropout=dropout), "
            "self.dropout = nn.Dropout(dropout), self.output = nn.Linear(hidden_dim, vocab_size).",
        ),
    ),
    "the logits have the wrong shape or belong to the wrong timestep": (
        (
            "logits-shape",
            "final-timestep",
            "return-sequences",
            "batch-first",
            "bidirectional",
            "raw-logits",
            "vocab-size",
        ),
        (
            "The recurrent layer returns one output per timestep. Which dimension is time, which "
            "the batch, and which of the outputs predicts the character after the window?",
            "With batch_first=True the output has shape (batch, seq_len, hidden_dim). Keep the "
            "last step of the middle dimension, unless return_sequences is true. The Linear layer "
            "has vocab_size outputs, and nothing comes after it.",
            "if not return_sequences: rnn_out = rnn_out[:, -1, :], then "
            "return self.output(self.dropout(rnn_out)), hidden.",
        ),
    ),
    "the hidden state gets lost": (
        ("hidden-ignored", "hidden-not-returned", "hidden-shape", "state-leaks", "detached"),
        (
            "Somebody who reads a text in two halves has to remember the first one. Where does "
            "forward take that memory in, and where does it hand it out?",
            "{layer} takes the hidden state as its second argument and returns the new one as its "
            "second result. Return that, unchanged, beside the logits; keep nothing in self.",
            "rnn_out, hidden = self.rnn(embedded, hidden), and return logits, hidden.",
        ),
    ),
    "sizes or layers differ from the specification": (
        ("num-layers", "hidden-size", "embedding-size", "layer-type", "parameter-count"),
        (
            "Which of your layers has a number in it where the name of an argument belongs?",
            "The embedding has vocab_size rows of embedding_dim numbers; the recurrent layer goes "
            "from embedding_dim to hidden_dim with num_layers layers; the Linear layer from "
            "hidden_dim to vocab_size. The defaults are 128, 256 and 2.",
            "nn.Embedding(vocab_size, embedding_dim), {layer}(embedding_dim, hidden_dim, "
            "num_layers, ...), nn.Linear(hidden_dim, vocab_size).",
        ),
    ),
    "dropout is missing, misplaced or always on": (
        ("dropout-missing", "dropout-rate", "dropout-always-on"),
        (
            "At which three places does the specification ask for dropout, and when must it be "
            "off?",
            "{layer} applies dropout between its own layers if you pass it dropout=...; after the "
            "embedding and before the output it takes an nn.Dropout, which model.eval() turns off.",
            "embedded = self.dropout(self.embedding(x)), {layer}(..., dropout=dropout), "
            "self.output(self.dropout(rnn_out)).",
        ),
    ),
    "init_hidden is not as specified": (
        ("init-hidden-tuple", "init-hidden-shape", "init-hidden-values", "init-hidden-device"),
        (
            "A recurrent layer keeps one vector for each of its layers and each row of the batch. "
            "In which order are these the dimensions of the hidden state?",
            "Zeros of shape (num_layers, batch_size, hidden_dim), on the device of the model; "
            "an LSTM has two such tensors, (h, c).",
            "device=next(self.parameters()).device and return {state}.",
        ),
    ),
}

_LATER = {
    "parameters": {
        "which number belongs to which name": (
            (),
            (
                "What does count_parameters take, and what do you have: models or classes?",
                "Make a model of each class with Class(vocab_size), then count its parameters.",
                "{name: count_parameters(cls(vocab_size)) for name, cls in classes.items()}",
            ),
        ),
    },
    "training": {
        "where to begin": (
            (),
            (
                "What must exist before the first epoch of a model: which three objects do the "
                "comments ask for?",
                "After torch.manual_seed(SEED): the model, on the device; an optimizer over its "
                "parameters; a BestWeights that watches it.",
                "model = model_class(vocab_size).to(device), optimizer = optim.Adam("
                "model.parameters(), lr=LEARNING_RATES[name]), best = BestWeights(model).",
            ),
        ),
        "a model is not trained, or not as it should be": (
            (
                "not-trained",
                "frozen-model",
                "shared-model",
                "learning-rate",
                "trains-on-validation",
                "epochs-ignored",
            ),
            (
                "Which windows does train_epoch see, which parameters does the optimizer hold, and "
                "how often does the loop run?",
                "Each name has a model of its own and an optimizer over all its parameters; "
                "train_epoch gets what one_pass cut from the training windows, once per epoch.",
                "train_loss, seconds = train_epoch(model, X, y, optimizer, criterion)",
            ),
        ),
        "the metrics are not as specified": (
            ("metrics-keys", "metrics-length", "metrics-swapped", "validation-missing"),
            (
                "Which numbers does an epoch yield, and which list does each belong to?",
                "train_epoch returns (mean loss, seconds); evaluate_model, called with the "
                "validation windows, returns the validation loss. Append each to its own list.",
                "val_loss = evaluate_model(model, val_X, val_y, criterion, every_step=True), then "
                "train_losses.append(train_loss), val_losses.append(val_loss), "
                "epoch_times.append(seconds).",
            ),
        ),
        "what is returned is not the best trained model": (
            ("models-missing", "untrained-returned", "best-weights"),
            (
                "Which epoch's weights does a model hold when the loop ends, and which should it?",
                "Tell BestWeights the validation loss after every epoch; after the last one, "
                "restore() puts the best weights back. Return the same model object.",
                "best.update(val_loss) in the loop; best_epoch = best.restore() and "
                "models[name] = model after it.",
            ),
        ),
    },
    "samples": {
        "a text is missing, or the same as another": (
            (),
            (
                "How many texts are there, for three models at two temperatures?",
                "samples is a dict of dicts: the outer keys are the names of the models, the inner "
                "ones the temperatures; generate_text makes one text, prompt included.",
                "samples[name] = {t: generate_text(model, PROMPT, char2idx, idx2char, "
                "temperature=t) for t in (0.5, 1.0)} for each name and model of models.items().",
            ),
        ),
    },
    "performance": {
        "the table does not describe the trained models": (
            (),
            (
                "Which models hold what was learned: new ones, or those that the training "
                "returned? And which windows has no model seen yet?",
                "create_performance_table takes the metrics, the dict of trained models, the test "
                "windows and their targets. After training again, make the table again.",
                "performance_table = create_performance_table(metrics, models, test_X, test_y)",
            ),
        ),
    },
    "figures": {
        "a figure is missing or does not say what it shows": (
            (),
            (
                "Could somebody who sees only the plot tell what the axes are, and which point is "
                "which model?",
                "plot_learning_curves(metrics) returns the first figure. For the second, "
                "performance_table.plot.scatter(x, y) labels its axes with the columns; the names "
                "of the models are yours to add.",
                'for name, x, y in performance_table[["Model", column_x, column_y]].to_numpy(): '
                "axes.annotate(name, (x, y)), then tradeoff_figure = axes.figure.",
            ),
        ),
    },
    "long_context": {
        "a span is missing or belongs to another model": (
            (),
            (
                "What does memory_span need to be told about each model: a trained model, or its "
                "class?",
                "Loop over MODEL_CLASSES.items(): memory_span(class, text, the learning rate of "
                "that name in SPAN_RATES, load=REQUIREMENTS.load) returns one number.",
                "spans = {name: memory_span(cls, text, SPAN_RATES[name], load=REQUIREMENTS.load) "
                "for name, cls in MODEL_CLASSES.items()}",
            ),
        ),
    },
    "recommendation": {
        "the recommendation does not follow from the numbers": (
            (),
            (
                'Which models say "yes" in the last row of the table of requirements, and which '
                "of those has the fewest parameters?",
                "recommendation is that model's name. evidence quotes its numbers: a dict from a "
                "column of performance_table to the number in the row of that model.",
                'evidence = {"Parameters": ..., "Test Perplexity": ..., "Memory Span": ...}, '
                "with the numbers of the recommended model.",
            ),
        ),
    },
}


def symptoms(check):
    """Return a dict for a check: symptom -> (rules, hints), the first for those not yet started."""
    return _MODEL if check.startswith("char_") else _LATER[check]


def for_symptom(check, rule):
    """Return (symptom, hints) for the rule that a check found broken, or None for no rule."""
    filed = symptoms(check)
    symptom = next((s for s, (rules, _) in filed.items() if rule in rules), next(iter(filed)))
    texts = filed[symptom][1]
    kind = check.removeprefix("char_").upper()
    replace = {"{layer}": f"nn.{kind}", "{state}": _STATE.get(kind, "")}
    for old, new in replace.items():
        texts = [text.replace(old, new) for text in texts]
    return symptom, texts
