"""What may be opened for reading: regular files."""

import os
import stat

import pytest

from hornbeam.errors import UnsafeFileError
from hornbeam.saving import checkpoints
from hornbeam.saving.opening import open_regular


def test_regular_files(tmp_path):
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for path, follow in [("a", True), ("a", False), ("link", True)]:
        with open_regular(tmp_path / path, follow) as file:
            assert file.read() == b"content"
    with pytest.raises(UnsafeFileError, match="is a link"):
        open_regular(tmp_path / "link", follow_links=False)
    with pytest.raises(UnsafeFileError, match="no regular file"):
        open_regular(tmp_path)
    with pytest.raises(FileNotFoundError, match="There is no file"):
        open_regular(tmp_path / "nothing")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_pipes_are_not_waited_for(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnsafeFileError, match="no regular file"):
        open_regular(tmp_path / "pipe")
    os.mkfifo(tmp_path / checkpoints.INDEX)
    with pytest.raises(UnsafeFileError, match="no regular file"):
        checkpoints.file_in(tmp_path)
    # and one that took the file's place after it was looked at
    monkeypatch.setattr(os, "stat", lambda *a, **k: os.stat_result([stat.S_IFREG, *[0] * 9]))
    with pytest.raises(UnsafeFileError, match="no regular file"):
        open_regular(tmp_path / "pipe")
