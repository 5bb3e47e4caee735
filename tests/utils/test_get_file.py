"""`get_file`: what arrives is checked before it has a name; hostile archives write nothing."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import stat
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

from hornbeam.errors import (
    CorruptFileError,
    FileError,
    InputError,
    LimitExceededError,
    UnsafeFileError,
)
from hornbeam.utils import archives, files, get_file

CONTENT = b"some data" * 1000


def sha(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def server():
    """A server on this machine: path -> content, or a place to redirect to; it counts requests."""
    pages, asked = {}, []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            page = pages.get(self.path)
            if page is None:
                self.send_error(404)
            elif isinstance(page, str):
                self.send_response(302)
                self.send_header("Location", page)
                self.end_headers()
            else:
                cut = self.path.startswith("/cut")
                self.send_response(200)
                self.send_header("Content-Length", str(len(page) + cut))
                self.end_headers()
                self.wfile.write(page)

        def log_message(self, *args):
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    running.root, running.pages, running.asked = (
        f"http://127.0.0.1:{running.server_port}",
        pages,
        asked,
    )
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


def test_a_file_is_loaded_once(server, tmp_path):
    server.pages["/a/data.bin"] = CONTENT
    options = {"origin": f"{server.root}/a/data.bin", "cache_dir": tmp_path}
    path = get_file(file_hash=sha(CONTENT), **options)
    assert path == str(tmp_path / "datasets" / "data.bin")
    assert Path(path).read_bytes() == CONTENT
    assert get_file(md5_hash=hashlib.md5(CONTENT).hexdigest(), **options) == path
    assert len(server.asked) == 1
    get_file(file_hash=sha(CONTENT), force_download=True, **options)
    Path(path).write_bytes(b"damaged")
    get_file(file_hash=sha(CONTENT), **options)
    assert len(server.asked) == 3
    assert Path(path).read_bytes() == CONTENT
    assert get_file("other.bin", allow_unverified=True, **options).endswith("other.bin")


@pytest.mark.parametrize("page", ["wrong", "cut"])
def test_what_is_wrong_leaves_nothing(server, tmp_path, page):
    server.pages[f"/{page}.bin"] = CONTENT if page == "cut" else CONTENT + b"!"
    with pytest.raises(
        (CorruptFileError, OSError), match=r"has the sha256|of \d+ bytes|IncompleteRead"
    ):
        get_file(
            origin=f"{server.root}/{page}.bin", file_hash=sha(CONTENT) if page != "cut" else "0" * 64,
            cache_dir=tmp_path,
        )  # fmt: skip
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_errors_of_servers_and_redirects(server, tmp_path):
    server.pages |= {"/moved": "/a", "/a": CONTENT, "/evil": "file:///etc/hostname"}
    options = {"file_hash": sha(CONTENT), "cache_dir": tmp_path}
    assert get_file("a", f"{server.root}/moved", **options)
    with pytest.raises(OSError, match="could not load .*404"):
        get_file(origin=f"{server.root}/none", **options)
    with pytest.raises((UnsafeFileError, OSError), match=r"redirect|not allowed"):
        get_file(origin=f"{server.root}/evil", **options)


def test_too_much_is_refused(server, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_BYTES", 100)
    server.pages["/big"] = CONTENT
    with pytest.raises(LimitExceededError, match="sends over 100 bytes"):
        get_file(origin=f"{server.root}/big", file_hash=sha(CONTENT), cache_dir=tmp_path)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_planted_link_is_not_written_through(server, tmp_path):
    server.pages["/w.txt"] = CONTENT
    outside = tmp_path / "outside"
    outside.write_text("mine")
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "w.txt").symlink_to(outside)
    get_file(origin=f"{server.root}/w.txt", file_hash=sha(CONTENT), cache_dir=tmp_path)
    assert outside.read_text() == "mine"
    assert not (tmp_path / "datasets" / "w.txt").is_symlink()


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({}, "needs `origin`"),
        ({"origin": "https://example.org/x"}, "needs the hash of what it loads from 'example.org'"),
        ({"origin": "ftp://example.org/x"}, "reads https, http and file addresses"),
        ({"origin": "https://h/..", "file_hash": "0" * 64}, "one plain name"),
        ({"origin": "https://h/", "file_hash": "0" * 64}, "one plain name"),
        ({"fname": "../x", "origin": "https://h/x"}, "the name of the file must be one plain name"),
        ({"fname": "a\\b", "origin": "https://h/x"}, "one plain name"),
        ({"fname": ".", "origin": "https://h/x"}, "one plain name"),
        ({"origin": "https://h/x", "cache_subdir": "../up"}, "`cache_subdir`"),
        ({"origin": "https://h/x", "file_hash": "xyz"}, "is not the md5 of a file"),
        (
            {"origin": "https://h/x", "file_hash": "0" * 64, "hash_algorithm": "crc"},
            "`hash_algorithm`",
        ),
    ],
)
def test_errors(arguments, match, tmp_path):
    with pytest.raises(InputError, match=match):
        get_file(cache_dir=tmp_path, **arguments)


# ---------------------------------------------------------------------------------------- archives


def tar_of(path, *members, mode="w:gz"):
    """Members: (name, content) for a file, or a TarInfo."""
    with tarfile.open(path, mode) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member, io.BytesIO(b"x" * member.size))
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    return path


def zip_of(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def special(kind, name="s", linkname="", mode=0o644):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, linkname, mode
    return info


def zip_link(name="l"):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info, "/etc"


LONG = "a" * 300
HOSTILE_TARS = {
    "C1 up": [("ok.txt", b"1"), ("../../escape", b"2")],
    "C1 absolute": [("/tmp/hornbeam-escape", b"2")],
    "C2 deep": [("d/" * 150 + "f", b"2")],
    "C2 long": [(LONG, b"2")],
    "C4 link up": [special(tarfile.SYMTYPE, "s", "../.."), ("s/escape", b"2")],
    "C5 hard link name": [("ok.txt", b"1"), special(tarfile.LNKTYPE, "../../escape", "ok.txt")],
    "C5 hard link target": [special(tarfile.LNKTYPE, "h", "/etc/hostname")],
    "C6 link dot": [special(tarfile.SYMTYPE, "link", "."), ("link/../x", b"2")],
    "C7 hard to soft": [
        special(tarfile.SYMTYPE, "a/s", "../.."),
        special(tarfile.LNKTYPE, "h", "a/s"),
    ],
    "C9 backslash": [("a\\..\\b", b"2")],
    "C10 drive": [("C:x", b"2")],
    "C10 reserved": [("CON", b"2")],
    "C10 control": [("a\nb", b"2")],
    "C15 fifo": [special(tarfile.FIFOTYPE)],
    "C15 device": [special(tarfile.CHRTYPE)],
    "two of one name": [("a", b"1"), ("a", b"2")],
    "two for some": [("a/x", b"1"), ("A/x", b"2")],
    "file and folder": [("a", b"1"), ("a/b", b"2")],
}


@pytest.mark.parametrize("cwd", ["/", "here"])
@pytest.mark.parametrize("name", HOSTILE_TARS)
def test_hostile_tars_write_nothing(name, cwd, tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    path = tar_of(tmp_path / "in" / "x.tar.gz", *HOSTILE_TARS[name])
    monkeypatch.chdir("/" if cwd == "/" else tmp_path)  # C3: it must not matter
    before = sorted(p for p in tmp_path.rglob("*"))
    with pytest.raises(
        UnsafeFileError, match=r"Nothing was written|nothing was written|over 100 folders"
    ):
        archives.extract(path, tmp_path / "out", "tar")
    assert sorted(p for p in tmp_path.rglob("*")) == before
    assert not Path("/tmp/hornbeam-escape").exists()


@pytest.mark.parametrize(
    "members",
    [
        [("../escape", b"1")],
        [("/abs", b"1")],
        [("C:x", b"1")],
        [("ok", b"1"), ("a/../../x", b"2")],
        [zip_link()],
        [("a", b"1"), ("A", b"2")],
    ],
)
def test_hostile_zips_write_nothing(members, tmp_path):
    path = zip_of(tmp_path / "x.zip", *members)
    with pytest.raises(UnsafeFileError):
        archives.extract(path, tmp_path / "out", "zip")
    assert [p.name for p in tmp_path.iterdir()] == ["x.zip"]


def test_bombs_and_damage_write_nothing(tmp_path):
    bomb = zip_of(tmp_path / "b.zip", ("zeros", bytes(60 * 2**20)))
    with pytest.raises(LimitExceededError, match="200 times its size"):
        archives.extract(bomb, tmp_path / "out", "zip")
    whole = tar_of(tmp_path / "x.tar.gz", ("a", os.urandom(50000))).read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[:20000])
    with pytest.raises(CorruptFileError, match="is damaged"):
        archives.extract(tmp_path / "cut.tar.gz", tmp_path / "out", "tar")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".unpacking*"))


def test_modes_are_plain(tmp_path):
    member = special(tarfile.REGTYPE, "run.sh", mode=0o6777)
    member.size = 3
    path = tar_of(tmp_path / "x.tar", member, mode="w")
    archives.extract(path, tmp_path / "out", "tar")
    assert stat.S_IMODE((tmp_path / "out" / "run.sh").stat().st_mode) & 0o7133 == 0


@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.parametrize(
    ("fname", "made"), [(None, "z.{}"), ("foo", "foo"), ("foo.{}", "foo_extracted")]
)
def test_archives_are_unpacked_where_keras_does(kind, fname, made, tmp_path):
    suffix = {"tar": "tar.gz", "zip": "zip"}[kind]
    make = {"tar": tar_of, "zip": zip_of}[kind]
    path = make(tmp_path / f"z.{suffix}", ("d/a.txt", b"1"), ("b.txt", b"2"))
    name = None if fname is None else fname.format(suffix)
    options = {"extract": True, "cache_dir": tmp_path / "cache"}
    found = Path(get_file(name, path.as_uri(), **options))
    assert found == tmp_path / "cache" / "datasets" / made.format(suffix)
    assert (found / "d" / "a.txt").read_bytes() == b"1"
    assert (found / "b.txt").exists()
    (found / "b.txt").unlink()
    get_file(name, path.as_uri(), **options)  # it is not unpacked again
    assert not (found / "b.txt").exists()
    with pytest.raises(
        CorruptFileError, match="no zip archive" if kind == "tar" else "no tar archive"
    ):
        get_file(name, path.as_uri(), archive_format="zip" if kind == "tar" else "tar",
                 force_download=True, **options)  # fmt: skip
    with pytest.raises(InputError, match="`archive_format` must be"):
        get_file(name, path.as_uri(), archive_format="rar", force_download=True, **options)
    assert issubclass(CorruptFileError, FileError)
