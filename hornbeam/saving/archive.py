"""The zip archives of ``.keras`` files: a strict reader, and a writer of members in place.

The reader accepts what such files need and no more: members of known names, each once, that lie one
behind the other from the first byte to the central directory, stored or deflated, whose two headers
agree.  The check sum of a member is verified before its bytes are used.  Nothing is ever extracted.
"""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from hornbeam.errors import CorruptFileError, LimitExceededError, UnsafeFileError

MAX_MEMBERS = 100_000
MAX_RATIO = 100
CHUNK = 2**20
LOCAL = struct.Struct("<4s5H3L2H")
CENTRAL = struct.Struct("<4s6H3L5H2L")
END = struct.Struct("<4s4H2LH")
END64 = struct.Struct("<4sQ2H2L4Q")
LOCATOR64 = struct.Struct("<4sLQL")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*(/[A-Za-z0-9_][A-Za-z0-9_.\-]*)*")
_DATE = 0x0021  # 1980-01-01: the same model makes the same bytes


class Window:
    """A part of a file as a file of its own; it may grow at the end when it is written.

    Args:
        file: the file around it.
        start: where it begins, in bytes.
        size: its length, or None if it reaches to the end of `file` and is being written.
    """

    def __init__(self, file: IO[bytes], start: int, size: int | None = None) -> None:
        self.file, self.start, self.size = file, start, size
        self.position = 0

    def _end(self) -> int:
        if self.size is not None:
            return self.size
        return max(0, self.file.seek(0, io.SEEK_END) - self.start)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move, and return the new position."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: None}[whence]
        self.position = max(0, (self._end() if origin is None else origin) + offset)
        return self.position

    def tell(self) -> int:
        """The position."""
        return self.position

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` with what comes next; the number of bytes."""
        view = memoryview(buffer).cast("B")
        wanted = max(0, min(len(view), self._end() - self.position))
        self.file.seek(self.start + self.position)
        done = 0
        while done < wanted:
            count = self.file.readinto(view[done:wanted])  # type: ignore[attr-defined]
            if not count:
                break
            done += count
        self.position += done
        return done

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes, or all that are left."""
        left = max(0, self._end() - self.position)
        self.file.seek(self.start + self.position)
        found = self.file.read(left if size < 0 else min(size, left))
        self.position += len(found)
        return found

    def write(self, data: Any) -> int:
        """Write at the position; the number of bytes."""
        if self.size is not None:
            raise io.UnsupportedOperation("this window is read only")
        self.file.seek(self.start + self.position)
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view):
            done += self.file.write(view[done:])
        self.position += done
        return done

    def truncate(self, size: int | None = None) -> int:
        """Cut off, or fill up with zeros, to `size` bytes."""
        if self.size is not None:
            raise io.UnsupportedOperation("this window is read only")
        size = self.position if size is None else size
        self.file.truncate(self.start + size)
        return size

    def flush(self) -> None:
        """Hand what was written to the file."""
        self.file.flush()


# ------------------------------------------------------------------------------------------- writing


class ArchiveWriter:
    """Writes members, uncompressed, one behind the other.

    Args:
        file: an empty file, open for reading and writing.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self._entries: list[tuple[bytes, int, int, int]] = []  # name, crc, size, offset

    def add(self, name: str, content: bytes) -> None:
        """A member whose content is at hand."""
        with self.member(name) as window:
            window.write(content)

    @contextmanager
    def member(self, name: str) -> Iterator[Window]:
        """A member to be written in place, in any order of its bytes."""
        encoded = name.encode("ascii")
        offset = self.file.seek(0, io.SEEK_END)
        extra = 20  # room for sizes over 4 GiB
        start = offset + LOCAL.size + len(encoded) + extra
        self.file.write(b"\0" * (start - offset))
        window = Window(self.file, start)
        yield window
        size = self.file.seek(0, io.SEEK_END) - start
        crc = _crc(Window(self.file, start, size))
        self.file.seek(offset)
        self.file.write(_local_header(encoded, crc, size))
        self._entries.append((encoded, crc, size, offset))

    def close(self) -> None:
        """Write the directory of the members."""
        start = self.file.seek(0, io.SEEK_END)
        for name, crc, size, offset in self._entries:
            big = size >= 0xFFFFFFFF or offset >= 0xFFFFFFFF
            extra = struct.pack("<2H3Q", 1, 24, size, size, offset) if big else b""
            small = (0xFFFFFFFF,) * 3 if big else (size, size, offset)
            self.file.write(
                CENTRAL.pack(
                    b"PK\1\2", 45, 45, 0, 0, 0, _DATE, crc, small[0], small[1],
                    len(name), len(extra), 0, 0, 0, 0o600 << 16, small[2],
                )
                + name + extra
            )  # fmt: skip
        end = self.file.tell()
        count = len(self._entries)
        if end >= 0xFFFFFFFF or count >= 0xFFFF:
            self.file.write(
                END64.pack(b"PK\6\6", 44, 45, 45, 0, 0, count, count, end - start, start)
                + LOCATOR64.pack(b"PK\6\7", 0, end, 1)
            )
        count = min(count, 0xFFFF)
        size = min(end - start, 0xFFFFFFFF)
        self.file.write(END.pack(b"PK\5\6", 0, 0, count, count, size, min(start, 0xFFFFFFFF), 0))


def _local_header(name: bytes, crc: int, size: int) -> bytes:
    big = size >= 0xFFFFFFFF
    shown = 0xFFFFFFFF if big else size
    # the same length either way, so that the header can be written after the content
    extra = struct.pack("<2H2Q", 1, 16, size, size) if big else struct.pack("<2H16x", 0xFFFF, 16)
    return (
        LOCAL.pack(b"PK\3\4", 45, 0, 0, 0, _DATE, crc, shown, shown, len(name), len(extra))
        + name
        + extra
    )


def _crc(window: Window) -> int:
    crc, buffer = 0, memoryview(bytearray(CHUNK))
    while count := window.readinto(buffer):
        crc = zlib.crc32(buffer[:count], crc)
    return crc


# ------------------------------------------------------------------------------------------- reading


class ArchiveReader:
    """An archive, checked as a whole before anything in it is used.

    Args:
        file: the file, open for reading.
        source: what to call it in messages.
        allowed: the names that members may have; names that end in "/" are folders.

    Raises:
        CorruptFileError: if it is no archive, or damaged.
        UnsafeFileError: if it holds what such files never hold.
    """

    def __init__(self, file: IO[bytes], source: str, allowed: tuple[str, ...]) -> None:
        self.file, self.source = file, source
        try:
            with zipfile.ZipFile(file) as archive:
                infos = archive.infolist()
                start = archive.start_dir
                comment = archive.comment
        except (
            zipfile.BadZipFile,
            ValueError,
            struct.error,
            OSError,
            NotImplementedError,
        ) as error:
            raise CorruptFileError(f"{source!r} is not a `.keras` archive: {error}.") from None
        file.seek(-END.size, io.SEEK_END)
        if comment or file.read(4) != b"PK\5\6":
            raise UnsafeFileError(f"{source!r} has bytes behind its directory.")
        self._check_names([info.filename for info in infos], allowed)
        position = 0
        self._places: dict[str, tuple[zipfile.ZipInfo, int]] = {}
        for info in sorted(infos, key=lambda info: info.header_offset):
            self._check_entry(info)
            begin, end = self._check_local(info, position)
            self._places[info.filename] = (info, begin)
            position = end
        if position != start:
            raise UnsafeFileError(f"{source!r} holds bytes that belong to no member.")

    def _check_names(self, names: list[str], allowed: tuple[str, ...]) -> None:
        if len(names) > MAX_MEMBERS:
            raise LimitExceededError(
                f"{self.source!r} has {len(names)} members; at most {MAX_MEMBERS} are accepted."
            )
        if len(set(names)) != len(names):
            raise UnsafeFileError(f"{self.source!r} holds two members of the same name.")
        folders = tuple(name for name in allowed if name.endswith("/"))
        strange = [
            name
            for name in names
            if name not in allowed
            and not (name.startswith(folders) and _NAME.fullmatch(name.rstrip("/")))
        ]
        if strange:
            raise UnsafeFileError(
                f"{self.source!r} holds unexpected members: {sorted(strange)[:5]}."
            )

    def _check_entry(self, info: zipfile.ZipInfo) -> None:
        what = f"The member {info.filename!r} of {self.source!r}"
        if info.flag_bits & 0x2041:
            raise UnsafeFileError(f"{what} is encrypted.")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG) and not info.is_dir():
            raise UnsafeFileError(f"{what} is a link or a special file.")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UnsafeFileError(f"{what} is compressed in a way that is not accepted.")
        stored = info.compress_type == zipfile.ZIP_STORED
        if stored and info.file_size != info.compress_size:
            raise CorruptFileError(f"{what} is damaged: its two sizes differ.")
        if info.file_size > MAX_RATIO * max(info.compress_size, 1):
            raise LimitExceededError(f"{what} unpacks to over {MAX_RATIO} times its size.")

    def _check_local(self, info: zipfile.ZipInfo, expected: int) -> tuple[int, int]:
        """Where the member's bytes begin, and where the member ends."""
        what = f"The member {info.filename!r} of {self.source!r}"
        if info.header_offset != expected:
            raise UnsafeFileError(f"{what} does not follow the one before it.")
        self.file.seek(info.header_offset)
        head = self.file.read(LOCAL.size)
        if len(head) != LOCAL.size:
            raise CorruptFileError(f"{what} is cut off.")
        magic, _, flags, method, _, _, crc, packed, size, n_name, n_extra = LOCAL.unpack(head)
        name = self.file.read(n_name)
        extra = self.file.read(n_extra)
        if packed == size == 0xFFFFFFFF and len(extra) >= 20 and extra[:4] == b"\1\0\x10\0":
            size, packed = struct.unpack("<2Q", extra[4:20])
        later = flags & 0x8 and not crc and not size and not packed  # sizes stand behind the bytes
        same = later or (crc, size, packed) == (info.CRC, info.file_size, info.compress_size)
        if (
            magic != b"PK\3\4"
            or not same
            or (flags, method) != (info.flag_bits, info.compress_type)
            or name != info.orig_filename.encode("utf-8")
        ):
            raise UnsafeFileError(f"{what} has two headers that do not agree.")
        begin = info.header_offset + LOCAL.size + n_name + n_extra
        behind = (24 if info.file_size >= 0xFFFFFFFF else 16) if later else 0
        return begin, begin + info.compress_size + behind

    @property
    def names(self) -> list[str]:
        """The names of the members."""
        return list(self._places)

    def sizes(self) -> dict[str, int]:
        """Name -> size of each member."""
        return {name: info.file_size for name, (info, _) in self._places.items()}

    def _place(self, name: str) -> tuple[zipfile.ZipInfo, int]:
        if name not in self._places:
            raise CorruptFileError(f"{self.source!r} lacks the member {name!r}.")
        return self._places[name]

    def read(self, name: str, limit: int) -> bytes:
        """The content of a small member.

        Raises:
            LimitExceededError: if it has more than `limit` bytes.
        """
        info, _ = self._place(name)
        if info.file_size > limit:
            raise LimitExceededError(
                f"The member {name!r} of {self.source!r} has {info.file_size} bytes; at most {limit} "
                "are accepted."
            )
        return b"".join(self._chunks(name))

    def _chunks(self, name: str) -> Iterator[bytes]:
        """The content in pieces; its size and check sum are right when all have been read."""
        info, begin = self._place(name)
        what = f"The member {name!r} of {self.source!r}"
        window = Window(self.file, begin, info.compress_size)
        inflate = zlib.decompressobj(-15) if info.compress_type else None
        size = crc = 0
        try:
            while True:
                packed = window.read(CHUNK)
                chunk = packed if inflate is None else inflate.decompress(packed, CHUNK)
                while chunk:
                    size, crc = size + len(chunk), zlib.crc32(chunk, crc)
                    if size > info.file_size:
                        raise CorruptFileError(f"{what} is damaged: it is longer than it says.")
                    yield chunk
                    chunk = b"" if inflate is None else inflate.decompress(
                        inflate.unconsumed_tail, CHUNK
                    )  # fmt: skip
                if not packed:
                    break
        except zlib.error as error:
            raise CorruptFileError(f"{what} is damaged: {error}.") from None
        if size != info.file_size or crc != info.CRC:
            raise CorruptFileError(f"{what} is damaged: its check sum is wrong.")

    def open(self, name: str) -> Any:
        """A file with the content of a large member, checked; nothing is copied if it is stored."""
        info, begin = self._place(name)
        if not info.compress_type:
            window = Window(self.file, begin, info.file_size)
            if _crc(window) != info.CRC or window.tell() != info.file_size:
                raise CorruptFileError(
                    f"The member {name!r} of {self.source!r} is damaged: its check sum is wrong."
                )
            window.seek(0)
            return window
        copy = tempfile.TemporaryFile()  # noqa: SIM115  (the caller closes it)
        for chunk in self._chunks(name):
            copy.write(chunk)
        copy.seek(0)
        return copy


def is_archive(file: IO[bytes]) -> bool:
    """Whether a file begins as a zip archive does."""
    file.seek(0)
    head = file.read(4)
    file.seek(0, os.SEEK_SET)
    return head == b"PK\3\4"


__all__ = ["ArchiveReader", "ArchiveWriter", "Window", "is_archive"]
