"""What the study trains beyond the three: by the contract of the exercise's models."""

import torch
from torch import nn

from lab.extras.recurrences import Attention


class AttentionRNN(nn.Module):
    """The exercise's CharRNN with lab.extras.recurrences.Attention as its recurrent layer."""

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


def identity_rnn(CharRNN):
    """Return a CharRNN that begins by passing its state on: recurrent weights at the identity."""

    class IdentityRNN(CharRNN):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            for name, parameter in self.named_parameters():
                if "weight_hh" in name:
                    nn.init.eye_(parameter)

    return IdentityRNN


def irnn(CharRNN):
    """Return the IRNN: ReLU, recurrent weights at the identity, biases at zero.

    Le, Jaitly and Hinton, "A Simple Way to Initialize Recurrent Networks of Rectified Linear Units"
    (2015): the other weights are drawn with a standard deviation of 0.001.
    """

    class IRNN(identity_rnn(CharRNN)):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            for layer in self.modules():
                if isinstance(layer, nn.RNN):
                    layer.nonlinearity, layer.mode = "relu", "RNN_RELU"
                    for name, parameter in layer.named_parameters():
                        if "bias" in name:
                            nn.init.zeros_(parameter)
                        elif "weight_ih" in name:
                            nn.init.normal_(parameter, std=0.001)

    return IRNN
