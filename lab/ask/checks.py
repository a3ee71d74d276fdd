"""What each check asks: a function for each, with the arguments that the notebook's cell gives.

The first argument is the seed of the questions. Each function returns plain data.
"""

from lab.ask import figures as plots, models as classes, outputs, simple, training as trainings


def char_rnn(seed, CharRNN):
    """Return the CheckResult of TODO 1: the class CharRNN."""
    return classes.ask("RNN", CharRNN, seed)


def char_lstm(seed, CharLSTM, CharRNN=None):
    """Return the CheckResult of TODO 2: the class CharLSTM."""
    return classes.ask("LSTM", CharLSTM, seed, CharRNN)


def char_gru(seed, CharGRU, CharRNN=None):
    """Return the CheckResult of TODO 3: the class CharGRU."""
    return classes.ask("GRU", CharGRU, seed, CharRNN)


def parameters(seed, recurrent_ratio, parameter_counts, vocab_size):
    """Return the CheckResult of TODO 4: a prediction, and the numbers of parameters, by formula."""
    return {"ratio": simple(recurrent_ratio, 1), "counts": simple(parameter_counts, 1)}


def training(seed, train_and_compare_models):
    """Return the CheckResult of TODO 5: the function, called on short texts with stand-ins."""
    return trainings.ask(train_and_compare_models, seed)


def samples(seed, temperature_limits, samples, prompt, models, char2idx):
    """Return the CheckResult of TODO 6: texts of the models, and the limits of the temperature."""
    facts = outputs.samples(samples, prompt, models, char2idx)
    return facts | {"limits": simple(temperature_limits, 1)}


def performance(
    seed, uniform_perplexity, vocab_size, performance_table, models, metrics, test_X, test_y
):
    """Return the CheckResult of TODO 7: a number, and the table of the trained models.

    The perplexities are computed again. This takes as long as the table did.
    """
    facts = outputs.performance(performance_table, models, metrics, test_X)
    return facts | {"uniform": simple(uniform_perplexity)}


def figures(seed, learning_curves, tradeoff_figure, performance_table):
    """Return the CheckResult of TODO 8: two figures that show data and name the data."""
    return plots.ask(learning_curves, tradeoff_figure, performance_table)


def long_context(seed, one_kept, spans, MODEL_CLASSES, text, requirements, batches):
    """Return the CheckResult of TODO 9: a share, and one memory span for each model."""
    names = {name: getattr(cls, "__name__", None) for name, cls in MODEL_CLASSES.items()}
    facts = {"kept": simple(one_kept), "classes": simple(names, 1), "batches": simple(batches)}
    return facts | {"spans": outputs.span_facts(spans, names)}


def recommendation(
    seed, misses, recommendation, evidence, paragraph, performance_table, spans, requirements, quick
):
    """Return the CheckResult of TODO 10: the recommendation and the numbers behind it."""
    answer = misses, recommendation, evidence, paragraph
    return outputs.decision(*answer, performance_table, spans)
