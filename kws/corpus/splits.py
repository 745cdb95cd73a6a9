"""Which clips train, which choose the model, and which test it: fixed by name, for ever.

Clips of one speaker stay in one part where a file's own path says who speaks: as Speech Commands
says it (`<speaker>_nohash_<n>`), or by a word for a person with a number, a letter or a name behind
it: `speaker07/2.wav`, `Speaker_A/x.wav`, `speaker_alice/x.wav`, and, but for a name, at the start
of a file's own, `spk12_hello.wav`; and as LibriSpeech and others say it, by a number of three to
six digits with another behind it: `1272-128104-0000.flac`, `0001_000010011.wav`; and the folders
of VCTK and VoxCeleb, `p225/`, `id10001/`. Nothing else counts as a name: `alice_03.wav` looks like
`door_03.wav`, and a rule that looked at a file's neighbours would move it when one is added.
"""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from kws.audio.files import recordings_of
from kws.corpus.overlap import digest_of, refuse_overlap, same_in, size_of
from kws.errors import CorpusError
from kws.support.notices import Notice, tell

SPLITS = ("train", "validation", "testing")
# Shares for validation and testing of folders that are not split already.
POSITIVE_SHARES, NEGATIVE_SHARES = (0.15, 0.2), (0.1, 0.1)

_PERSON = r"(?:speaker|spkr|spk|talker|user|person|participant|subject|volunteer)"
_SPEAKER = re.compile(rf"({_PERSON}[ _-]?(?:\d+[a-z]?|(?<=[ _-])[a-z]))", re.I)
_NOT_NAMES = r"(?:audio|clips?|data|recordings?|samples?|test|train|validation|voices?|words?)"
_NAMED_FOLDER = re.compile(rf"({_PERSON}[ _-](?!{_NOT_NAMES}$)[^\W\d_][^/]*)", re.I)
_CORPUS_SPEAKER = re.compile(r"(p\d{3}|id\d{5})")  # folders of VCTK, of VoxCeleb
_NUMBERED = re.compile(r"(\d{3,6})([-_])\d{4,}(?:\2\d+)*")
FOLDER_SPLITS = {**dict(zip(SPLITS, SPLITS, strict=True)), "test": "testing"}
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

    A file goes by the hash of its name (stem) and the seed, or of its speaker's where its path
    names one (see above): order and folder do not matter, and files added later move no other (but
    copies of themselves).  Files of one speaker, of one name, and of equal content stay together;
    where there are fewer speakers than parts, which is told, they are parted by name.  Every
    part with a fraction above 0 gets a file.  Raises CorpusError if the different files are too
    few.
    """
    if not (0 <= validation < 1 and 0 <= testing < 1 and validation + testing < 1):
        raise CorpusError(
            f"cannot split off {validation} for validation and {testing} for testing: "
            "give fractions of at least 0 that sum to less than 1"
        )
    shares = {"train": 1 - validation - testing, "validation": validation, "testing": testing}
    wanted = [split for split in SPLITS if shares[split] > 0]
    paths = list(paths)
    groups = _groups(paths)
    if len(groups) < len(wanted) and any(named_speaker(path) for path in paths):
        by_name = _groups(paths, by_speaker=False)
        if len(by_name) >= len(wanted):
            text = (
                f"the clips in {paths[0].parent} are of {len(groups)} speaker"
                f"{'s' * (len(groups) != 1)}: the parts that train and test share them"
            )
            tell(Notice("speakers", text))
            groups = by_name
    if len(groups) < len(wanted):
        some = next(iter(groups.values()), [None])[0]
        where = f" in {some.parent}" if some else ""
        files = sum(map(len, groups.values()))
        raise CorpusError(
            f"{files} clip{'s' * (files != 1)}{where} make {len(groups)} different: at least "
            f"{len(wanted)} are needed, one each for {', '.join(wanted)}; record or synthesize more"
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

    A folder with train/ and validation/, test/ or testing/ below it keeps its split, and so does
    one of nothing but the latter; others are split by their files' names, equal contents together.
    """
    parts: dict[str, list[Path]] = {split: [] for split in SPLITS}
    loose: list[Path] = []
    for folder in map(Path, folders):
        files = recordings_of(folder)
        ready = [name for name in FOLDER_SPLITS if (folder / name).is_dir()]
        within = {name: [f for f in files if f.is_relative_to(folder / name)] for name in ready}
        apart = sum(len(some) for name, some in within.items() if name != "train")
        if apart and (within.get("train") or apart == len(files)):
            _tell_shared(folder, within)
            for name, paths in within.items():
                parts[FOLDER_SPLITS[name]] += paths
        else:
            loose += files
    if loose:
        for split, paths in split_paths(loose, validation, testing).items():
            parts[split] += paths
    return parts


def _tell_shared(folder: Path, within: Mapping[str, Sequence[Path]]) -> None:
    """Tell where a folder's own parts share a recording or a speaker: its test is too kind."""
    trained = within.get("train", [])
    speakers = set(filter(None, map(named_speaker, trained)))
    for name, paths in within.items():
        if name == "train":
            continue
        twins = same_in(folder / name, paths, folder / "train", trained)
        people = sorted(speakers & set(map(named_speaker, paths)))
        what = (
            f"the recording {twins[0].name}"
            if twins
            else f"speaker {people[0]!r}"
            if people
            else ""
        )
        if what:
            more = max(len(twins), len(people)) - 1
            also = f" and {more} more" if more else ""
            text = (
                f"{folder}: {what}{also} in train/ and in {name}/: figures will flatter the model"
            )
            tell(Notice("shared parts", text))


def check_splits(positives: dict[str, list[Path]], negatives: dict[str, list[Path]]) -> None:
    """Refuse at the start what would end the training at its end."""
    for split in SPLITS:
        for kind, parts in (("positives", positives), ("negatives", negatives)):
            if not parts[split]:
                raise CorpusError(
                    f"There are no {kind} for {split}; name a folder with train/, validation/ and "
                    "test/, or one without any of them, which is split by the files' names."
                )
    refuse_overlap(
        [path for paths in positives.values() for path in paths],
        [path for paths in negatives.values() for path in paths],
        said="is a positive and a negative",
    )


def _speaker(stem: str) -> str:
    """Who speaks, by Speech Commands' rule; names are equal in every Unicode form."""
    return unicodedata.normalize("NFC", stem).split("_nohash_")[0]


def named_speaker(path: Path) -> str | None:
    """Who speaks, where a folder's name or the start of the file's own says so."""
    for folder in reversed(path.parts[:-1]):
        for kind in (_SPEAKER, _NAMED_FOLDER, _CORPUS_SPEAKER):
            if named := kind.fullmatch(folder):
                return unicodedata.normalize("NFC", named[1]).lower()
    if numbered := _NUMBERED.fullmatch(path.stem):
        return numbered[1]
    named = _SPEAKER.match(path.stem)
    rest = path.stem[named.end() :] if named else ""
    return named[1].lower() if named and rest[:1] in ("_", "-", " ", ".") and rest else None


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


def _groups(paths: Iterable[Path], *, by_speaker: bool = True) -> dict[str, list[Path]]:
    """Gather files that must not be parted; each group goes by the first of its names."""
    by_name: dict[str, list[Path]] = defaultdict(list)
    for path in map(Path, paths):
        name = named_speaker(path) if by_speaker else None
        by_name[name or _speaker(path.stem)].append(path)
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
    for name, members in by_name.items():
        for path in members:
            by_size[size_of(path)].append((path, name))
    for same_size in by_size.values():
        for path, name in same_size if len(same_size) > 1 else ():  # the others are alone
            by_content[digest_of(path)].add(name)
    return [names for names in by_content.values() if len(names) > 1]
