"""What is written through libhdf5's own functions is what h5py writes; large models from text."""

import io

import h5py
import ml_dtypes
import numpy as np
import pytest

import hornbeam
from hornbeam import layers
from hornbeam.saving.hdf5 import IN_MEMORY, H5File
from hornbeam.saving.hdf5_writing import H5Writer, write_tensors, writing
from hornbeam.saving.tensors import checksum

RNG = np.random.default_rng(0)
ARRAYS = {
    "layers/dense/vars/0": RNG.normal(size=(3, 4)).astype("float32"),
    "layers/dense/vars/1": RNG.normal(size=3),
    "layers/vars/0": np.array(3, "int32"),
    "vars/0": np.array([True, False]),
    "half/0": np.ones(3, "float16"),
    "complex/0": np.ones((2, 2), "complex64"),
    "nothing/0": np.zeros((0, 3), "float32"),
    "turned/0": RNG.normal(size=(3, 4)).T,
    "raw/0": np.ones((2, 3), ml_dtypes.bfloat16),
    "raw/1": np.ones(4, ml_dtypes.float8_e4m3fn),
}


def by_h5py(arrays):
    file = io.BytesIO()
    with h5py.File(file, "w") as root:
        for path, array in arrays.items():
            known = array.dtype.kind in "biufc"
            raw = array if known else array.view(f"V{array.dtype.itemsize}")
            dataset = root.create_dataset(path, data=raw)
            if not known:
                dataset.attrs["dtype"] = array.dtype.name
            dataset.attrs["sha256"] = np.bytes_(checksum(path, array))
        for place in ("layers/dense", "half"):
            root[place].attrs["name"] = "nämé"
    return file.getvalue()


def by_us(arrays, size=None):
    file = io.BytesIO()
    with writing(file, size) as root:
        writer = H5Writer(root)
        for path, array in arrays.items():
            writer.tensor(path, array, checksum(path, array))
        for place in ("layers/dense", "half"):
            writer.text(place, "name", "nämé")
    return file.getvalue()


@pytest.mark.parametrize("size", [None, 1, IN_MEMORY + 1])
def test_files_are_bit_equal_to_those_of_h5py(size):
    assert by_us(ARRAYS, size) == by_h5py(ARRAYS)


def test_names_beyond_ascii_and_all_dtypes_come_back():
    arrays = {**ARRAYS, "é/vars/0": np.arange(4, dtype="uint8"), "é/ü": np.arange(4, dtype="int16")}
    file = io.BytesIO()
    write_tensors(file, iter(arrays.items()))
    with h5py.File(file, "r") as root:
        assert root["é/ü"][()].tolist() == [0, 1, 2, 3]
    with H5File(file, "it") as opened:
        found = opened.tensors()
        assert set(found) == set(arrays)
        for _ in range(2):  # a tensor can be read again
            for path, array in arrays.items():
                np.testing.assert_array_equal(found[path].read(), array)
        assert opened.name(opened.find("layers/dense")) == "layers/dense"
        assert opened.name(opened.root) == ""
        assert opened.find("layers/dense/vars/7") is None


def test_two_tensors_of_one_name_are_refused():
    with pytest.raises(ValueError, match="name already exists"):
        write_tensors(io.BytesIO(), iter([("a/0", np.ones(1)), ("a/0", np.ones(1))]))


def test_large_weights_of_a_model_from_text_have_first_values():
    model = hornbeam.Sequential([hornbeam.Input((1024,)), layers.Dense(512)])
    again = hornbeam.models.model_from_json(model.to_json())
    assert again.layers[-1].kernel.numpy().std() > 0.01
