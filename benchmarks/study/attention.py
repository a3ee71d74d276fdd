"""CharRNN with attention, for the study: the contract of the exercise's models."""

import torch
from torch import nn

from lab.recurrences import Attention


class AttentionRNN(nn.Module):
    """The exercise's CharRNN with lab.recurrences.Attention as its recurrent layer."""

    def __init__(self, vocab_size, embedding_dim=128, hidden_dim=256, num_layers=2, dropout=0.3):
        super().__init__()
        self.num_layers, self.hidden_dim = num_layers, hidden_dim
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.rnn = Attention(embedding_dim, hidden_dim, num_layers, dropout)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(2 * hidden_dim, vocab_size)

    def forward(self, x, hidden=None, return_sequences=False):
        outputs, hidden = self.rnn(self.dropout(self.embedding(x)), hidden)  # (b, t, 2h)
        outputs = outputs if return_sequences else outputs[:, -1]
        return self.output(self.dropout(outputs)), hidden

    def init_hidden(self, batch_size):
        device = next(self.parameters()).device
        return torch.zeros(self.num_layers, batch_size, self.hidden_dim, device=device)
