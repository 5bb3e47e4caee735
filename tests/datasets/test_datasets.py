"""The loaders of data sets, on small files that a server on this machine offers."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import json
import pickle
import tarfile
import threading

import numpy as np
import pytest

import hornbeam
from hornbeam import datasets
from hornbeam.datasets import pickles, sources
from hornbeam.errors import CorruptFileError, InputError, UnsafeFileError

RNG = np.random.default_rng(0)


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def objects(rows):
    array = np.empty(len(rows), object)
    array[:] = rows
    return array


def batch(rows, **labels):
    content = {b"data": RNG.integers(0, 256, (rows, 3072)).astype("uint8")}
    return content | {key.encode(): value for key, value in labels.items()}


def tar(**files):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, value in files.items():
            content = pickle.dumps(value, protocol=2)
            info = tarfile.TarInfo(name.replace("__", "/"))
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


ROWS = [[1, 5, 9], [2, 30], [7] * 12, [4], [3, 8, 15, 16]]
IMAGES = {n: RNG.integers(0, 256, (n, 28, 28)).astype("uint8") for n in (6, 4)}
TABLE = RNG.random((20, 8)), RNG.random(20)
CONTENT = {
    "mnist.npz": npz(
        x_train=IMAGES[6], y_train=np.arange(6, dtype="uint8"),
        x_test=IMAGES[4], y_test=np.arange(4, dtype="uint8"),
    ),
    "train-labels-idx1-ubyte.gz": gzip.compress(bytes(8) + bytes(range(6))),
    "train-images-idx3-ubyte.gz": gzip.compress(bytes(16) + IMAGES[6].tobytes()),
    "t10k-labels-idx1-ubyte.gz": gzip.compress(bytes(8) + bytes(range(4))),
    "t10k-images-idx3-ubyte.gz": gzip.compress(bytes(16) + IMAGES[4].tobytes()),
    "cifar-10-python.tar.gz": tar(
        **{f"cifar-10-batches-py__data_batch_{i}": batch(2, labels=[i, 1]) for i in range(1, 6)},
        **{"cifar-10-batches-py__test_batch": batch(3, labels=[1, 2, 3])},
    ),
    "cifar-100-python.tar.gz": tar(
        **{
            f"cifar-100-python__{name}": batch(3, fine_labels=[7, 8, 9], coarse_labels=[1, 1, 2])
            for name in ("train", "test")
        }
    ),
    "imdb.npz": npz(
        x_train=objects(ROWS), y_train=np.array([0, 1, 1, 0, 1]),
        x_test=objects(ROWS[:3]), y_test=np.array([1, 0, 0]),
    ),
    "imdb_word_index.json": json.dumps({"the": 1}).encode(),
    "reuters.npz": npz(x=objects(ROWS), y=np.arange(5)),
    "reuters_word_index.json": json.dumps({"oil": 7}).encode(),
    "boston_housing.npz": npz(x=TABLE[0], y=TABLE[1]),
    "california_housing.npz": npz(x=TABLE[0], y=TABLE[1]),
}  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """The data sets on a server of our own, and an empty cache."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content = CONTENT[self.path[1:]]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    assert sources.FILES.keys() == CONTENT.keys()
    for name, content in CONTENT.items():
        place = f"http://127.0.0.1:{server.server_port}/{name}"
        entry = (place, hashlib.sha256(content).hexdigest())
        monkeypatch.setitem(sources.FILES, name, entry)
    monkeypatch.setenv("HORNBEAM_HOME", str(tmp_path))
    yield tmp_path
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_file_has_a_hash_and_comes_over_https():
    import importlib

    fresh = importlib.reload(sources)  # not what the fixture has put there
    for origin, digest in fresh.FILES.values():
        assert origin.startswith("https://")
        assert len(digest) in (32, 64)
        int(digest, 16)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_digits_and_clothes(name):
    (x, y), (x_test, y_test) = getattr(datasets, name).load_data()
    np.testing.assert_array_equal(x, IMAGES[6])
    np.testing.assert_array_equal(x_test, IMAGES[4])
    assert (y.tolist(), y_test.tolist()) == ([0, 1, 2, 3, 4, 5], [0, 1, 2, 3])
    assert x.dtype == y.dtype == np.uint8


def test_colour_pictures():
    (x, y), (x_test, y_test) = datasets.cifar10.load_data()
    assert (x.shape, x_test.shape) == ((10, 32, 32, 3), (3, 32, 32, 3))
    assert y[:, 0].tolist() == [1, 1, 2, 1, 3, 1, 4, 1, 5, 1]
    assert y_test.tolist() == [[1], [2], [3]]
    assert datasets.cifar100.load_data()[0][1].tolist() == [[7], [8], [9]]
    assert datasets.cifar100.load_data("coarse")[1][1].tolist() == [[1], [1], [2]]
    hornbeam.config.set_image_data_format("channels_first")
    try:
        first = datasets.cifar10.load_data()[0][0]
    finally:
        hornbeam.config.set_image_data_format("channels_last")
    np.testing.assert_array_equal(first.transpose(0, 2, 3, 1), x)


def expected_order(count, seed=113):
    order = np.arange(count)
    rng = np.random.RandomState(seed)
    rng.shuffle(order)
    return order


def test_reviews():
    (x, y), (x_test, _) = datasets.imdb.load_data()
    order = expected_order(5)
    assert x.tolist() == [[1, *(w + 3 for w in ROWS[i])] for i in order]
    assert y.tolist() == np.array([0, 1, 1, 0, 1])[order].tolist()
    assert len(x_test) == 3
    (x, _), _ = datasets.imdb.load_data(num_words=12, skip_top=6, start_char=None, index_from=0)
    assert x.tolist() == [[w if 6 <= w < 12 else 2 for w in ROWS[i]] for i in order]
    (x, _), _ = datasets.imdb.load_data(num_words=12, oov_char=None, maxlen=6)
    assert [12 not in row and len(row) < 6 for row in x] == [True] * 4
    assert datasets.imdb.get_word_index() == {"the": 1}
    with pytest.raises(InputError, match="no sequence is left"):
        datasets.imdb.load_data(maxlen=1)
    with pytest.raises(TypeError, match="unknown arguments"):
        datasets.imdb.load_data(nb_words=3)


def test_news():
    (x, y), (x_test, y_test) = datasets.reuters.load_data(test_split=0.4)
    assert (len(x), len(x_test)) == (3, 2)
    assert [*y, *y_test] == expected_order(5).tolist()
    assert datasets.reuters.get_word_index() == {"oil": 7}
    assert (
        len(datasets.reuters.get_label_names())
        == len(set(datasets.reuters.get_label_names()))
        == 46
    )


@pytest.mark.parametrize("name", ["boston_housing", "california_housing"])
def test_housing(name):
    (x, y), (x_test, y_test) = getattr(datasets, name).load_data(test_split=0.25)
    assert (x.shape, x_test.shape) == ((15, 8), (5, 8))
    order = expected_order(20)
    np.testing.assert_allclose(np.concatenate([x, x_test]), TABLE[0][order], rtol=1e-6)
    np.testing.assert_allclose(np.concatenate([y, y_test]), TABLE[1][order], rtol=1e-6)
    with pytest.raises(InputError, match="`test_split` must be in"):
        getattr(datasets, name).load_data(test_split=1.5)


def test_another_file_is_refused(monkeypatch):
    monkeypatch.setitem(CONTENT, "mnist.npz", CONTENT["boston_housing.npz"])
    with pytest.raises(CorruptFileError, match="nothing was kept"):
        datasets.mnist.load_data()


class Evil:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return open, (self.marker, "w")


@pytest.mark.parametrize("protocol", range(5))
def test_pickles_run_nothing(protocol, tmp_path):
    marker = str(tmp_path / "marker")
    content = pickle.dumps([np.arange(3), Evil(marker)], protocol)
    with pytest.raises(
        UnsafeFileError, match="The file asks for (io|_io|builtins|__builtin__).open"
    ):
        pickles.load(content)
    hostile = npz(x=objects([[1], Evil(marker)]))
    (tmp_path / "x.npz").write_bytes(hostile)
    with pytest.raises(UnsafeFileError, match="nothing was run"):
        pickles.load_npz(str(tmp_path / "x.npz"))
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("protocol", range(5))
def test_pickles_of_plain_data(protocol):
    value = {
        "a": [1, 2.5, None, True, "text"],
        "b": RNG.random((2, 3)).astype(">f4"),
        "c": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "d": objects([[1], [2, 3]]),
    }
    found = pickles.load(pickle.dumps(value, protocol))
    text = {k.decode() if isinstance(k, bytes) else k: v for k, v in found.items()}
    assert text["a"] == value["a"]
    np.testing.assert_array_equal(text["b"], value["b"])
    np.testing.assert_array_equal(text["c"], value["c"])
    assert text["d"].tolist() == [[1], [2, 3]]


def test_damaged_pickles():
    content = pickle.dumps(np.arange(100), 2)
    for damaged in (content[:50], b"", b"\x80\x02.", content.replace(b"i8", b"i4")):
        with pytest.raises((CorruptFileError, UnsafeFileError)):
            pickles.load(damaged)
    structured = np.zeros(2, [("a", "i4"), ("b", "f4")])
    with pytest.raises((CorruptFileError, UnsafeFileError)):
        pickles.load(pickle.dumps(structured, 2))
