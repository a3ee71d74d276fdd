"""More models of the study besides the three. Each is made from the solution's CharRNN."""

import torch
from torch import nn

from lab.extras.recurrences import Attention


def attention_rnn(
    CharRNN, vocab_size, embedding_dim=128, hidden_dim=256, num_layers=2, dropout=0.3
):
    """Return a CharRNN with lab.extras.recurrences.Attention as its recurrent layer."""
    with torch.device(
        "meta"
    ):  # draws no random weights, so a seed gives the same weights as in the study
        model = CharRNN(vocab_size, embedding_dim, hidden_dim, num_layers, dropout)
    model.embedding = nn.Embedding(vocab_size, embedding_dim)
    model.rnn = Attention(embedding_dim, hidden_dim, num_layers, dropout)
    model.output = nn.Linear(2 * hidden_dim, vocab_size)
    return model


def identity_rnn(CharRNN, *args, irnn=False, **kwargs):
    """Return a CharRNN whose recurrent weights are the identity matrix at the start.

    With ``irnn=True`` it also has ReLU, zero biases, and other weights that are drawn with a
    standard deviation of 0.001: Le, Jaitly and Hinton, "A Simple Way to Initialize Recurrent
    Networks of Rectified Linear Units" (2015).
    """
    model = CharRNN(*args, **kwargs)
    if irnn:
        model.rnn.nonlinearity, model.rnn.mode = "relu", "RNN_RELU"
    for name, parameter in model.rnn.named_parameters():
        if "weight_hh" in name:
            nn.init.eye_(parameter)
        elif irnn and "bias" in name:
            nn.init.zeros_(parameter)
        elif irnn:
            nn.init.normal_(parameter, std=0.001)
    return model
