"""What a model's card says of the data that it was trained on."""

import re
from collections.abc import Iterable, Sequence

from kws.engine.model_file import Model
from kws.support.text import markdown


def data_of(model: Model) -> str:
    """Return the list of the card beside the model, in Markdown; "" where there is none."""
    card = model.path.with_name("README.md") if model.path else None
    text = card.read_text(encoding="utf-8") if card and card.is_file() else ""
    found = re.search(r"^## Data\n+((?:- .*\n)+)", text, flags=re.M)
    return found[1].strip() if text.startswith(f"# {markdown(model.name)}\n") and found else ""


def attribution(models: Sequence[Model]) -> str:
    """Return what an export's README says of the data that its models were trained on."""
    said = []
    if data := attribution_of_all(models):
        said.append(f"The model's card names what it was trained on:\n\n{data}")
    if not all(map(data_of, models)):
        said.append(
            "No model card lies beside the model: name here whoever's recordings it was trained "
            "on, where their licence asks for it."
        )
    return "\n\n".join(said)


def attribution_of_all(models: Iterable[Model]) -> str:
    """Return the lists of several cards as one, each line once, in Markdown."""
    lines = (line for model in models for line in data_of(model).splitlines())
    return "\n".join(dict.fromkeys(lines))
