"""The folder of a run: the one reader and writer of what a training leaves there.

The metrics come last: where they are, all is, and `finished` says whether it is of this recipe.
"""

import contextlib
import dataclasses
import hashlib
import io
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from kws.engine import model_file
from kws.errors import ConfigError, KwsError
from kws.network import fit
from kws.network.network import Network
from kws.report.model_card import model_card
from kws.settings.recipe import Recipe
from kws.settings.toml import load_recipe
from kws.support.files import replacing
from kws.training.checkpoint import completed_recipe, recipe_of, taken, tensors_of
from kws.training.metrics import Metrics

CHECKPOINT, NETWORK, CONFIG = "checkpoint.pt", "network.pt", "config.toml"
METRICS, CARD, TENSORBOARD = "metrics.json", "README.md", "tensorboard"
CURVES, CONFUSION, DETECTION = "training.png", "confusion.png", "detection.png"
PICTURES = (CURVES, CONFUSION, DETECTION)


@dataclass(frozen=True)
class RunFolder:
    """What a run leaves: its model or network, recipe, metrics, card, pictures and checkpoint."""

    path: Path

    def make(self) -> None:
        """Make the folder where it is not there; ConfigError where it cannot be made."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror
            raise ConfigError(f"The folder {self.path} cannot be made: {reason}.") from None

    @contextlib.contextmanager
    def made(self) -> Iterator[None]:
        """Do as `make`, and leave no new and empty folder behind where the block is refused."""
        is_new = not self.path.exists()
        self.make()
        try:
            yield
        except KwsError:
            if is_new:
                with contextlib.suppress(OSError):
                    self.path.rmdir()
            raise

    def model(self, recipe: Recipe) -> Path:
        """Return where the model file of this recipe lies."""
        return self.path / f"{recipe.name}.kws"

    @property
    def has_network(self) -> bool:
        """Whether a finished network lies here, which can teach or be trained further."""
        return (self.path / NETWORK).is_file() and (self.path / CONFIG).is_file()

    def recipe(self) -> Recipe | None:
        """Return the recipe that is kept here, None where there is none."""
        path = self.path / CONFIG
        return load_recipe(path) if path.exists() else None

    def metrics(self) -> Metrics | None:
        """Return what was measured, None where nothing was; ConfigError on a damaged file."""
        path = self.path / METRICS
        try:
            values = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path} cannot be read: {error}; delete it to train anew.") from None
        return Metrics.from_json(values, str(path))

    def finished(self, recipe: Recipe) -> Metrics | None:
        """Return the metrics of a run of this recipe that came to its end, else None."""
        metrics, kept = self.metrics(), self.recipe()
        if metrics is None or kept is None or not is_run_of(kept, recipe):
            return None
        return metrics

    def finished_or_free(self, recipe: Recipe) -> Metrics | None:
        """As `finished`, but ConfigError where a run of another recipe came to its end here."""
        done = self.finished(recipe)
        if done is None and self.metrics() is not None:
            raise ConfigError(
                f"{self.path} holds a run with other settings; choose another --to, or delete the "
                "folder."
            )
        return done

    def check_free(self, recipe: Recipe, *, has_data: bool = True) -> None:
        """Raise ConfigError where a training of another recipe has begun, and is not over.

        To be asked before the long work that comes before a training: the trainer refuses it, too.
        Without `has_data` it is not known yet what the recipe will be trained on.
        """
        found = recipe_of(self.path / CHECKPOINT)
        if found is None or (found[1] and (self.path / METRICS).exists()):
            return
        kept = found[0] if has_data else dataclasses.replace(found[0], data=recipe.data)
        if not is_run_of(kept, recipe):
            raise taken(self.path / CHECKPOINT, "other settings")

    def make_way(self, recipe: Recipe, say: Callable[[str], None]) -> None:
        """Let a finished run of another recipe give way, and tell it.

        Its model and card stay until there are new ones. A training that has not come to its end
        stays, too: the trainer refuses to go on with it.
        """
        checkpoint, kept = self.path / CHECKPOINT, self.recipe()
        before = completed_recipe(checkpoint) if checkpoint.exists() else kept
        if before is None or is_run_of(before, recipe) or not (self.path / METRICS).exists():
            return
        say(f"{self.path} holds a finished run of another recipe: training anew in its place.")
        for path in (self.path / METRICS, checkpoint):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.path / TENSORBOARD, ignore_errors=True)

    def write_model(self, recipe: Recipe, data: bytes) -> None:
        """Save the model file; what a run of another recipe left goes first."""
        self._clear(recipe)
        model_file.save(self.model(recipe), data)

    def write_network(self, recipe: Recipe, network: Network) -> str:
        """Save the weights in float; what a run of another recipe left goes first.

        Returns the file's SHA-256, for the metrics.
        """
        self._clear(recipe)
        state = io.BytesIO()
        torch.save(network.state_dict(), state)
        self._write(NETWORK, state.getvalue())
        return hashlib.sha256(state.getbuffer()).hexdigest()

    def load_network(self, network: Network) -> None:
        """Give a network of the kept recipe's sizes its weights; ConfigError on a damaged file."""
        path = self.path / NETWORK
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
        metrics = self.metrics()
        wanted = None if metrics is None else metrics.network_sha256
        try:
            if wanted not in (None, hashlib.sha256(data).hexdigest()):
                raise ValueError("torch would read changed bytes without a word")
            network.load_state_dict(tensors_of(data))
        except Exception:  # torch raises whatever the damaged file makes it raise
            raise ConfigError(
                f"{path} is damaged, or not of the sizes in {CONFIG} beside it; train it anew."
            ) from None

    def write_card(self, recipe: Recipe, metrics: Metrics) -> None:
        """Write the model card."""
        card = model_card(metrics.to_json(), dataclasses.asdict(recipe), self.path.as_posix())
        self._write(CARD, card.encode())

    def write_results(self, recipe: Recipe, metrics: Metrics) -> None:
        """Write the recipe and the metrics, by which the run is finished."""
        self._write(CONFIG, recipe.to_toml().encode())
        self._write(METRICS, (json.dumps(metrics.to_json(), indent=1) + "\n").encode())

    def take_over(self, other: "RunFolder", recipe: Recipe, metrics: Metrics) -> None:
        """Copy the model and pictures of another run of this recipe, and write these metrics."""
        self.write_model(recipe, other.model(recipe).read_bytes())
        for name in PICTURES:
            if (other.path / name).exists():
                self._write(name, (other.path / name).read_bytes())
        self.write_card(recipe, metrics)
        self.write_results(recipe, metrics)

    def _clear(self, recipe: Recipe) -> None:
        """Remove what a run of another recipe left, before the first result of this one."""
        kept = self.recipe()
        if kept is None or is_run_of(kept, recipe):
            return
        if not (self.model(kept).exists() or (self.path / NETWORK).exists()):
            return  # nobody's run: a recipe that lies here, and perhaps its owner's files
        gone = [METRICS, CARD, NETWORK, *PICTURES]
        if kept.name != recipe.name:
            gone.append(self.model(kept).name)
        for name in gone:
            with contextlib.suppress(OSError):
                (self.path / name).unlink()

    def _write(self, name: str, content: bytes) -> None:
        with replacing(self.path / name, KwsError) as file:
            file.write(content)


def is_run_of(kept: Recipe, asked: Recipe) -> bool:
    """Whether `kept` is what `asked` was trained as: sizes that it leaves open were chosen then."""
    if asked.network.hidden == 0:
        asked = dataclasses.replace(asked, network=fit.sizes_at(asked, kept.network.hidden))
    return kept == asked
