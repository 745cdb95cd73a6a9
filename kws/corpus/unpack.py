"""Archives from elsewhere, unpacked with suspicion: nothing lands outside the folder."""

import contextlib
import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from kws.errors import DownloadError
from kws.support.progress import progress as shown
from kws.support.text import reason_of

# What an honest data set of speech may unpack to: Speech Commands has 106,000 files, none empty.
_LARGEST_BYTES = 32 * 10**9
_MOST_FILES = 2_000_000
_MOST_EMPTY = 2_000  # files and folders without content: each costs a place on the disk
_LARGEST_HEADER = 64 * 1024  # a name or a list of properties in front of a member
_LONGEST_NAME, _LONGEST_PART, _DEEPEST = 1024, 255, 32
_HEADERS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
_Damaged = (tarfile.TarError, EOFError, zlib.error, ValueError, LookupError, RecursionError)


class _Member(tarfile.TarInfo):
    """A member whose header is looked at before tarfile reads all of it into memory."""

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        # The place that tarfile's source names for the members of a subclass.
        if self.size < 0 or (self.type in _HEADERS and self.size > _LARGEST_HEADER):
            raise tarfile.ReadError(f"a header that claims {self.size} bytes")
        if self.type == tarfile.GNUTYPE_SPARSE:
            raise tarfile.ReadError("a sparse file")
        proc: Callable[[tarfile.TarFile], tarfile.TarInfo]
        proc = super()._proc_member  # type: ignore[misc]
        return proc(tar)

    def _refuse_sparse(self, *_: object) -> None:
        raise tarfile.ReadError("a sparse file")

    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _refuse_sparse


def unpack(
    archive: Path | str,
    to: Path | str,
    *,
    marker: tuple[str, str] | None = None,
    progress: bool = True,
) -> Path:
    """Unpack a .tar.gz into the new folder `to`, which appears only when it is complete.

    Only plain files and folders are accepted, with names that stay inside `to`; anything else
    (`..`, an absolute path, a link, a device) refuses the whole archive.  marker: name and text of
    a small file to add.  Raises DownloadError, and leaves nothing behind.
    """
    target = Path(to)
    if target.exists():
        raise DownloadError(f"{target} exists: move it away first")
    partial = target.with_name(f".{target.name}.part")
    shutil.rmtree(partial, ignore_errors=True)  # of a call that was killed
    try:
        partial.mkdir(parents=True)
        members = _unpacked(Path(archive), partial)
        if progress:
            members = shown(members, label=f"unpacking {Path(archive).name}", unit="files")
        for _ in members:
            pass
        if marker:
            (partial / marker[0]).write_text(marker[1] + "\n", "utf-8")
        os.replace(partial, target)
    except _Damaged as refusal:
        raise DownloadError(
            f"{archive} is damaged ({str(refusal)[:100]!r}): remove it and download it again"
        ) from refusal
    except OSError as refusal:
        raise DownloadError(
            f"cannot unpack {archive} to {target}: {reason_of(refusal)}; "
            "make room or choose another folder"
        ) from refusal
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _unpacked(archive: Path, folder: Path) -> Iterator[str]:
    """Write each member below `folder` and yield its name."""
    room = _LARGEST_BYTES
    files = empty = 0
    with tarfile.open(archive, "r|gz", tarinfo=_Member) as tar:
        for member in tar:
            tar.members = []  # type: ignore[attr-defined]  # else it holds all of them
            place = _place(member, folder, archive)
            files, empty, room = files + 1, empty + (member.size == 0), room - member.size
            _check_share(archive, room=room, files=files, empty=empty)
            if member.isdir():
                place.mkdir(parents=True, exist_ok=True)
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            content = tar.extractfile(member)
            assert content is not None  # true of every plain file
            with content, place.open("xb") as file:
                shutil.copyfileobj(content, file)
            # A wrong date harms nobody.
            with contextlib.suppress(OSError, OverflowError, ValueError):
                os.utime(place, (member.mtime, member.mtime))
            yield member.name


def _check_share(archive: Path, *, room: int, files: int, empty: int) -> None:
    """Refuse what takes more of the disk than a data set does."""
    for is_refused, what in (
        (room < 0, f"to more than {_LARGEST_BYTES / 1e9:.0f} GB"),
        (files > _MOST_FILES, f"to more than {_MOST_FILES:,} files"),
        (empty > _MOST_EMPTY, f"to more than {_MOST_EMPTY:,} files and folders without content"),
    ):
        if is_refused:
            raise DownloadError(f"{archive} unpacks {what}: it is not what it should be; remove it")


def _place(member: tarfile.TarInfo, folder: Path, archive: Path) -> Path:
    name = PurePosixPath(member.name)
    parts = [part.encode("utf-8", "replace") for part in name.parts]
    is_short = len(parts) <= _DEEPEST and len(member.name) <= _LONGEST_NAME
    is_short = is_short and all(len(part) <= _LONGEST_PART for part in parts)
    # A backslash or a colon would be a folder or a drive on Windows.
    is_inside = not name.is_absolute() and ".." not in name.parts
    is_harmless = is_inside and not re.search(r"[\\:\x00-\x1f\x7f-\x9f]", member.name)
    is_plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE)
    if not (is_short and is_harmless and is_plain):
        raise DownloadError(
            f"{archive} holds {member.name[:80]!r}, which is no plain file inside its folder: "
            "nothing was unpacked; remove the archive"
        )
    return folder / name
