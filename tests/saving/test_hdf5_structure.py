"""HDF5 files whose structures lead in circles, overlap or lead nowhere: libhdf5 never sees them.

libhdf5 1.14.6 never comes back from `heap_of_texts`, `free_list` and `chunk_sibling`; `child_is_parent`
and `chunk_child` end the process by a stack overflow.  `hang.weights.h5` is a find of test_integrity.py.
"""

import io
import os
import struct
import zlib

import h5py
import numpy as np
import pytest

import hornbeam
from hornbeam import layers
from hornbeam.errors import CorruptFileError, FileError, LimitExceededError, UnsafeFileError
from hornbeam.saving.hdf5 import H5File
from hornbeam.saving.hdf5_structure import check_structure

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = {}


def good(**options):
    """Groups of names, texts, a tensor in one piece and one in packed parts."""
    file = io.BytesIO()
    with h5py.File(file, "w", **options) as root:
        dataset = root.create_dataset("a/b", data=np.arange(8.0))
        for i in range(12):  # so many that the header goes on elsewhere
            dataset.attrs[f"n{i}"] = f"text {i}"
        root.create_dataset(
            "c", data=np.arange(64.0).reshape(8, 8), chunks=(2, 2), compression="gzip", shuffle=True,
            fletcher32=True,
        )  # fmt: skip
    return bytearray(file.getvalue())


def at(data, place, form="Q"):
    return struct.unpack_from("<" + form, data, place)[0]


def put(data, place, value, form="Q"):
    struct.pack_into("<" + form, data, place, value)


def case(change):
    CASES[change.__name__] = change
    return change


@case
def free_list(data):
    heap = data.index(b"HEAP")
    put(data, at(data, heap + 24) + at(data, heap + 16), at(data, heap + 16))


@case
def free_list_outside(data):
    put(data, data.index(b"HEAP") + 16, 2**60)


@case
def right_sibling(data):
    put(data, data.index(b"TREE\0") + 16, data.index(b"TREE\0"))


@case
def left_sibling(data):
    put(data, data.index(b"TREE\0") + 8, data.index(b"TREE\0"))


@case
def child_is_parent(data):
    tree = data.index(b"TREE\0")
    data[tree + 5] = 1
    put(data, tree + 32, tree)


@case
def chunk_sibling(data):
    put(data, data.index(b"TREE\1") + 16, data.index(b"TREE\1"))


@case
def chunk_child(data):
    tree = data.index(b"TREE\1")
    data[tree + 5] = 1
    put(data, tree + 24 + 32, tree)


@case
def two_parts_in_one_place(data):
    tree = data.index(b"TREE\1")
    for number in range(16):
        put(data, tree + 24 + number * 40, at(data, tree + 24, "L") + 600, "L")


@case
def parts_behind_the_end(data):
    put(data, data.index(b"TREE\1") + 24 + 32, len(data) - 4)


@case
def heap_of_texts(data):
    place = data.index(b"GCOL") + 16
    while at(data, place, "H"):
        place += 16 + (at(data, place + 8) + 7) // 8 * 8
    put(data, place + 8, 0)


@case
def text_without_end(data):
    put(data, data.index(b"GCOL") + 24, 2**64 - 1)


@case
def text_longer_than_the_file(data):
    heap = struct.pack("<Q", data.index(b"GCOL"))
    place = data.index(heap)  # in an attribute, behind the length
    assert at(data, place - 4, "L") == len("text 0")
    put(data, place - 4, 2**32 - 1, "L")


@case
def message_too_short(data):
    """A table of names, of which the second address is missing."""
    place = at(data, 64) + 16
    assert at(data, place, "L") == 0x100011
    put(data, place + 2, 8, "H")


@case
def no_heap_of_texts(data):
    data[data.index(b"GCOL")] ^= 1


@case
def continuation(data):
    place = 0
    while at(data, place, "L") != 0x100010 or not at(data, place + 8) < len(data):
        place += 8
    block = at(data, place + 8)
    put(data, block, 0x100010, "L")
    put(data, block + 8, block)
    put(data, block + 16, at(data, place + 16))


@case
def group_in_itself(data):
    put(data, data.index(b"SNOD") + 16, at(data, 24 + 32 + 8))


@case
def entry_without_name(data):
    put(data, data.index(b"SNOD") + 8, 2**40)


@case
def another_table(data):
    snod = data.index(b"SNOD") + 8
    assert at(data, snod + 16, "L") == 1  # the entry of a group says where its table is, too
    put(data, snod + 24, at(data, snod + 24) + 8)


@case
def no_table(data):
    data[data.index(b"SNOD")] ^= 1


@case
def no_heap_of_names(data):
    data[data.index(b"HEAP")] ^= 1


@case
def no_object(data):
    data[at(data, 64)] = 7


@case
def message_too_long(data):
    put(data, at(data, 64) + 18, 60_000, "H")


@case
def end_elsewhere(data):
    put(data, 40, len(data) + 1)


@case
def no_hdf5(data):
    data[0] = 0


@pytest.mark.parametrize("name", CASES)
def test_what_leads_in_circles_or_nowhere(name):
    data = good()
    check_structure(io.BytesIO(data), "good")
    before = bytes(data)
    CASES[name](data)
    assert bytes(data) != before
    with pytest.raises(CorruptFileError, match="damaged|not a readable HDF5 file"):
        H5File(io.BytesIO(data), "it")


NEWER = {
    "sizes": lambda data: data.__setitem__(13, 4),
    "base": lambda data: put(data, 24, 512),
    "driver": lambda data: put(data, 48, 96),
    "version": lambda data: data.__setitem__(8, 9),
    "unknown message": lambda data: put(data, at(data, 64) + 16, 15, "H"),
    "shared message": lambda data: data.__setitem__(at(data, 64) + 20, 2),
}


@pytest.mark.parametrize("name", NEWER)
def test_what_is_not_read(name):
    data = good()
    NEWER[name](data)
    with pytest.raises(UnsafeFileError, match="layout of HDF5 that is not read here"):
        H5File(io.BytesIO(data), "it")


@pytest.mark.parametrize("options", [{"libver": "latest"}, {"track_order": True}])
def test_newer_layouts(options):
    """Small groups of the newer layout are read; trees of the newest ones are not."""
    file = io.BytesIO()
    with h5py.File(file, "w", **options) as root:
        for i in range(3):
            root.create_dataset(f"a{i}", data=[1.0, 2.0]).attrs["t"] = "text"
    with H5File(file, "it") as opened:
        assert {name: t.read().tolist() for name, t in opened.tensors().items()} == {
            f"a{i}": [1.0, 2.0] for i in range(3)
        }
    with h5py.File(file, "r+", **options) as root:
        for i in range(3, 20):
            root[f"a{i}"] = 1.0
    with pytest.raises(UnsafeFileError, match="Write it again with h5py's default settings"):
        H5File(file, "it")


def test_parts_and_texts_are_read():
    with H5File(io.BytesIO(good()), "it") as opened:
        np.testing.assert_array_equal(opened.tensors()["c"].read(), np.arange(64.0).reshape(8, 8))
        assert opened.attribute(opened.find("a/b"), "n11") == "text 11"


def test_large_groups():
    """Trees of several levels."""
    file = io.BytesIO()
    with h5py.File(file, "w") as root:
        for i in range(400):
            root.create_group(f"g{i}")
    with H5File(file, "it") as opened:
        assert len(list(opened.walk())) == 400


def test_a_packed_bomb():
    """A part of 32 bytes that unpacks to 64 MiB, which libhdf5 would make room for."""
    file = io.BytesIO()
    with h5py.File(file, "w") as root:
        dataset = root.create_dataset("x", (4, 2), "f4", chunks=(4, 2), compression="gzip")
        dataset.id.write_direct_chunk((0, 0), zlib.compress(bytes(2**26)))
    with H5File(file, "it") as opened:
        tensor = opened.tensors()["x"]
        with pytest.raises(LimitExceededError, match="unpacks to more than its 32 bytes"):
            tensor.read()


def test_texts_and_nothing_else_of_any_length():
    file = io.BytesIO()
    with h5py.File(file, "w") as root:
        value = np.empty(1, object)
        value[0] = np.array([1, 2], "i4")
        root.attrs.create("x", value, dtype=h5py.vlen_dtype("i4"))
    with H5File(file, "it") as opened, pytest.raises(UnsafeFileError, match="of the kind object"):
        opened.attribute(opened.root, "x")


def test_numbers_that_numpy_does_not_have():
    """A flipped bit in the type of a tensor: another bias of its exponents."""
    data = good()
    double = bytes([0x11, 0x20, 0x3F, 0, 8, 0, 0, 0, 0, 0, 64, 0, 52, 11, 0, 52])
    assert data.count(double) == 2
    data[data.index(double) + 18] = 1
    with H5File(io.BytesIO(data), "it") as opened, pytest.raises(FileError, match="no numbers"):
        opened.tensors()


def test_the_file_that_libhdf5_never_came_back_from():
    model = hornbeam.Sequential([hornbeam.Input((1,)), layers.Dense(1)])
    before = [w.tolist() for w in model.get_weights()]
    with pytest.raises(FileError, match="a heap of texts does not end"):
        model.load_weights(os.path.join(HERE, "hang.weights.h5"))
    assert [w.tolist() for w in model.get_weights()] == before


def test_the_file_whose_check_sum_libhdf5_read_before_its_beginning():
    with H5File(os.path.join(HERE, "part_of_no_bytes.h5"), "x") as file:
        tensors = file.tensors()
        with pytest.raises(FileError, match=r"damaged at 'c': a part of it has 0 bytes"):
            tensors["c"].read()
