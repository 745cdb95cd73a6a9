"""Archives from elsewhere, unpacked with suspicion: nothing lands outside the folder."""

import contextlib
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from kws.errors import DownloadError
from kws.support.progress import progress as shown

_LARGEST_BYTES = 32 * 10**9  # what an honest data set of speech may unpack to


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
    except (tarfile.TarError, EOFError, zlib.error) as refusal:
        raise DownloadError(
            f"{archive} is damaged ({refusal}): remove it and download it again"
        ) from refusal
    except OSError as refusal:
        reason = (refusal.strerror or str(refusal)).lower()
        raise DownloadError(
            f"cannot unpack {archive} to {target}: {reason}; make room or choose another folder"
        ) from refusal
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _unpacked(archive: Path, folder: Path) -> Iterator[str]:
    """Write each member below `folder` and yield its name."""
    room = _LARGEST_BYTES
    with tarfile.open(archive, "r|gz") as tar:
        for member in tar:
            place = _place(member, folder, archive)
            if member.isdir():
                place.mkdir(parents=True, exist_ok=True)
                continue
            room -= member.size
            if room < 0:
                raise DownloadError(
                    f"{archive} unpacks to more than {_LARGEST_BYTES / 1e9:.0f} GB: "
                    "it is not what it should be; remove it"
                )
            place.parent.mkdir(parents=True, exist_ok=True)
            content = tar.extractfile(member)
            assert content is not None  # true of every plain file
            with content, place.open("xb") as file:
                shutil.copyfileobj(content, file)
            with contextlib.suppress(OSError, OverflowError):  # a wrong date harms nobody
                os.utime(place, (member.mtime, member.mtime))
            yield member.name


def _place(member: tarfile.TarInfo, folder: Path, archive: Path) -> Path:
    name = PurePosixPath(member.name)
    # A backslash or a colon would be a folder or a drive on Windows.
    harmless = not name.is_absolute() and ".." not in name.parts and not set("\\:\0") & {*str(name)}
    if not harmless or not (member.isfile() or member.isdir()):
        raise DownloadError(
            f"{archive} holds {member.name!r}, which is no plain file inside its folder: "
            "nothing was unpacked; remove the archive"
        )
    return folder / name
