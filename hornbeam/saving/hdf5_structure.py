"""The skeleton of an HDF5 file, walked through before libhdf5 opens it.

libhdf5 trusts the addresses in a file: trees, lists of free space or heaps that lead back to themselves
make it go round for ever, within C, where nothing can stop it but the end of the process.
`check_structure` follows every address that reading can follow, and refuses a file unless

* each structure is reached once, and all of them together, with the values of the tensors, are no larger
  than the file, so that none overlap;
* trees become one level lower at each step, and siblings are chained in their order;
* lists of free space and the entries of heaps end.

What it knows is the layout that h5py writes by default, in which all files of Keras are, and the small
groups of the next one.  Indices of the newest layouts are refused.  The names follow the specification:
"HDF5 File Format Specification", version 3.0, The HDF Group.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from hornbeam.errors import CorruptFileError, UnsafeFileError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
UNDEFINED = 2**64 - 1
END_OF_LIST = 1
"""Where a list of free space in a heap of names ends."""
LINK_INFO, LINK, EXTERNAL, LAYOUT, ATTRIBUTE = 2, 6, 7, 8, 12
CONTINUATION, TABLE, ATTRIBUTE_INFO = 16, 17, 21
KNOWN = {*range(9), *range(10, 15), CONTINUATION, TABLE, 18, ATTRIBUTE_INFO, 22}
"""Kinds of messages in the header of an object; the rest are types, shapes, times and the like."""
COMPACT, CONTIGUOUS, CHUNKED, VIRTUAL = range(4)
STRINGS = 9
"""The class of types whose values, of any length, lie in a heap."""


class Held(NamedTuple):
    """A structure that an object header leads to."""

    path: str
    address: int
    cached: tuple[int, int] | None
    """What the entry in the group's table says of the table of this one."""


class Part(NamedTuple):
    """A part of a tensor that is stored in parts."""

    address: int
    size: int
    skipped: int
    """Bit i says that filter i was not applied."""


def check_structure(file: IO[bytes], source: str) -> dict[int, list[Part]]:
    """Refuse a file whose structures do not form a tree.

    Args:
        file: the file, open for reading.
        source: what to call it in messages.

    Returns:
        Address of an object -> its parts, of the tensors that are stored in parts.

    Raises:
        CorruptFileError: if it is damaged, or no HDF5 file.
        UnsafeFileError: if it uses what files of weights do not need.

    Example:

    >>> import h5py, io
    >>> file = io.BytesIO()
    >>> with h5py.File(file, "w") as root:
    ...     root["a/b"] = [1.0, 2.0]
    >>> check_structure(file, "it")
    {}
    >>> check_structure(io.BytesIO(file.getvalue()[:-1]), "it")
    Traceback (most recent call last):
    hornbeam.errors.CorruptFileError: 'it' is damaged, or cut off: it has fewer bytes than it says.
    """
    walk = _Walk(file, source)
    heaps: set[int] = set()
    try:
        stack = [walk.root()]
        while stack:
            held = stack.pop()
            stack += walk.visit(held, heaps)
        for address in sorted(heaps):
            walk.heap_of_values(address)
    except IndexError:
        raise walk.too_short() from None
    return walk.parts


class _Walk:
    def __init__(self, file: IO[bytes], source: str) -> None:
        self.file, self.source = file, source
        self.size = self.left = self.left_for_texts = file.seek(0, 2)
        self.seen: set[int] = set()
        self.parts: dict[int, list[Part]] = {}

    def damaged(self, what: str) -> CorruptFileError:
        return CorruptFileError(f"{self.source!r} is damaged: {what}.")

    def too_short(self) -> CorruptFileError:
        return self.damaged("one of its structures is too short")

    def newer(self, path: str) -> UnsafeFileError:
        return UnsafeFileError(
            f"{self.source!r} holds '{path}' in a layout of HDF5 that is not read here. Write it again "
            "with h5py's default settings (libver='earliest')."
        )

    def take(self, size: int) -> None:
        """Count bytes of the file; each belongs to one structure or tensor."""
        self.left -= size
        if self.left < 0:
            raise self.damaged("its structures overlap")

    def read(self, address: int, size: int, once: bool = True) -> bytes:
        """The bytes of a structure that has not been read before."""
        if once and address in self.seen:
            raise self.damaged("two of its structures are one, or lead back to themselves")
        self.seen.add(address)
        if address + size > self.size:
            raise self.damaged("it leads to places behind its end")
        self.take(size)
        self.file.seek(address)
        found = self.file.read(size)
        if len(found) != size:
            raise self.damaged("it could not be read whole")
        return found

    def part(self, form: str, data: bytes, place: int = 0) -> Any:
        """Numbers in a structure."""
        try:
            return struct.unpack_from("<" + form, data, place)
        except struct.error:
            raise self.too_short() from None

    # ------------------------------------------------------------------------------------- objects

    def root(self) -> Held:
        """What the superblock says of the root group."""
        self.file.seek(0)
        head = self.file.read(96)
        if head[:8] != SIGNATURE:
            raise CorruptFileError(
                f"The weights in {self.source!r} are not a readable HDF5 file: they do not begin as one."
            )
        version = head[8] if len(head) > 8 else 255
        if version in (0, 1):
            sizes, place = head[13:15], 24 + 4 * version
            base, _, end, driver, _, address = self.part("6Q", head, place)
            kind, _, tree, heap = self.part("2L2Q", head, place + 48)
            others = (driver,)
            cached = (tree, heap) if kind == 1 else None
        elif version in (2, 3):
            sizes = head[9:11]
            base, extension, end, address = self.part("4Q", head, 12)
            others, cached = (extension,), None
        else:
            raise self.newer("/")
        if sizes != b"\x08\x08" or base or set(others) != {UNDEFINED}:
            raise self.newer("/")
        if end > self.size:
            raise CorruptFileError(
                f"{self.source!r} is damaged, or cut off: it has fewer bytes than it says."
            )
        return Held("", address, cached)

    def visit(self, held: Held, heaps: set[int]) -> list[Held]:
        """Check an object; what it holds."""
        table: tuple[int, int] | None = None
        found: list[Held] = []
        for kind, data in self.messages(held.address, held.path):
            if kind == TABLE:
                table = self.part("2Q", data)
            elif kind == LINK:
                found += self.link(data, held.path)
            elif kind in (LINK_INFO, ATTRIBUTE_INFO):
                wide = 8 if kind == LINK_INFO else 2
                (heap,) = self.part("Q", data, 2 + wide * (data[1] & 1))
                if heap != UNDEFINED:
                    raise self.newer(held.path)
            elif kind == ATTRIBUTE:
                heaps.update(self.texts(data, held.path))
            elif kind == LAYOUT:
                self.layout(data, held)
            elif kind == EXTERNAL:
                raise UnsafeFileError(f"{self.source!r} stores '{held.path}' in another file.")
        # (what became a group of the newer layout has no table any more, but the entry stays)
        if held.cached is not None and table is not None and held.cached != table:
            raise self.damaged(f"there are two tables of what is in '{held.path}'")
        return found + (self.table(*table, held.path) if table else [])

    def messages(self, address: int, path: str) -> Iterator[tuple[int, bytes]]:
        """Kind and content of each message in an object's header."""
        head = self.read(address, 12)
        modern = head[:4] == b"OHDR"
        if modern:
            blocks, order = [self.modern_header(address, head)], bool(head[5] & 4)
        elif head[0] == 1:
            blocks, order = [(address + 16, self.part("L", head, 8)[0])], False
        else:
            raise self.damaged(f"there is no object at '{path}'")
        first = True
        while blocks:
            body = self.read(*blocks.pop(), once=not first)
            if modern and not first:
                body = body[4:-4] if body[:4] == b"OCHK" else b""
            first = False
            for kind, flags, data in self.split(body, modern, order):
                if kind not in KNOWN or flags & 2:
                    raise self.newer(path)
                if kind == CONTINUATION:
                    blocks.append(self.part("2Q", data))
                else:
                    yield kind, data

    def modern_header(self, address: int, head: bytes) -> tuple[int, int]:
        """Where the messages of an "OHDR" begin, and how many bytes they have."""
        flags = head[5]
        place = 6 + 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
        wide = 1 << (flags & 3)
        size = int.from_bytes(self.read(address + place, wide, once=False), "little")
        return address + place + wide, size

    def split(self, body: bytes, modern: bool, order: bool) -> Iterator[tuple[int, int, bytes]]:
        """Kind, flags and content of the messages in one block."""
        place, head = 0, (4 + 2 * order if modern else 8)
        while place + head <= len(body):
            if modern:
                kind, size, flags = self.part("BHB", body, place)
            else:
                kind, size, flags = self.part("2HB", body, place)
            place += head
            if place + size > len(body):
                raise self.damaged("a message is longer than what it is in")
            yield kind, flags, body[place : place + size]
            place += size

    # -------------------------------------------------------------------------------------- groups

    def table(self, tree: int, heap: int, path: str) -> list[Held]:
        """What is in a group of the older layout."""
        names = self.heap_of_names(heap)
        found = []
        for _, address in self.tree(tree, 0, 8):
            head = self.read(address, 8)
            if head[:5] != b"SNOD\x01":
                raise self.damaged(f"there is no table of names in '{path}'")
            (count,) = self.part("H", head, 6)
            entries = self.read(address + 8, 40 * count, once=False)
            for place in range(0, len(entries), 40):
                name, header, kind, _, *cached = self.part("2Q2L2Q", entries, place)
                end = names.find(b"\0", name)
                if end < 0 or kind > 2:
                    raise self.damaged(f"there is an entry without a name in '{path}'")
                if kind < 2:  # a link to a name leads nowhere; `H5File` refuses it
                    key = names[name:end].decode("utf-8", "replace")
                    where = f"{path}/{key}" if path else key
                    found.append(Held(where, header, tuple(cached) if kind == 1 else None))
        return found

    def heap_of_names(self, address: int) -> bytes:
        """The content of a local heap, after its list of free space has been followed to its end."""
        head = self.read(address, 32)
        size, free, place = self.part("3Q", head, 8)
        if head[:5] != b"HEAP\0":
            raise self.damaged("it lacks a heap of names")
        content = self.read(place, size)
        passed: set[int] = set()
        while free != END_OF_LIST:
            if free in passed:
                raise self.damaged("a list of free space leads back to itself")
            passed.add(free)
            after, room = self.part("2Q", content, free) if free < size else (0, UNDEFINED)
            if free + room > size:
                raise self.damaged("a list of free space leads out of its heap")
            free = after
        return content

    def tree(self, address: int, kind: int, wide: int) -> list[tuple[bytes, int]]:
        """Key and address of all that the leaves of a tree hold.

        Args:
            address: its root.
            kind: 0 for names, 1 for parts of a tensor.
            wide: the size of a key in bytes.
        """
        row, level = [address], None
        while True:
            entries: list[tuple[bytes, int]] = []
            siblings = zip([UNDEFINED, *row[:-1]], row, [*row[1:], UNDEFINED], strict=True)
            for left, node, right in siblings:
                head = self.read(node, 24)
                if level is None:
                    level = head[5]
                known = b"TREE" + bytes([kind, level])
                if head[:6] != known or self.part("2Q", head, 8) != (left, right):
                    raise self.damaged("the order of one of its trees is broken")
                (count,) = self.part("H", head, 6)
                body = self.read(node + 24, count * (wide + 8) + wide, once=False)
                for place in range(0, len(body) - wide, wide + 8):
                    child = self.part("Q", body, place + wide)[0]
                    entries.append((body[place : place + wide], child))
            if not level or not entries:
                return entries
            row, level = [child for _, child in entries], level - 1

    def link(self, data: bytes, path: str) -> list[Held]:
        """The object that a link of the newer layout leads to, if it is in this file."""
        version, flags = self.part("2B", data)
        place = 2
        kind = 0
        if flags & 8:
            (kind,) = self.part("B", data, place)
            place += 1
        place += 8 * bool(flags & 4) + bool(flags & 16)
        wide = 1 << (flags & 3)
        length = int.from_bytes(data[place : place + wide], "little")
        place += wide
        key = data[place : place + length].decode("utf-8", "replace")
        if version != 1:
            raise self.newer(path)
        if kind:  # to a name, or another file; `H5File` refuses these
            return []
        where = f"{path}/{key}" if path else key
        return [Held(where, self.part("Q", data, place + length)[0], None)]

    # ----------------------------------------------------------------------------- values and texts

    def layout(self, data: bytes, held: Held) -> None:
        """Count the bytes of a tensor, and check the tree of its parts."""
        version, kind, rank = self.part("3B", data)
        if kind == VIRTUAL:
            raise UnsafeFileError(f"{self.source!r} stores '{held.path}' in another file.")
        if version not in (3, 4) or kind > VIRTUAL or (kind == CHUNKED and version == 4):
            raise self.newer(held.path)
        if kind == CONTIGUOUS:
            address, size = self.part("2Q", data, 2)
            if address != UNDEFINED:
                self.values(address, size)
        elif kind == CHUNKED:
            parts = self.parts[held.address] = []
            (address,) = self.part("Q", data, 3)
            leaves = self.tree(address, 1, 8 + 8 * rank) if address != UNDEFINED else []
            for key, child in leaves:
                parts.append(Part(child, *self.part("2L", key)))
                self.values(child, parts[-1].size)

    def values(self, address: int, size: int) -> None:
        """Count the bytes of a tensor, or of a part of one."""
        if address + size > self.size:
            raise self.damaged("the values of a tensor lie behind its end")
        self.take(size)

    def texts(self, data: bytes, path: str) -> set[int]:
        """The heaps that the texts of an attribute lie in."""
        version, flags, name, kind, space = self.part("2B3H", data)
        if version not in (1, 2, 3) or (version > 1 and flags):
            raise self.newer(path)
        start = 9 if version == 3 else 8
        if version == 1:
            name, kind, space = (n + -n % 8 for n in (name, kind, space))
        if data[start + name : start + name + 1] == b"" or data[start + name] & 15 != STRINGS:
            return set()
        values = data[start + name + kind + space :]
        found = set()
        for place in range(0, len(values) - 15, 16):
            length, address = self.part("LQ", values, place)
            self.left_for_texts -= length
            if self.left_for_texts < 0:  # room would be made for it before it is read
                raise self.damaged(f"a text at '{path}' is longer than the file")
            found.add(address)
        return found - {0}

    def heap_of_values(self, address: int) -> None:
        """Go through a global heap, entry by entry, to its end."""
        head = self.read(address, 16)
        (size,) = self.part("Q", head, 8)
        if head[:5] != b"GCOL\x01" or size < 16:
            raise self.damaged("it lacks a heap of texts")
        body = self.read(address + 16, size - 16, once=False)
        place = 0
        while place + 16 <= len(body):
            number, _, _, length = self.part("2HLQ", body, place)
            # what is free counts its own head
            place += length if number == 0 else 16 + length + -length % 8
            if (number == 0 and length < 16) or place > len(body):
                raise self.damaged("a heap of texts does not end")


__all__ = ["check_structure"]
