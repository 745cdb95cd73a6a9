"""The wake words that a service offers: their names, and how a client asks for them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from wyoming.info import Attribution, Info, WakeModel, WakeProgram

from kws import __version__
from kws.engine import model_file
from kws.engine.model_file import Model
from kws.errors import ModelError, ServingError
from kws.support.notices import Notice, tell
from kws.support.text import count_of, shown

_MOST_LISTED = 12  # names in a refusal


class WakeWord(NamedTuple):
    """A word of a model under the name by which clients know it.

    The name is the model's where that has one word, else model/word.
    """

    name: str
    word: str
    model: Model


def find_models(
    folder: Path | None, *, installed: bool, named: Sequence[Model] = ()
) -> list[Model]:
    """Return the models of a folder and of those below it; of ./models and those that ship, too.

    What cannot be used is told and left out; of two with one name the first is kept, and before
    them those that were named.
    """
    if folder is not None and not folder.is_dir():
        raise ModelError(f"There is no folder {str(folder)!r}: name one with .kws files.")
    files = sorted(folder.rglob("*.kws")) if folder else []
    if folder and not files:
        tell(Notice("model", f"{shown(folder)} holds no .kws file, and below it neither"))
    if installed:
        files += [file for home in model_file.MODELS for file in sorted(home.glob("*/*.kws"))]
    known = {model.name: model for model in named}
    found: list[Model] = []
    for file in files:
        try:
            model = model_file.load(file)
        except ModelError as refusal:
            tell(Notice("model", str(refusal)))
            continue
        kept = known.setdefault(model.name, model)
        if kept is model:
            found.append(model)
        elif kept.data != model.data:
            tell(Notice("name", f"{file} has the name of {kept.path} and is left out: rename it"))
    return found


class Catalogue:
    """The wake words of some models, in their order."""

    def __init__(self, models: Iterable[Model]) -> None:
        """ServingError where there is none, or where two models have one name."""
        self.words: tuple[WakeWord, ...] = ()
        known: dict[str, Model] = {}
        for model in models:
            if model.name in known:
                raise ServingError(
                    f"two models are called {model.name}: {known[model.name].path} and "
                    f"{model.path}; rename one"
                )
            known[model.name] = model
            one, name = len(model.words) == 1, shown(model.name)
            self.words += tuple(
                WakeWord(name if one else f"{name}/{word}", word, model) for word in model.words
            )
        if not self.words:
            raise ServingError("there is no model to serve: name a .kws file or a folder with one")

    def counted(self) -> str:
        """Say how many there are: wake words, and words of models that know several."""
        wake = sum(len(word.model.words) == 1 for word in self.words)
        commands = len(self.words) - wake
        kinds = ((wake, "wake word"), (commands, "command word"))
        return " and ".join(count_of(count, kind) for count, kind in kinds if count)

    def choose(self, names: Sequence[str] | None) -> tuple[WakeWord, ...]:
        """Return the words that a client asks for by name, by model, or by the phrase itself.

        None or no name asks for any wake word: those of models with one word, and of two models
        for one phrase the first. Command words, which occur in all talk, are chosen only by name,
        or where there is nothing else. ServingError on a name that nothing has.
        """
        if not names:
            single = [word for word in self.words if len(word.model.words) == 1]
            first = {_plain(word.word): word for word in reversed(single)}
            return tuple(word for word in single if word in first.values()) or self.words
        chosen: tuple[WakeWord, ...] = ()
        for name in names:
            wanted = _plain(name)
            found = [w for w in self.words if wanted in map(_plain, (w.name, w.model.name))]
            found = found or [word for word in self.words if _plain(word.word) == wanted]
            if not found:
                raise ServingError(f"there is no wake word {name[:40]!r}: {self._listed()}")
            chosen += tuple(word for word in found if word not in chosen)
        return chosen

    def _listed(self) -> str:
        names = [word.name for word in self.words]
        more = ", ..." if len(names) > _MOST_LISTED else ""
        return f"ask for {', '.join(names[:_MOST_LISTED])}{more}"

    def info(self) -> Info:
        """Return what a client is told that asks what is there."""
        maker = Attribution(name="kws", url="")
        models = [
            WakeModel(
                name=word.name,
                phrase=word.word,
                description=f"{word.word} ({len(word.model.data):,} bytes)",
                attribution=maker,
                installed=True,
                languages=[],
                version=word.model.data[-4:][::-1].hex(),  # the file's checksum
            )
            for word in self.words
        ]
        program = WakeProgram(
            name="kws",
            description="Wake words in one kilobyte",
            attribution=maker,
            installed=True,
            version=__version__,
            models=models,
        )
        return Info(wake=[program])


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").split())
