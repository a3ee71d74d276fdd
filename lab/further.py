"""For the last, optional section: the protocol on any text and size, other texts, attention.

The study, benchmarks/study/jobs.py, trains with ``fit`` too.
"""

import time

import numpy as np
import torch
from torch import nn, optim
from torch.nn.functional import scaled_dot_product_attention

import helpers
from lab.ngram import NGram


def fit(
    model_class, text, learning_rate, epochs, seed, hidden_dim=256, dropout=0.3, seq_len=50, order=0
):
    """Return (model, BestWeights, splits) after training by the exercise's protocol.

    A batch holds as many characters at every ``seq_len``, so that all take the same number of
    steps. ``order`` is the seed of the first epoch's windows.
    """
    chars, char2idx, _ = helpers.build_vocabulary(text)
    splits = helpers.prepare_sequences(text, char2idx, seq_len)
    train_X, train_y, val_X, val_y, *_ = splits
    val_X, val_y = val_X[seq_len - 1 :: seq_len], val_y[seq_len - 1 :: seq_len]
    criterion = nn.CrossEntropyLoss()
    torch.manual_seed(seed)
    model = model_class(len(chars), hidden_dim=hidden_dim, dropout=dropout)
    optimizer = optim.Adam(model.parameters(), lr=learning_rate)
    best = helpers.BestWeights(model)
    for epoch in range(epochs):
        X, y = helpers.one_pass(train_X, train_y, seed=order + epoch)
        helpers.train_epoch(model, X, y, optimizer, criterion, batch_size=1600 // seq_len)
        best.update(helpers.evaluate_model(model, val_X, val_y, criterion, every_step=True))
    best.restore()
    return model, best, splits


def fit_and_score(model_class, text, learning_rate, epochs=20, hidden_dim=256, seq_len=50):
    """Train a model class on a text, print how it predicts beside a 5-gram; return perplexity."""
    start = time.perf_counter()
    model, best, (train_X, train_y, _, _, test_X, test_y) = fit(
        model_class, text, learning_rate, epochs, helpers.SEED, hidden_dim, seq_len=seq_len
    )
    perplexity = helpers.calculate_perplexity(model, test_X, test_y)
    counted = NGram.of_windows(train_X, train_y, len(set(text))).perplexity(test_X, test_y)
    print(
        f"{model_class.__name__}, {helpers.count_parameters(model):,} parameters, {epochs} epochs "
        f"(best: {best.best_epoch}): test perplexity {perplexity:.2f}, 5-gram {counted:.2f} "
        f"({time.perf_counter() - start:.0f} s)",
        flush=True,
    )
    return perplexity


def mackey_glass(length=20_000, levels=64, delay=17):
    """Return a chaotic time series as a text: one of ``levels`` characters per time step.

    x' = 0.2 x(t - delay) / (1 + x(t - delay)^10) - 0.1 x(t), from 1.2, in steps of 0.1 of which
    every tenth is kept; the first 1,000 are dropped. (Mackey and Glass, "Oscillation and Chaos in
    Physiological Control Systems", 1977.)
    """
    steps = 10 * (1_000 + length)
    x = np.full(steps + 10 * delay, 1.2)
    for t in range(10 * delay, len(x) - 1):
        past = x[t - 10 * delay]
        x[t + 1] = x[t] + 0.1 * (0.2 * past / (1 + past**10) - 0.1 * x[t])
    kept = x[-10 * length :: 10]
    level = (kept - kept.min()) / np.ptp(kept) * levels
    return "".join(chr(ord("0") + min(int(value), levels - 1)) for value in level)


class AttentionRNN(nn.Module):
    """CharRNN that also looks back: each output attends to all recurrent outputs up to its own.

    The contract of the exercise's models, with "general" scores between the outputs (Luong, Pham
    and Manning, "Effective Approaches to Attention-based Neural Machine Translation", 2015). It
    attends within ``x`` only: fed one character at a time, it would have to keep every output,
    which is the price of attention on a phone.
    """

    def __init__(self, vocab_size, embedding_dim=128, hidden_dim=256, num_layers=2, dropout=0.3):
        super().__init__()
        self.num_layers, self.hidden_dim = num_layers, hidden_dim
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.rnn = nn.RNN(embedding_dim, hidden_dim, num_layers, batch_first=True, dropout=dropout)
        self.query = nn.Linear(hidden_dim, hidden_dim, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(2 * hidden_dim, vocab_size)

    def forward(self, x, hidden=None, return_sequences=False):
        embedded = self.dropout(self.embedding(x))  # (b, t, embedding_dim)
        seen, hidden = self.rnn(embedded, hidden)  # (b, t, h)
        asking = seen if return_sequences else seen[:, -1:]  # (b, t or 1, h)
        found = scaled_dot_product_attention(
            self.query(asking), seen, seen, is_causal=return_sequences
        )  # (b, t or 1, h)
        logits = self.output(self.dropout(torch.cat([asking, found], dim=-1)))
        return logits if return_sequences else logits[:, -1], hidden

    def init_hidden(self, batch_size):
        device = next(self.parameters()).device
        return torch.zeros(self.num_layers, batch_size, self.hidden_dim, device=device)
