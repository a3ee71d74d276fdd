"""Two more recurrent layers. They have the same arguments and shapes as nn.GRU."""

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention


class Attention(nn.Module):
    """An nn.RNN with attention: each output attends to all outputs up to itself.

    ``forward(x, hidden=None)`` returns ``(outputs, hidden)`` like nn.RNN with batch_first=True. But
    the outputs have shape (b, t, 2 x hidden_size), because the output of the RNN and the result of
    the attention are joined. The scores are of the kind "general" (Luong, Pham and Manning,
    "Effective Approaches to Attention-based Neural Machine Translation", 2015). The attention
    covers only the outputs of this ``x``. To read one character at a time, the layer would have to
    keep every earlier output; this is the cost of attention on a phone.
    """

    def __init__(self, input_size, hidden_size, num_layers=1, dropout=0.0):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, num_layers, batch_first=True, dropout=dropout)
        self.query = nn.Linear(hidden_size, hidden_size, bias=False)

    def forward(self, x, hidden=None):
        said, hidden = self.rnn(x, hidden)  # (b, t, h)
        found = scaled_dot_product_attention(self.query(said), said, said, is_causal=True)
        return torch.cat([said, found], dim=-1), hidden  # (b, t, 2h)


class MinGRU(nn.Module):
    """A GRU whose gate uses only the input: h = z h + (1 - z) n.

    Here z and n depend on x, but not on h. So all timesteps can be computed together, in log2(t)
    rounds instead of t timesteps. This is the minGRU of Feng and others, "Were RNNs All We Needed?"
    (2024), with a prefix scan as in Hillis and Steele, "Data Parallel Algorithms" (1986).
    ``forward(x, hidden=None)`` returns ``(outputs, hidden)`` like nn.GRU with batch_first=True.
    """

    def __init__(self, input_size, hidden_size, num_layers=1, dropout=0.0):
        super().__init__()
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        self.layers = nn.ModuleList(nn.Linear(size, 2 * hidden_size) for size in sizes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, hidden=None):
        last = []
        for n, layer in enumerate(self.layers):
            z, new = layer(self.dropout(x) if n else x).chunk(2, dim=-1)  # (b, t, h) each
            keep = torch.sigmoid(z)
            x, kept = self.scan(keep, (1 - keep) * new)
            if hidden is not None:
                x = x + kept * hidden[n][:, None]
            last.append(x[:, -1])
        return x, torch.stack(last)

    @staticmethod
    def scan(keep, add):
        """Return (h, product of ``keep`` so far) at all timesteps, of h = keep h + add, h_0 = 0."""
        step = 1
        while step < keep.shape[1]:
            reached = add[:, step:] + keep[:, step:] * add[:, :-step]
            add = torch.cat([add[:, :step], reached], dim=1)
            keep = torch.cat([keep[:, :step], keep[:, step:] * keep[:, :-step]], dim=1)
            step *= 2
        return add, keep
