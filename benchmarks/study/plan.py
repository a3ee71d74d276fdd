"""The list of the study's jobs.

Some jobs depend on earlier results. So ask for the list again until it has no new jobs.
"""

import itertools

import helpers
from benchmarks.speed import protocols
from benchmarks.study.jobs import (
    ANOTHER_TEXT,
    LAST_STEP_VARIANTS,
    LONG_TEXT,
    TEXT_SIZES,
    Counted,
    LastStep,
    Learned,
    Run,
    Span,
    matched_hidden_dim,
    parameters,
)
from lab.exercise import DROPOUT, LEARNING_RATES, LONGEST_LAG, MODELS, SIZES, SPAN_SIZES
from lab.study import AS_IN_THE_NOTEBOOK, DROPOUT_OF, EQUAL_PARAMETERS, LESS_DROPOUT, NO_DROPOUT

SEEDS = (1, 2, 3, 4, 5)  # for the main comparison and the memory spans
FEW_SEEDS = SEEDS[:3]  # for everything else
GRID = (1e-3, 2e-3, 4e-3, 8e-3)
MATCHED_PARAMETERS = 500_000
HIDDEN_DIMS = (64, 128)
SEQ_LENS = (10, 25, 100)
SPAN_GRID = (1e-3, 2e-3, 4e-3)  # gets more rates if the best one is at an end
LOADS = (4, 2, 1)
UNITS = [(sizes["hidden_dim"], sizes["num_layers"]) for sizes in (SPAN_SIZES, SIZES)]
PILOT_SEED = 0  # used to choose the rates of the memory spans
STARTS = ("RNN, identity", "IRNN")  # other initial weights of a simple RNN
LONG = 5  # times as many batches for a lag
SAMPLE = helpers.load_text("sample")
VOCAB_SIZE, TRAINED_ON = len(set(SAMPLE)), len(SAMPLE) * 8 // 10


def trainings(seeds=FEW_SEEDS, rates=LEARNING_RATES, corpus="sample", **changed):
    """Return a Run for each seed and model, with the notebook's settings except ``changed``."""
    return [Run(corpus, model, seed, rates[model], **changed) for seed in seeds for model in MODELS]


def matched_units(model):
    """Return the hidden size that gives a model about MATCHED_PARAMETERS parameters."""
    return matched_hidden_dim(model, VOCAB_SIZE, MATCHED_PARAMETERS)


def comparisons():
    """Return {comparison: its runs}: the notebook's settings and other settings."""
    matched = [run._replace(hidden_dim=matched_units(run.model)) for run in trainings()]
    return {
        AS_IN_THE_NOTEBOOK: trainings(SEEDS) + trainings(SEEDS, corpus="wikitext-2"),
        EQUAL_PARAMETERS: matched,
        NO_DROPOUT: trainings(dropout=0.0),
        DROPOUT_OF: trainings(SEEDS, dropout=LESS_DROPOUT),
        "rates of the original exercise": trainings(rates=protocols.LAST_STEP_RATES),
        **{f"{n} units": trainings(hidden_dim=n) for n in HIDDEN_DIMS},
        **{f"windows of {n}": trainings(seq_len=n) for n in SEQ_LENS},
    }


def grid(model):
    """Return the runs of a model with several learning rates; the validation loss chooses one.

    Attention has about as many parameters as the simple RNN.
    """
    if model != "Attention":
        return [Run("sample", model, seed, rate) for seed in FEW_SEEDS for rate in GRID]
    hidden_dim = matched_hidden_dim(model, VOCAB_SIZE, parameters("RNN", VOCAB_SIZE))
    return [Run("sample", model, seed, r, hidden_dim) for seed in FEW_SEEDS for r in GRID[:3]]


def span_settings():
    """Return the settings of the memory spans: a list of (model, load, hidden_dim, num_layers)."""
    (units, layers), vocab_size = UNITS[0], VOCAB_SIZE + 12  # with 8 symbols and 4 questions
    target = parameters("RNN", vocab_size, units, layers)
    attention = matched_hidden_dim("Attention", vocab_size, target, layers)
    return [
        ("Attention", LOADS[0], attention, layers),
        *((start, LOADS[0], units, layers) for start in STARTS),
        *((model, load, *size) for size in UNITS for load in LOADS for model in MODELS),
        # LSTM and GRU with equal parameters, to see if a smaller one can remember too.
        *((model, LOADS[0], matched_units(model), SIZES["num_layers"]) for model in MODELS[1:]),
    ]


def beyond(rate, rates):
    """Return the next rate outside a grid whose best rate is at an end."""
    return rate / 2 if rate == rates[0] else rate * 2


def spans_of(setting, known, rates=SPAN_GRID):
    """Yield the pilot jobs of a setting, one per rate, then all seeds at the best rate."""
    pilots = [Span(*setting, rate, PILOT_SEED) for rate in rates]
    yield from pilots
    if not known.keys() >= set(pilots):
        return
    best = max(pilots, key=lambda pilot: (known[pilot]["span"], -known[pilot]["batches"]))
    if known[best]["span"] not in (0, LONGEST_LAG) and best.rate in (rates[0], rates[-1]):
        yield from spans_of(setting, known, sorted([*rates, beyond(best.rate, rates)]))
    else:
        yield from (best._replace(seed=seed) for seed in SEEDS)
        if setting in [(model, LOADS[0], *UNITS[0]) for model in ("RNN", *STARTS)]:
            yield from (best._replace(seed=seed, budget=LONG) for seed in FEW_SEEDS)


def on_more_text(model, known):
    """Yield the jobs of a model on more text: for each size first the rates, then the other seeds.

    For the smallest text there is a grid of rates. For the next text only the best of these and
    half of it are tried. The largest text uses the best rate of the text before it, because one
    training takes most of an hour.
    """
    rates = SPAN_GRID
    for size in TEXT_SIZES[:-1]:
        pilots = [Learned(LONG_TEXT, size, model, SEEDS[0], rate) for rate in rates]
        yield from pilots
        if not known.keys() >= set(pilots):
            return
        best = min(pilots, key=lambda pilot: known[pilot]["best_val_loss"])
        yield from (best._replace(seed=seed) for seed in FEW_SEEDS)
        rates = best.rate / 2, best.rate
    yield best._replace(characters=TEXT_SIZES[-1])


def on_another_text(model, known, rates=SPAN_GRID):
    """Yield the jobs of a model on another kind of text: first the rates, then the other seeds."""
    pilots = [Learned(ANOTHER_TEXT, TRAINED_ON, model, SEEDS[0], rate) for rate in rates]
    yield from pilots
    if not known.keys() >= set(pilots):
        return
    best = min(pilots, key=lambda pilot: known[pilot]["best_val_loss"])
    if best.rate in (rates[0], rates[-1]):
        yield from on_another_text(model, known, sorted([*rates, beyond(best.rate, rates)]))
    else:
        yield from (best._replace(seed=seed) for seed in FEW_SEEDS)


def every_job(known):
    """Return the jobs of the study, some more than once; ``known`` is {finished job: its row}."""
    together = itertools.chain.from_iterable
    return [
        *together(comparisons().values()),
        *together(grid(model) for model in (*MODELS, "Attention")),
        *together(spans_of(setting, known) for setting in span_settings()),
        *map(LastStep, LAST_STEP_VARIANTS),
        Counted("sample", TRAINED_ON),
        *(
            Learned("sample", TRAINED_ON, run.model, run.seed, run.rate, dropout)
            for dropout in (DROPOUT, LESS_DROPOUT)
            for run in trainings(SEEDS)
        ),
        Counted(ANOTHER_TEXT, TRAINED_ON),
        *together(on_another_text(model, known) for model in MODELS),
        *(Counted(LONG_TEXT, size) for size in TEXT_SIZES),
        *together(on_more_text(model, known) for model in MODELS),
    ]
