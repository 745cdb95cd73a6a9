"""The engine as a WebAssembly module: an npm package for Node and browsers, and a page around it.

The module is compiled once, by us, and checked in (firmware/ports/web); a model lies beside it as
the file that it is. So nobody needs a compiler, and what runs is what was tested.
"""

import html
from collections.abc import Iterator, Sequence

from kws.device.attribution import attribution_of_all
from kws.device.board_image import prebuilt
from kws.device.identifiers import identifier
from kws.engine import model_file
from kws.engine.model_file import Model
from kws.support.text import count_of


def engine() -> bytes:
    """Return the WebAssembly module, which takes every model that this machine's engine takes."""
    return prebuilt("web", "kws.wasm")


def page_models(models: Sequence[Model]) -> dict[str, Model]:
    """Return the models of the page by name: those of the package, then those that kws ships."""
    shipped = map(model_file.load, sorted(model_file.MODELS[-1].glob("*/*.kws")))
    named: dict[str, Model] = {}
    for model in (*models, *shipped):
        named.setdefault(identifier(model.name), model)
    return named


def binaries(models: Sequence[Model]) -> Iterator[tuple[str, bytes]]:
    """Give the path and bytes of the module and of every model."""
    yield "kws.wasm", engine()
    for name, model in page_models(models).items():
        yield f"models/{name}.kws", model.data


def values(models: Sequence[Model]) -> dict[str, str]:
    """Return what the templates of this format say of the models, by its name in them."""
    names = [identifier(model.name) for model in models]
    more = [model for name, model in page_models(models).items() if name not in names]
    module = engine()
    return {
        "MODELS": "\n".join(
            f'  {name}: new URL("./models/{name}.kws", import.meta.url),' for name in names
        ),
        "MODEL_FILES": "\n".join(f'    "models/{name}.kws",' for name in names),
        "OPTIONS": "\n".join(_option(*item) for item in page_models(models).items()),
        "WASM_BYTES": f"{len(module):,}",
        "ALL_BYTES": f"{len(module) + sum(len(model.data) for model in models):,}",
        "PAGE_MODELS": ", ".join(f"`{identifier(model.name)}`" for model in more),
        "PAGE_ATTRIBUTION": attribution_of_all(more),
    }


def _option(name: str, model: Model) -> str:
    first = model.words[0]
    words = f"“{first}”" if len(model.words) == 1 else count_of(len(model.words), "word")
    return (
        f'            <option value="models/{name}.kws" data-name="{name}">'
        f"{name}: {html.escape(words)}</option>"
    )
