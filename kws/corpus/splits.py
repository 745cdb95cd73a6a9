"""Which clips train, which choose the model, and which test it: fixed by name, for ever."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from kws.audio.files import find_audio
from kws.errors import AudioError, CorpusError

SPLITS = ("train", "validation", "testing")

# Shares for validation and testing of folders that are not split already.
POSITIVE_SHARES, NEGATIVE_SHARES = (0.15, 0.2), (0.1, 0.1)

_FOLDER_SPLITS = {**dict(zip(SPLITS, SPLITS, strict=True)), "test": "testing"}
_HASH_RANGE = 2**27 - 1


def speaker_split(stem: str, validation: float = 0.1, testing: float = 0.1) -> str:
    """Put a clip of Speech Commands in its official split, by the hash of its speaker.

    The `which_set` rule of the data set's README: the SHA-1 of what stands before `_nohash_`.
    """
    digest = hashlib.sha1(_speaker(stem).encode()).hexdigest()
    place = int(digest, 16) % (_HASH_RANGE + 1) / _HASH_RANGE
    return _split_at(place, validation, testing)


def split_paths(
    paths: Iterable[Path], validation: float = 0.1, testing: float = 0.2, seed: int = 0
) -> dict[str, list[Path]]:
    """Split files into "train", "validation" and "testing", always in the same way.

    A file goes by the hash of its name (stem) and the seed: order and folder do not matter, and
    files added later move no other (but copies of themselves).  Files of one speaker
    (`<speaker>_nohash_<n>`), of one name, and of equal content stay together.  Every part with a
    fraction above 0 gets a file.  Raises CorpusError if there are too few different files for that.
    """
    if not (0 <= validation < 1 and 0 <= testing < 1 and validation + testing < 1):
        raise CorpusError(
            f"cannot split off {validation} for validation and {testing} for testing: "
            "give fractions of at least 0 that sum to less than 1"
        )
    shares = {"train": 1 - validation - testing, "validation": validation, "testing": testing}
    wanted = [split for split in SPLITS if shares[split] > 0]
    groups = _groups(paths)
    if len(groups) < len(wanted):
        some = next(iter(groups.values()), [None])[0]
        where = f" in {some.parent}" if some else ""
        files = sum(map(len, groups.values()))
        raise CorpusError(
            f"{files} clip{'s' * (files != 1)}{where} make {len(groups)} different: at least "
            f"{len(wanted)} are needed to {', '.join(wanted)}; record or synthesize more"
        )
    places = {name: _place(name, seed) for name in groups}
    split_of = {name: _split_at(places[name], validation, testing) for name in groups}
    _fill_empty(split_of, places, wanted, {"validation": 0.0, "testing": validation, "train": 1.0})
    parts: dict[str, list[Path]] = {split: [] for split in SPLITS}
    for name, members in groups.items():
        parts[split_of[name]] += members
    return {split: sorted(members) for split, members in parts.items()}


def split_folders(
    folders: Iterable[Path | str], validation: float, testing: float
) -> dict[str, list[Path]]:
    """Give every file of the folders its split.

    A folder with train/ and any of validation/, test/, testing/ below it is taken as it is split;
    any other is split by its files' names, equal contents together.
    """
    parts: dict[str, list[Path]] = {split: [] for split in SPLITS}
    loose: list[Path] = []
    for folder in map(Path, folders):
        present = [name for name in _FOLDER_SPLITS if (folder / name).is_dir()]
        if "train" in present and len(present) > 1:
            for name in present:
                parts[_FOLDER_SPLITS[name]] += find_audio(folder / name)
        else:
            loose += [folder] if folder.is_file() else find_audio(folder)
    if loose:
        for split, paths in split_paths(loose, validation, testing).items():
            parts[split] += paths
    return parts


def check_splits(positives: dict[str, list[Path]], negatives: dict[str, list[Path]]) -> None:
    """Refuse at the start what would end the training at its end."""
    for split in SPLITS:
        for kind, parts in (("positives", positives), ("negatives", negatives)):
            if not parts[split]:
                raise CorpusError(
                    f"There are no {kind} for {split}; name a folder with train/, validation/ and "
                    "test/, or one without any of them, which is split by the files' names."
                )
    files = [
        {path.absolute() for paths in p.values() for path in paths} for p in (positives, negatives)
    ]
    for path in files[0] & files[1]:
        raise CorpusError(f"{path} is a positive and a negative; keep the folders apart.")


def _speaker(stem: str) -> str:
    return stem.split("_nohash_")[0]


def _place(name: str, seed: int) -> float:
    """Return where a name falls in [0, 1)."""
    digest = hashlib.sha1(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _split_at(place: float, validation: float, testing: float) -> str:
    if place < validation:
        return "validation"
    return "testing" if place < validation + testing else "train"


def _fill_empty(
    split_of: dict[str, str], places: Mapping[str, float], wanted: list[str], at: dict[str, float]
) -> None:
    """Give each empty part the nearest group of a part that can spare one."""
    for empty in wanted:
        members = list(split_of.values())
        if empty not in members:
            spare = [name for name, split in split_of.items() if members.count(split) > 1]
            nearest = min(spare, key=lambda name: (abs(places[name] - at[empty]), name))
            split_of[nearest] = empty


def _groups(paths: Iterable[Path]) -> dict[str, list[Path]]:
    """Gather files that must not be parted; each group goes by the first of its names."""
    by_name: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        by_name[_speaker(Path(path).stem)].append(Path(path))
    leader = {name: name for name in by_name}

    def find(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    for twins in _equal_contents(by_name):
        first, *others = sorted({find(name) for name in twins})
        leader.update(dict.fromkeys(others, first))
    groups: dict[str, list[Path]] = defaultdict(list)
    for name in sorted(by_name):
        groups[find(name)] += sorted(by_name[name])
    return dict(groups)


def _equal_contents(by_name: Mapping[str, list[Path]]) -> list[set[str]]:
    """Find the sets of names under which the same bytes are stored."""
    by_size: dict[int, list[tuple[Path, str]]] = defaultdict(list)
    by_content: dict[bytes, set[str]] = defaultdict(set)
    try:
        for name, members in by_name.items():
            for path in members:
                by_size[path.stat().st_size].append((path, name))
        for same_size in by_size.values():
            if len(same_size) > 1:  # files of different sizes need not be read
                for path, name in same_size:
                    by_content[hashlib.sha1(path.read_bytes()).digest()].add(name)
    except OSError as refusal:
        reason = (refusal.strerror or str(refusal)).lower()
        raise AudioError(f"cannot open {refusal.filename}: {reason}; check the name") from None
    return [names for names in by_content.values() if len(names) > 1]
