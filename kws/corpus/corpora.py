"""Public corpora: where their archives are, what they must be, and the folders that they become."""

from pathlib import Path
from typing import NamedTuple

from kws.corpus.download import download
from kws.corpus.unpack import unpack
from kws.errors import DownloadError

_MARKER = ".kws_version"


class Archive(NamedTuple):
    """A file to download and the SHA-256 that it must have."""

    url: str
    sha256: str


_BUCKET = "https://storage.googleapis.com/download.tensorflow.org/data"
_OPENSLR = "http://www.openslr.org/resources/12"
# The sums are those of torchaudio.datasets.SPEECHCOMMANDS and LIBRISPEECH.
SPEECH_COMMANDS = {
    "v0.01": Archive(
        f"{_BUCKET}/speech_commands_v0.01.tar.gz",
        "743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d",
    ),
    "v0.02": Archive(
        f"{_BUCKET}/speech_commands_v0.02.tar.gz",
        "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
    ),
}
LIBRISPEECH = {
    "dev-clean": Archive(
        f"{_OPENSLR}/dev-clean.tar.gz",
        "76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3",
    ),
    "test-clean": Archive(
        f"{_OPENSLR}/test-clean.tar.gz",
        "39fde525e59672dc6d1551919b1478f724438a95aa55f874b576be21967e6c23",
    ),
}


def download_speech_commands(
    version: str = "v0.02", to: Path | str = "data/raw", *, progress: bool = True
) -> Path:
    """Download Speech Commands from its official archive and return `<to>/speech_commands`.

    A second call does nothing; one after an interruption goes on where it stopped.  The archive
    (v0.02: 2.4 GB) is removed once it is unpacked.  Raises DownloadError.
    """
    if version not in SPEECH_COMMANDS:
        known = ", ".join(SPEECH_COMMANDS)
        raise DownloadError(f"there is no version {version!r} of Speech Commands: it is {known}")
    folder = Path(to) / "speech_commands"
    return _fetch(SPEECH_COMMANDS[version], version, folder, progress=progress)


def download_wake_data(to: Path | str = "data/raw", *, progress: bool = True) -> list[Path]:
    """Download the speech of people that a wake word is trained and judged against.

    Speech Commands (2.4 GB), and of LibriSpeech dev-clean and test-clean (0.7 GB): 10.8 hours of
    fluent English by 80 readers, whom training parts between what trains, what chooses and what
    tests.  Returns their folders, below `to`; `kws train wake` finds them below data/raw.  Calls
    resume as those of `download_speech_commands` do.  Raises DownloadError.
    """
    folders = [download_speech_commands(to=to, progress=progress)]
    for part, archive in LIBRISPEECH.items():
        folders.append(_fetch(archive, part, Path(to) / "librispeech" / part, progress=progress))
    return folders


def _fetch(archive: Archive, version: str, folder: Path, *, progress: bool) -> Path:
    """Download an archive beside its folder and unpack it, unless the folder is there."""
    if folder.exists():
        _check_is_version(folder, version)
        return folder
    name = archive.url.rpartition("/")[2]
    file = download(archive.url, folder.parent / name, archive.sha256, progress=progress)
    unpack(file, folder, marker=(_MARKER, version), progress=progress)
    file.unlink()
    return folder


def _check_is_version(folder: Path, version: str) -> None:
    marker = folder / _MARKER
    found = marker.read_text("utf-8").strip() if marker.is_file() else None
    if found != version:
        what = f"holds version {found}" if found else "was not made by this command"
        raise DownloadError(f"{folder} exists and {what}: use it as it is, or move it away first")
