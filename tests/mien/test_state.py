"""Files that are replaced as a whole."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from mien.state import locked, replace_file


def test_a_file_is_replaced_and_for_its_owner_only(tmp_path: Path) -> None:
    """The new content stands, with mode 0600 whatever the old file's was, and nothing lies beside it."""
    path = tmp_path / "token.json"
    path.write_bytes(b"old")
    path.chmod(0o644)
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written to the disk for good does not replace what was, and leaves no litter."""
    path = tmp_path / "token.json"
    path.write_bytes(b"old")

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_laid_in_the_way_is_not_followed(tmp_path: Path) -> None:
    """Where somebody else laid a link under the name of the part, the file it points to stays as it is."""
    victim, path = tmp_path / "victim", tmp_path / "token.json"
    victim.write_bytes(b"precious")
    path.with_suffix(f".{os.getpid()}.part").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        replace_file(path, b"secret")
    assert victim.read_bytes() == b"precious"


def test_a_lock_has_one_holder(tmp_path: Path) -> None:
    """A second holder is refused at once, or after its timeout; after the first has gone it is let in. Mode 0600."""
    path = tmp_path / "name.lock"
    with locked(path):
        assert path.stat().st_mode & 0o777 == 0o600
        for timeout in (0.0, 0.1):
            with pytest.raises(TimeoutError), locked(path, timeout):
                pass
    with locked(path):
        pass


def test_a_lock_waits_for_its_holder(tmp_path: Path) -> None:
    """Within its timeout a waiting holder gets the lock as soon as it is free."""
    path = tmp_path / "name.lock"
    entered = threading.Event()

    def wait() -> None:
        with locked(path, 10):
            entered.set()

    thread = threading.Thread(target=wait)
    with locked(path):
        thread.start()
        assert not entered.is_set()
    assert entered.wait(10)
    thread.join()


def test_a_lock_that_cannot_be_made(tmp_path: Path) -> None:
    """A missing folder is an OSError, for the caller to explain."""
    with pytest.raises(FileNotFoundError), locked(tmp_path / "none" / "name.lock"):
        pass
