"""What the site of the documents adds to docs/: the pages and files elsewhere that docs/ links to.

mkdocs calls these functions by their names. A page such as firmware/docs/FORMAT.md becomes
firmware/FORMAT.html of the site, as if docs/ lay at the root of the repository; links are
rewritten to fit. A link to a folder leads to its README.
"""

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"(\]\(\s*<?)([^)>\s#]+)((?:#[^)>\s]*)?>?[^)]*\))")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//|/", re.IGNORECASE)
LIST_BEHIND_TEXT = re.compile(
    r"^((?![-*+] |\d+\. |\s|#|\||>).+)\n(?=(?:[-*+]|\d+\.) )", re.MULTILINE
)


def on_files(files: Files, config: Any) -> Files:
    """Add every file outside docs/ that a page links to, and those that these link to."""
    waiting = [Path(str(file.abs_src_path)) for file in files.documentation_pages()]
    seen = set(waiting)
    while waiting:
        page = waiting.pop()
        for target in _targets(page):
            if target in seen or target.is_relative_to(Path(config.docs_dir)):
                continue
            seen.add(target)
            files.append(_carried(target, config))
            if target.suffix == ".md":
                waiting.append(target)
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Rewrite links for the place that a file has on the site."""
    source = Path(page.file.abs_src_path)

    def rewritten(link: re.Match[str]) -> str:
        target = _target(source, link[2])
        if target is None:
            return link[0]
        here = PurePosixPath(page.file.src_uri).parent
        return f"{link[1]}{os.path.relpath(_place(target, config), here)}{link[3]}"

    text = _outside_code(markdown, lambda part: LINK.sub(rewritten, part))
    return _outside_code(text, lambda part: LIST_BEHIND_TEXT.sub(r"\1\n\n", part))


def _outside_code(markdown: str, change: Any) -> str:
    parts, at = [], 0
    for fence in FENCE.finditer(markdown):
        parts += [change(markdown[at : fence.start()]), fence[0]]
        at = fence.end()
    return "".join([*parts, change(markdown[at:])])


def _targets(page: Path) -> list[Path]:
    links = LINK.findall(FENCE.sub("", page.read_text("utf-8")))
    return [target for _, link, _ in links if (target := _target(page, link))]


def _target(page: Path, link: str) -> Path | None:
    """The file of the repository that a link means, or None."""
    if ELSEWHERE.match(link):
        return None
    target = Path(os.path.normpath(page.parent / link))
    if target.is_dir():
        target /= "README.md"
    return target if target.is_file() and target.is_relative_to(ROOT) else None


def _place(target: Path, config: Any) -> str:
    docs = Path(config.docs_dir)
    return target.relative_to(docs if target.is_relative_to(docs) else ROOT).as_posix()


def _carried(target: Path, config: Any) -> File:
    """A file of the repository, at its own path on the site; its pages need no entry in nav."""
    place = _place(target, config)
    return File.generated(config, place, abs_src_path=str(target))
