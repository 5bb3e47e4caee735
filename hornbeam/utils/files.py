"""`get_file`: a file from the network, checked before it gets its name."""

from __future__ import annotations

import hashlib
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from hornbeam.errors import CorruptFileError, InputError, LimitExceededError, UnsafeFileError
from hornbeam.saving.atomic import atomic_write
from hornbeam.utils import archives

MAX_BYTES = 2**38
TIMEOUT = 60.0
"""How long a server may be silent, in seconds."""
SUFFIXES = (".tar.gz", ".tar.bz2", ".tar.xz", ".tar", ".tgz", ".zip")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@=, \-]{0,200}")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def get_file(
    fname: str | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: Any = "auto",
    cache_dir: Any = None,
    force_download: bool = False,
    allow_unverified: bool = False,
) -> str:
    """The path of a file that is downloaded once and kept in a cache.

    The content is checked against its hash while it arrives, in a temporary file; only the right one
    gets the name.  A file that is in the cache already is checked again.  Archives are unpacked whole or
    not at all, and only if they hold nothing but files and folders (see `hornbeam.utils.archives`).

    Args:
        fname: the name in the cache, one plain component; by default the last part of `origin`.
        origin: the address: https, or file; http only with a hash or on this machine.
        untar: the older name of `extract`, for tar archives.
        md5_hash: the MD5 of the file; prefer `file_hash`.
        file_hash: the SHA-256 (64 hexadecimal digits) or MD5 (32) of the file.
        cache_subdir: the folder in the cache.
        hash_algorithm: "sha256", "md5", or "auto" to go by the length.
        extract: whether to unpack a tar or zip archive.
        archive_format: "auto", "tar", "zip", a list of these, or None for no unpacking.
        cache_dir: the cache; by default ``$HORNBEAM_HOME``, else ``~/.hornbeam``.
        force_download: whether to load the file again.
        allow_unverified: whether a file from the network needs no hash.

    Returns:
        The path of the file, or of the folder that it was unpacked into.

    Raises:
        InputError: if there is no hash, or a name is no plain name.
        CorruptFileError: if the content is not what the hash says.

    Example:

    >>> import hashlib, hornbeam, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("hello")
    >>> digest = hashlib.sha256(b"hello").hexdigest()
    >>> path = hornbeam.utils.get_file(
    ...     origin=(folder / "a.txt").as_uri(), file_hash=digest, cache_dir=folder / "cache"
    ... )
    >>> pathlib.Path(path).read_text()
    'hello'
    """
    if origin is None:
        raise InputError("get_file() needs `origin`, the address of the file.")
    address = urllib.parse.urlsplit(origin)
    name = fname if fname is not None else urllib.parse.unquote(address.path.rsplit("/", 1)[-1])
    _check_name(name, "the name of the file")
    for part in Path(cache_subdir).parts:
        _check_name(part, "`cache_subdir`")
    expected = _expected(file_hash or md5_hash, hash_algorithm if file_hash else "md5")
    _check_address(address, expected is not None or allow_unverified)
    home = os.environ.get("HORNBEAM_HOME") or os.path.join(os.path.expanduser("~"), ".hornbeam")
    folder = Path(cache_dir if cache_dir is not None else home) / cache_subdir
    folder.mkdir(parents=True, exist_ok=True)
    unpacks = (extract or untar) and archive_format is not None
    path, target = folder / name, folder / name
    if unpacks:  # as Keras names them
        suffix = next((s for s in SUFFIXES if name.endswith(s)), "") if fname is not None else ""
        if suffix:
            target = folder / f"{name.removesuffix(suffix)}_extracted"
        else:
            path = folder / f"{name}_archive"
    fresh = force_download or not path.is_file() or path.is_symlink()
    if not fresh and expected is not None and _hash_of(path, expected[0]) != expected[1]:
        fresh = True  # an older version of the file, or a damaged one
    if fresh:
        _download(origin, path, expected)
    if not unpacks:
        return str(path)
    if fresh or not target.is_dir():
        archives.extract(path, target, _archive_kind(path, archive_format))
    return str(target)


def _check_name(name: str, what: str) -> None:
    if not _NAME.fullmatch(name) or name.endswith((".", " ")):
        raise InputError(
            f"get_file(): {what} must be one plain name, such as 'data.npz', got {name!r}."
        )


def _expected(digest: str | None, algorithm: str) -> tuple[str, str] | None:
    if digest is None:
        return None
    lengths = {"sha256": 64, "md5": 32}
    if algorithm == "auto":
        algorithm = "sha256" if len(digest) == 64 else "md5"
    if algorithm not in lengths:
        raise InputError(f"`hash_algorithm` must be 'sha256', 'md5' or 'auto', got {algorithm!r}.")
    if not re.fullmatch(f"[0-9a-fA-F]{{{lengths[algorithm]}}}", digest):
        raise InputError(f"{digest!r} is not the {algorithm} of a file in hexadecimal digits.")
    return algorithm, digest.lower()


def _check_address(address: urllib.parse.SplitResult, trusted: bool) -> None:
    if address.scheme not in ("https", "http", "file"):
        raise InputError(
            f"get_file() reads https, http and file addresses, got {address.geturl()!r}."
        )
    if address.scheme != "file" and not trusted:
        raise InputError(
            f"get_file() needs the hash of what it loads from {address.hostname!r}: pass `file_hash` "
            "(its SHA-256), or `allow_unverified=True` if any content will do."
        )


class _SameScheme(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to anything else, nor to files."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        before, after = (urllib.parse.urlsplit(url).scheme for url in (req.full_url, newurl))
        if after not in ("http", "https") or (before == "https" and after != "https"):
            raise UnsafeFileError(
                f"{req.full_url!r} redirects to {newurl!r}, which is not followed."
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _download(origin: str, path: Path, expected: tuple[str, str] | None) -> None:
    opener = urllib.request.build_opener(_SameScheme)
    request = urllib.request.Request(origin, headers={"User-Agent": "hornbeam"})
    digest = hashlib.new(expected[0] if expected else "sha256")
    try:
        with opener.open(request, timeout=TIMEOUT) as response, atomic_write(path) as file:
            length = response.headers.get("Content-Length")
            done = 0
            while piece := response.read(2**20):
                done += len(piece)
                if done > MAX_BYTES:
                    raise LimitExceededError(f"{origin!r} sends over {MAX_BYTES} bytes.")
                digest.update(piece)
                file.write(piece)
            if length is not None and done != int(length):
                raise CorruptFileError(
                    f"{origin!r} sent {done} of {length} bytes. Nothing was kept; try again."
                )
            if expected is not None and digest.hexdigest() != expected[1]:
                raise CorruptFileError(
                    f"What {origin!r} sent has the {expected[0]} {digest.hexdigest()}, not "
                    f"{expected[1]}. It is damaged, or another version; nothing was kept."
                )
    except urllib.error.URLError as error:
        raise OSError(f"get_file() could not load {origin!r}: {error}.") from error


def _hash_of(path: Path, algorithm: str) -> str:
    digest = hashlib.new(algorithm)
    with path.open("rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
    return digest.hexdigest()


def _archive_kind(path: Path, archive_format: Any) -> str:
    formats = [archive_format] if isinstance(archive_format, str) else list(archive_format)
    unknown = set(formats) - {"auto", "tar", "zip"}
    if unknown:
        raise InputError(f"`archive_format` must be 'auto', 'tar' or 'zip', got {sorted(unknown)}.")
    for wanted in formats:
        kind = archives.kind_of(path, wanted)
        if kind is not None:
            return kind
    raise CorruptFileError(f"{str(path)!r} is no {' or '.join(formats)} archive.")
