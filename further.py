"""What the exercise's last, optional section needs: attention, and texts of other kinds."""

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention


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
