"""What is told of each epoch: TensorBoard's log, and a line every ten epochs."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kws.errors import ConfigError
from kws.training.run_folder import TENSORBOARD


class TensorBoard:
    """TensorBoard's log, imported only when training begins.

    It is a convenience: once it is open, a log that cannot be written ends no training.
    """

    def __init__(self, out: Path) -> None:
        """Open a log in this run's folder; ConfigError where it cannot be made."""
        from torch.utils.tensorboard import SummaryWriter

        folder = out / TENSORBOARD
        try:
            self._writer = SummaryWriter(str(folder))
        except OSError as error:
            raise ConfigError(f"The log {folder} cannot be made: {error.strerror}.") from None

    def __enter__(self) -> "TensorBoard":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._writer.close()

    def write(self, row: dict[str, Any]) -> None:
        """Write the figures of an epoch."""
        with contextlib.suppress(OSError):
            for key, value in row.items():
                if isinstance(value, float):
                    self._writer.add_scalar(key, value, row["epoch"])


def log_epoch(row: dict[str, Any], board: TensorBoard | None, say: Callable[[str], None]) -> None:
    """Log an epoch, and say every tenth; the progress bar tells the rest."""
    if board is not None:
        board.write(row)
    if row["epoch"] % 10:
        return
    figures = ", ".join(
        f"{key.replace('_', ' ')} {value:.4f}"
        for key, value in row.items()
        if key not in ("epoch", "stage", "score", "learning_rate")
    )
    say(f"epoch {row['epoch']:4d} ({row['stage']}): {figures}")
