"""Keystroke savings: how much of the typing a perfect user leaves to the suggestions.

Trnka and McCoy, "Evaluating Word Prediction: Framing Keystroke Savings" (ACL 2008): the share of
keys that need not be pressed by who takes the right word as soon as it is among those shown, here
three. Taking one is a key too, and types the space behind the word, which costs no key to be rid
of where something else follows: a phone's keyboard takes it back.
"""

import copy
import itertools

import numpy as np
import torch

import helpers
from lab import exercise
from lab.ngram import NGram

SHOWN, BEAM, LONGEST = 3, 3, 18  # words, hypotheses of a search, characters of a word's rest
BLOCK = 150  # characters: for the interval, the text is drawn again in blocks of so many


class Reader:
    """A network that reads the next character of many texts at once."""

    def __init__(self, model):
        self.model = copy.deepcopy(model).cpu().eval()

    def start(self, count):
        return tuple(s.transpose(0, 1) for s in helpers.states(self.model.init_hidden(count)))

    @torch.inference_mode()
    def step(self, characters, state):
        """Return log probabilities (n, vocab_size) and the states, n first, after (n,) more."""
        state = tuple(s.transpose(0, 1).contiguous() for s in state)
        logits, state = self.model(characters[:, None], state if len(state) > 1 else state[0])
        return logits.log_softmax(1), tuple(s.transpose(0, 1) for s in helpers.states(state))


class CountingReader:
    """The same for an NGram, whose state is the last characters."""

    def __init__(self, model):
        self.model = model

    def start(self, count):
        return (torch.full((count, max(1, self.model.order - 1)), -1),)  # -1: nothing, never seen

    def step(self, characters, state):
        contexts = torch.cat([state[0][:, 1:], characters[:, None]], 1)
        every = torch.arange(self.model.vocab_size)
        n, size = len(contexts), len(every)
        repeated = contexts.repeat_interleave(size, 0)
        probabilities = self.model.probability_of(repeated, every.repeat(n)).reshape(n, size)
        return torch.from_numpy(probabilities).log().float(), (contexts,)


def in_words(chars):
    """Return which characters words are made of: bool (vocab_size,)."""
    return torch.tensor([c.isalpha() or c in "'\u2019-" for c in chars])


def words_ahead(reader, log, state, inside):
    """Return the likeliest rests of a word after n texts: indices (n, SHOWN, LONGEST), then -1.

    By beam search, as words() of keyboard/engine.js: ``log`` (n, vocab_size) and ``state`` are what
    ``reader`` gave for the last character, ``inside`` (vocab_size,) is true for what is in words.
    """
    n, size = log.shape
    never = -torch.inf
    found, texts = torch.full((n, SHOWN), never), torch.full((n, SHOWN, LONGEST), -1)
    live, begun, logs = torch.zeros(n, 1), torch.full((n, 1, LONGEST), -1), log[:, None]
    for length in range(LONGEST + 1):
        if length:
            ends = live + logs.masked_fill(inside, never).logsumexp(2)  # the word may end here
            found, best = torch.cat([found, ends], 1).topk(SHOWN, 1)
            texts = _taken(torch.cat([texts, begun], 1), best)
        if length == LONGEST:
            break
        grown = (live[:, :, None] + logs.masked_fill(~inside, never)).flatten(1)
        live, best = grown.topk(min(BEAM, grown.shape[1]), 1)
        begun = _taken(begun, best // size)
        begun[:, :, length] = best % size
        worth = (live > found[:, -1:]).flatten()
        live = live.masked_fill(~worth.view(live.shape), never)
        if not worth.any():
            break
        width = len(state[0]) // n
        rows = (torch.arange(n)[:, None] * width + best // size).flatten()
        after, moved = reader.step(
            (best % size).flatten()[worth], tuple(s[rows[worth]] for s in state)
        )
        logs = torch.full((len(worth), size), never)
        logs[worth] = after
        logs = logs.view(n, -1, size)
        state = tuple(_spread(s, worth) for s in moved)
    return texts


def _taken(rows, which):
    """Return the rows (n, k, t) of (n, m, t) whose numbers are ``which`` (n, k)."""
    return rows.gather(1, which[:, :, None].expand(-1, -1, rows.shape[2]))


def _spread(some, where):
    """Return as many rows as ``where`` has, with ``some`` in the places where it is true."""
    rows = some.new_zeros(len(where), *some.shape[1:])
    rows[where] = some
    return rows


def keys_saved(reader, text, begin, chars):
    """Return the keys saved at each character of ``text[begin:]``, an array, at the words' starts.

    ``text`` is a list of indices; what stands before ``begin`` is read only.
    """
    inside = in_words(chars)
    logs, states = _read(reader, text)
    words = _whole_words([bool(inside[i]) for i in text], begin)
    saved, typed = np.zeros(len(text) - begin), 0
    while words:
        places = torch.tensor([start + typed - 1 for start, _ in words])
        ahead = words_ahead(reader, logs[places], tuple(s[places] for s in states), inside).tolist()
        left = []
        for (start, end), shown in zip(words, ahead, strict=True):
            rest = text[start + typed : end]
            if rest + [-1] * (LONGEST - len(rest)) in shown:
                space = chars[text[end]] == " "
                saved[start - begin] = max(0, len(rest) + space - 1)
            elif start + typed + 1 < end:
                left.append((start, end))
        words, typed = left, typed + 1
    return saved


def _read(reader, text):
    """Return the log probabilities (t, vocab_size) and states after each character of a text."""
    logs, states, state = [], [], reader.start(1)
    for index in text:
        log, state = reader.step(torch.tensor([index]), state)
        logs.append(log)
        states.append(state)
    return torch.cat(logs), tuple(map(torch.cat, zip(*states, strict=True)))


def _whole_words(inside, begin):
    """Return (start, end) of the words that begin after ``begin`` and end before the text does."""
    words, start = [], None
    for place, is_inside in enumerate(inside):
        if is_inside and not (place and inside[place - 1]):
            start = place
        elif not is_inside and place and inside[place - 1] and start > begin:
            words.append((start, place))
    return words


def keystroke_savings(models, counting, test_X, test_y, chars):
    """Return {name: (per cent of the keys saved, lower, upper)}, and print the differences.

    The simulated typist writes the held-out text, the models reading along. Intervals of 95 % are
    over blocks of the text drawn again (bootstrap), the same for all models; seeds are not in them.
    """
    text, begin = [*test_X[0].tolist(), *test_y.tolist()], test_X.shape[1]
    saved = {}  # {name: what is saved in each block, per cent}
    with helpers.one_thread():
        for name, model in {**models, counting.name: counting}.items():
            reader = CountingReader(model) if isinstance(model, NGram) else Reader(model)
            keys = keys_saved(reader, text, begin, chars)
            blocks = np.array_split(keys, max(1, round(len(keys) / BLOCK)))
            saved[name] = 100 * np.array([block.mean() for block in blocks])
    print_differences(saved)
    return {name: with_interval(blocks) for name, blocks in saved.items()}


def with_interval(blocks, draws=2_000):
    """Return the mean of blocks of text, and the ends of its 95 % over blocks drawn again."""
    drawn = np.random.default_rng(exercise.SEED).choice(blocks, (draws, len(blocks))).mean(1)
    return float(blocks.mean()), *map(float, np.quantile(drawn, [0.025, 0.975]))


def print_differences(saved):
    """Print by how many keys of 100 each model saves more than the next one, on the same blocks."""
    ranked = sorted(saved, key=lambda name: -saved[name].mean())
    for better, worse in itertools.pairwise(ranked):
        more, lower, upper = with_interval(saved[better] - saved[worse])
        print(
            f"{better} saves {more:.1f} keys of 100 more than {worse} ({lower:.1f} to {upper:.1f})."
        )
