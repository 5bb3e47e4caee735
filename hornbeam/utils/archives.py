"""Archives unpacked with care: regular files and folders below one folder, all of them or none.

Names are checked as text, never against the file system, so neither the working directory nor links that
are there already play a part.  Links, devices, absolute names and ``..`` refuse the whole archive before
anything is written.  Contents are counted while they are unpacked.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tarfile
import tempfile
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from hornbeam.errors import CorruptFileError, FileError, LimitExceededError, UnsafeFileError

MAX_MEMBERS = 1_000_000
MAX_BYTES = 2**40
MAX_RATIO = 200
"""What is unpacked may be so many times as large as the archive; text reaches about 20."""
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def kind_of(path: str | Path, wanted: str = "auto") -> str | None:
    """ "tar" or "zip" if the file is one of that kind, else None."""
    if wanted in ("auto", "tar") and tarfile.is_tarfile(path):
        return "tar"
    if wanted in ("auto", "zip") and zipfile.is_zipfile(path):
        return "zip"
    return None


def safe_parts(name: str) -> tuple[str, ...]:
    """The components of a member's name.

    Raises:
        UnsafeFileError: if the name is absolute, has ``..`` or anything that a file system may read in
            another way.
    """
    plain = name[:-1] if name.endswith("/") else name
    plain = plain.removeprefix("./")
    if plain in ("", "."):
        return ()
    parts = plain.split("/")
    for part in parts:
        strange = (
            part in ("", ".", "..")
            or len(part.encode("utf-8", "replace")) > 255
            or any(ord(c) < 32 or c in '\\:*?"<>|' for c in part)
            or _RESERVED.fullmatch(part)
            or part != part.rstrip(" .")
        )
        if strange:
            raise UnsafeFileError(
                f"The archive holds a member named {name[:200]!r}. Only relative names without '..', "
                "backslashes, colons and the like are unpacked; nothing was written."
            )
    if len(parts) > 100 or len(name) > 4096:
        raise UnsafeFileError(f"The archive holds a member of over 100 folders: {name[:200]!r}.")
    return tuple(parts)


def extract(path: str | Path, folder: str | Path, kind: str) -> None:
    """Unpack an archive to a new folder, which takes the place of an old one; all of it or nothing.

    Raises:
        UnsafeFileError: if it holds what is not unpacked.
        LimitExceededError: if it is too large, or too many times larger than the archive.
        CorruptFileError: if it is damaged.
    """
    target = Path(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=target.parent))
    try:
        limit = min(MAX_BYTES, max(2**20, MAX_RATIO * os.path.getsize(path)))
        try:
            if kind == "tar":
                with tarfile.open(path, "r:*") as tar:
                    _unpack(_tar_members(tar), work, limit)
            else:
                with zipfile.ZipFile(path) as archive:
                    _unpack(_zip_members(archive), work, limit)
        except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
            if isinstance(error, FileError):
                raise
            raise CorruptFileError(f"The archive {str(path)!r} is damaged: {error}.") from error
        work.chmod(0o755)
        if target.is_symlink():
            target.unlink()
        elif target.exists():
            shutil.rmtree(target)
        os.rename(work, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


Member = tuple[tuple[str, ...], bool, Any]


def _tar_members(tar: tarfile.TarFile) -> tuple[list[Member], Any]:
    members: list[Member] = []
    for info in tar:
        if not (info.isreg() or info.isdir()):
            raise UnsafeFileError(
                f"The archive holds {info.name[:200]!r}, which is a link or a device. Only files and "
                "folders are unpacked; nothing was written."
            )
        if info.size < 0:
            raise CorruptFileError(f"The member {info.name[:200]!r} has a negative size.")
        members.append((safe_parts(info.name), info.isdir(), info))
        if len(members) > MAX_MEMBERS:
            raise LimitExceededError(f"The archive holds over {MAX_MEMBERS} members.")
    return members, tar.extractfile


def _zip_members(archive: zipfile.ZipFile) -> tuple[list[Member], Any]:
    members: list[Member] = []
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise LimitExceededError(f"The archive holds over {MAX_MEMBERS} members.")
    offsets = {info.header_offset for info in infos}
    if len(offsets) != len(infos):
        raise UnsafeFileError("The archive holds two members at one place; nothing was written.")
    for info in infos:
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or info.flag_bits & 1:
            raise UnsafeFileError(
                f"The archive holds {info.filename[:200]!r}, which is a link, a device or encrypted. "
                "Only files and folders are unpacked; nothing was written."
            )
        if "\\" in info.orig_filename:
            safe_parts(info.orig_filename)
        members.append((safe_parts(info.filename), info.is_dir(), info))
    return members, archive.open


def _unpack(found: tuple[list[Member], Any], work: Path, limit: int) -> None:
    members, opened = found
    _check_places(members)
    left = limit
    for parts, is_folder, info in members:
        place = work.joinpath(*parts)
        if is_folder:
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(place, flags, 0o644)
        with os.fdopen(descriptor, "wb") as file, opened(info) as source:
            for piece in _pieces(source):
                left -= len(piece)
                if left < 0:
                    raise LimitExceededError(
                        f"The archive unpacks to over {limit} bytes, {MAX_RATIO} times its size. "
                        "Nothing was kept."
                    )
                file.write(piece)


def _check_places(members: list[Member]) -> None:
    """Refuse two members for one place, also where only some file systems take two names for one."""
    folders: dict[tuple[str, ...], tuple[str, ...]] = {}
    files: set[tuple[str, ...]] = set()
    for parts, is_folder, _ in members:
        for depth in range(1, len(parts) + is_folder):
            known = folders.setdefault(_folded(parts[:depth]), parts[:depth])
            if known != parts[:depth]:
                raise _twice(parts)
        if not is_folder:
            if _folded(parts) in files or not parts:
                raise _twice(parts)
            files.add(_folded(parts))
    for parts in files & folders.keys():
        raise _twice(parts)


def _folded(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(unicodedata.normalize("NFC", part).casefold() for part in parts)


def _twice(parts: tuple[str, ...]) -> UnsafeFileError:
    return UnsafeFileError(
        f"The archive holds two members for one place, {'/'.join(parts)!r} (some file systems do not "
        "tell such names apart). Nothing was written."
    )


def _pieces(source: IO[bytes]) -> Iterator[bytes]:
    while piece := source.read(2**20):
        yield piece
