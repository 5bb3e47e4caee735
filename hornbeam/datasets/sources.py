"""Where the public data sets are, and the hashes of their files.

The hashes are those that Keras 3.15.1 names when it finds another file in its cache; those of
Fashion-MNIST, which Keras does not check, are torchvision's.
"""

from __future__ import annotations

from hornbeam.utils.files import get_file

GOOGLE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"
TORONTO = "https://www.cs.toronto.edu/~kriz"

FILES: dict[str, tuple[str, str]] = {
    "mnist.npz": (
        f"{GOOGLE}/mnist.npz",
        "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    ),
    "train-labels-idx1-ubyte.gz": (
        f"{GOOGLE}/train-labels-idx1-ubyte.gz",
        "25c81989df183df01b3e8a0aad5dffbe",
    ),
    "train-images-idx3-ubyte.gz": (
        f"{GOOGLE}/train-images-idx3-ubyte.gz",
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    ),
    "t10k-labels-idx1-ubyte.gz": (
        f"{GOOGLE}/t10k-labels-idx1-ubyte.gz",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
    "t10k-images-idx3-ubyte.gz": (
        f"{GOOGLE}/t10k-images-idx3-ubyte.gz",
        "bef4ecab320f06d8554ea6380940ec79",
    ),
    "cifar-10-python.tar.gz": (
        f"{TORONTO}/cifar-10-python.tar.gz",
        "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    ),
    "cifar-100-python.tar.gz": (
        f"{TORONTO}/cifar-100-python.tar.gz",
        "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    ),
    "imdb.npz": (
        f"{GOOGLE}/imdb.npz",
        "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
    ),
    "imdb_word_index.json": (
        f"{GOOGLE}/imdb_word_index.json",
        "bfafd718b763782e994055a2d397834f",
    ),
    "reuters.npz": (
        f"{GOOGLE}/reuters.npz",
        "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
    ),
    "reuters_word_index.json": (
        f"{GOOGLE}/reuters_word_index.json",
        "4d44cc38712099c9e383dc6e5f11a921",
    ),
    "boston_housing.npz": (
        f"{GOOGLE}/boston_housing.npz",
        "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
    ),
    "california_housing.npz": (
        f"{GOOGLE}/california_housing.npz",
        "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
    ),
}
"""Name -> (address, SHA-256, or MD5 where only that was published)."""


def fetch(
    name: str, path: str | None = None, folder: str = "datasets", extract: bool = False
) -> str:
    """The local path of one of `FILES`.

    Args:
        name: which.
        path: what it is called in the cache.
        folder: the folder of the cache.
        extract: whether it is an archive to be unpacked.
    """
    origin, digest = FILES[name]
    return get_file(path or name, origin, file_hash=digest, cache_subdir=folder, extract=extract)
