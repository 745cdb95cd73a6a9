"""A recurrent cell or a convolutional peer, with the classifier that reads it."""

from torch import Tensor, nn

from kws.errors import ConfigError
from kws.network.fastgrnn import FastCell
from kws.network.peers import CONVOLUTIONAL_CLASSES, BcResNet, DsCnn
from kws.settings.names import NETWORKS

RECURRENT_CLASSES = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}


class PeerCell(nn.Module):
    """nn.GRU, nn.LSTM or nn.RNN behind the interface of FastCell."""

    def __init__(self, kind: str, n_features: int, hidden: int) -> None:
        """Kind: gru, lstm or rnn."""
        super().__init__()
        self.hidden = hidden
        self.rnn = RECURRENT_CLASSES[kind](n_features, hidden, batch_first=True)

    def forward(self, features: Tensor) -> Tensor:
        """Return all states."""
        states: Tensor = self.rnn(features)[0]
        return states


class Network(nn.Module):
    """A cell and a linear classifier that reads every state; a clip's logit is the maximum."""

    def __init__(
        self,
        *,
        cell: str = "fastgrnn",
        n_features: int,
        hidden: int,
        classes: int,
        ranks: tuple[int, int] = (0, 0),
        hard: bool = False,
        dropout: float = 0.0,
    ) -> None:
        """Raise ConfigError on an unknown cell.

        `dropout` is the share of the units that the classifier does not see in training, the same
        in all frames of a row.
        """
        super().__init__()
        self.dropout = dropout
        if cell not in NETWORKS:
            raise ConfigError(f"The cell is {cell!r}; choose one of {', '.join(NETWORKS)}.")
        self.cell: FastCell | PeerCell | DsCnn | BcResNet
        if cell in RECURRENT_CLASSES:
            self.cell = PeerCell(cell, n_features, hidden)
        elif cell in CONVOLUTIONAL_CLASSES:
            self.cell = CONVOLUTIONAL_CLASSES[cell](n_features, hidden)
        else:
            self.cell = FastCell(n_features, hidden, ranks, gated=cell == "fastgrnn", hard=hard)
        self.classifier = nn.Linear(hidden, classes)

    def begin_at_rest(self, silence: Tensor) -> None:
        """Begin every clip at rest where the cell is the engine's: see FastCell.begin_at_rest."""
        if isinstance(self.cell, FastCell):
            self.cell.begin_at_rest(silence)

    def forward(self, features: Tensor) -> Tensor:
        """Features to the logits of every frame."""
        states: Tensor = self.cell(features)
        if self.training and self.dropout:
            seen = states.new_empty(len(states), 1, states.shape[2]).bernoulli_(1 - self.dropout)
            states = states * seen / (1 - self.dropout)
        logits: Tensor = self.classifier(states)
        return logits


def parameters(network: nn.Module) -> int:
    """Number of trainable values."""
    return sum(p.numel() for p in network.parameters())
