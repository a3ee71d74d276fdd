"""A recurrent layer beyond the three, with the interface of nn.GRU."""

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention


class Attention(nn.Module):
    """An nn.RNN whose outputs also look back: each attends to all outputs up to its own.

    ``forward(x, hidden=None)`` returns ``(outputs, hidden)`` as nn.RNN with batch_first=True does,
    but the outputs are twice as wide, (b, t, 2 x hidden_size): what the RNN says and what it found.
    Scores between outputs are "general" ones (Luong, Pham and Manning, "Effective Approaches to
    Attention-based Neural Machine Translation", 2015). It attends within ``x`` only: fed one
    character at a time, it would have to keep every output, which is the price of attention on a
    phone.
    """

    def __init__(self, input_size, hidden_size, num_layers=1, dropout=0.0):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, num_layers, batch_first=True, dropout=dropout)
        self.query = nn.Linear(hidden_size, hidden_size, bias=False)

    def forward(self, x, hidden=None):
        said, hidden = self.rnn(x, hidden)  # (b, t, h)
        found = scaled_dot_product_attention(self.query(said), said, said, is_causal=True)
        return torch.cat([said, found], dim=-1), hidden  # (b, t, 2h)
