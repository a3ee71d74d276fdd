"""Which runs make up the study, part by part.

Each part takes the size of the sample's vocabulary and what was measured so far, {job: measured},
on which it may depend which runs come next: call again until nothing new comes.
"""

import itertools

import helpers
from benchmarks.speed import protocols
from benchmarks.study import jobs
from lab import exercise
from lab.exercise import MODELS

SEEDS = (1, 2, 3, 4, 5)  # of the comparison and the memory spans
FEW_SEEDS = SEEDS[:3]  # of everything else
GRID = (1e-3, 2e-3, 4e-3, 8e-3)
MATCHED_PARAMETERS = 500_000
HIDDEN_DIMS = (64, 128)
SEQ_LENS = (10, 25, 100)
SPAN_GRID = (1e-3, 2e-3, 4e-3)  # grows where the best rate is at an end
LOADS = (4, 2, 1)
SPAN_SIZES = ((128, 1), (256, 2))  # (hidden_dim, num_layers): those of TODO 9, those of TODO 1
PILOT_SEED = 0  # chooses the rates of the memory spans
STARTS = ("RNN, identity", "IRNN")  # how else a plain RNN may begin
LONG = 5  # times the budget of a lag


def seeds(vocab_size, known, corpus="sample"):
    """The comparison itself."""
    return [jobs.Run(corpus, m, s, exercise.LEARNING_RATES[m]) for s in SEEDS for m in MODELS]


def wikitext(vocab_size, known):
    """The comparison on WikiText-2."""
    return seeds(vocab_size, known, "wikitext-2")


def grid(vocab_size, known):
    """The learning rates that LEARNING_RATES was chosen from, on validation loss."""
    return [jobs.Run("sample", m, s, rate) for s in FEW_SEEDS for rate in GRID for m in MODELS]


def variants(vocab_size, known):
    """What else "identical" could mean: parameters, no dropout, the original exercise's rates."""
    for seed, model in itertools.product(FEW_SEEDS, MODELS):
        rate = exercise.LEARNING_RATES[model]
        matched = jobs.matched_hidden_dim(model, vocab_size, MATCHED_PARAMETERS)
        yield jobs.Run("sample", model, seed, rate, hidden_dim=matched)
        yield jobs.Run("sample", model, seed, rate, dropout=0.0)
        yield jobs.Run("sample", model, seed, protocols.LAST_STEP_RATES[model])


def attention(vocab_size, known):
    """An RNN with attention that has as many parameters as the plain one."""
    target = jobs.parameters("RNN", vocab_size)
    hidden_dim = jobs.matched_hidden_dim("Attention", vocab_size, target)
    return [jobs.Run("sample", "Attention", s, r, hidden_dim) for s in FEW_SEEDS for r in GRID[:3]]


def sweeps(vocab_size, known):
    """Shorter and longer windows, smaller models."""
    for seed, model in itertools.product(FEW_SEEDS, MODELS):
        rate = exercise.LEARNING_RATES[model]
        for hidden_dim in HIDDEN_DIMS:
            yield jobs.Run("sample", model, seed, rate, hidden_dim)
        for seq_len in SEQ_LENS:
            yield jobs.Run("sample", model, seed, rate, seq_len=seq_len)


def best_of(pilots):
    """Return (the rate with the best score, or None while some are missing; the rates of the grid).

    ``pilots`` maps the rates tried so far to their scores, larger for better.
    """
    rates = sorted({*SPAN_GRID, *pilots})
    return max(rates, key=pilots.get) if set(pilots) == set(rates) else None, rates


def spans(vocab_size, known):
    """Memory spans: the rates first, with a seed of their own, then the seeds at the best rate."""
    settings = [("Attention", 4, attention_span_size(vocab_size))]
    settings += [(start, 4, SPAN_SIZES[0]) for start in STARTS]
    settings += [(m, load, size) for size in SPAN_SIZES for load in LOADS for m in MODELS]
    for model, load, size in settings:
        pilots = {
            span.rate: (measured["span"], -measured["batches"])
            for span, measured in known.items()
            if isinstance(span, jobs.Span)
            and (span.model, span.load, span[2:4], span.seed) == (model, load, size, PILOT_SEED)
            and span.budget == 1
        }
        best, rates = best_of(pilots)
        if best is not None:
            if pilots[best][0] in (0, exercise.LONGEST_LAG) or best not in (rates[0], rates[-1]):
                yield from (jobs.Span(model, load, *size, best, seed) for seed in SEEDS)
                if load == 4 and size == SPAN_SIZES[0] and model in ("RNN", *STARTS):
                    yield from (jobs.Span(model, load, *size, best, s, LONG) for s in FEW_SEEDS)
            else:
                rates = _beyond(best, rates)
        yield from (jobs.Span(model, load, *size, rate, PILOT_SEED) for rate in rates)


def attention_span_size(vocab_size):
    """Return the (hidden_dim, num_layers) that give Attention the plain RNN's parameters."""
    asked = vocab_size + 12  # memory_span adds 8 symbols and 4 queries
    target = jobs.parameters("RNN", asked, 128, 1)
    return jobs.matched_hidden_dim("Attention", asked, target, 1), 1


def last_step_once(vocab_size, known):
    """The last-step protocol, and what of its ranking each thing that it gives unequally makes."""
    return [jobs.LastStep(variant) for variant in jobs.LAST_STEP_VARIANTS]


def converged(vocab_size, known):
    """The comparison until each has learned, and counting."""
    of = len(helpers.load_text("sample")) * 8 // 10
    yield jobs.Counted("sample", of)
    for seed, model in itertools.product(SEEDS, MODELS):
        yield jobs.Learned("sample", of, model, seed, exercise.LEARNING_RATES[model])


def text_sizes(vocab_size, known):
    """More text: at each size the rates first, with the first seed, then the others at the best."""
    for size in jobs.SIZES:
        yield jobs.Counted(jobs.LONG_TEXT, size)
    for model in MODELS:
        yield from _learning(model, known)


def _learning(model, known):
    """The smallest text has a grid of rates; the next its best and half of that, no more.

    The largest, where a training takes most of an hour, takes what the one before it took.
    """

    def run(size, rate, seed=SEEDS[0]):
        return jobs.Learned(jobs.LONG_TEXT, size, model, seed, rate)

    *tuned, largest = jobs.SIZES
    rates = SPAN_GRID
    for size in tuned:
        pilots = [run(size, rate) for rate in rates]
        yield from pilots
        if not known.keys() >= set(pilots):
            return
        best = min(pilots, key=lambda pilot: known[pilot]["best_val_loss"]).rate
        yield from (run(size, best, seed) for seed in FEW_SEEDS)
        rates = (best / 2, best)
    yield run(largest, best)


def _beyond(best, rates):
    """Return the next rate beyond the end of a grid that the best one stands at."""
    return [best / 2 if best == rates[0] else best * 2]


PARTS = {
    "seeds": seeds,
    "grid": grid,
    "variants": variants,
    "attention": attention,
    "spans": spans,
    "sweeps": sweeps,
    "last-step": last_step_once,
    "converged": converged,
    "wikitext": wikitext,
    "text-sizes": text_sizes,
}
FROM_FILE = ("wikitext", "text-sizes")  # the parts that need the text of WikiText-2
