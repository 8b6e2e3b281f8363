"""Downloads: whole, verified and resumed, from a server that fails in a chosen way."""

from __future__ import annotations

import hashlib
import http.server
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mien.commands import download as downloading
from mien.commands.download import DownloadError, download
from mien.errors import InputError, MienError

BODY = os.urandom(50_000)
DIGEST = hashlib.sha256(BODY).hexdigest()


class DownloadServer(http.server.ThreadingHTTPServer):
    """Serves BODY. cut: bytes after which it breaks off. ranges: whether it resumes. requested: the ranges so far."""

    cut: int | None = None
    ranges, status = True, 200
    requested: list[str | None]


class DownloadHandler(http.server.BaseHTTPRequestHandler):
    server: DownloadServer

    def do_GET(self) -> None:
        requested = self.headers.get("Range")
        self.server.requested.append(requested)
        if self.server.status != 200:
            self.send_error(self.server.status)
            return
        start = int(requested[6:-1]) if requested and self.server.ranges else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(BODY) - start))
        self.end_headers()
        self.wfile.write(BODY[start : self.server.cut])

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[DownloadServer]:
    server = DownloadServer(("127.0.0.1", 0), DownloadHandler)
    server.requested = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def get(server: DownloadServer, tmp_path: Path) -> Callable[..., bool]:
    """Fetch BODY into tmp_path / "file"."""

    def call(sha256: str = DIGEST) -> bool:
        url = f"http://127.0.0.1:{server.server_port}/file"
        return download(url, tmp_path / "file", len(BODY), sha256, lambda *_: None)

    return call


def test_a_download_is_whole_and_done_once(get: Callable[..., bool], server: DownloadServer, tmp_path: Path) -> None:
    """The file is there, nothing beside it, and the second time nothing is requested."""
    assert get() is True
    assert get() is False
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == BODY
    assert len(server.requested) == 1


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_is_resumed(
    get: Callable[..., bool], server: DownloadServer, tmp_path: Path, ranges: bool
) -> None:
    """From where it broke off if the server can; else from the beginning. The file appears only when whole."""
    server.cut, server.ranges = 20_000, ranges
    with pytest.raises(InputError, match="resume"):
        get()
    assert not (tmp_path / "file").exists()
    server.cut = None
    assert get() is True
    assert server.requested == [None, "bytes=20000-"]
    assert (tmp_path / "file").read_bytes() == BODY


def test_another_file_is_not_kept(get: Callable[..., bool], tmp_path: Path) -> None:
    """A wrong digest leaves nothing, and an old file as it was."""
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(DownloadError, match="another file"):
        get("0" * 64)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.parametrize(("status", "code"), [(404, 6), (503, 4)])
def test_the_exit_code_depends_on_the_status(
    get: Callable[..., bool], server: DownloadServer, status: int, code: int
) -> None:
    """A refusal for good is exit code 6, one for now is 4."""
    server.status = status
    with pytest.raises(MienError) as caught:
        get()
    assert caught.value.exit_code == code


def test_no_network_is_one_sentence(tmp_path: Path) -> None:
    """No server listens on that port."""
    with pytest.raises(InputError, match="check the network"):
        download("http://127.0.0.1:9/file", tmp_path / "file", 1, DIGEST, lambda *_: None)


def test_a_download_has_a_timeout() -> None:
    """A silent server delays the command by half a minute at most."""
    assert downloading._TIMEOUT <= 30
