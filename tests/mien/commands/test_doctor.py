"""`mien doctor` as people and programs meet it."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mien.cli import main
from mien.commands import doctor
from mien.doctor import system
from mien.doctor.examination import NAMES
from mien.doctor.verdict import CheckResult
from tests.conftest import Outcome
from tests.fakes.machine import FakeMachine

REAL_SYSTEM = system.System
CANARY = "canaryinthemine0123456789"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration with the demo's camera, a state directory, and a healthy machine without another mien."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setattr(system, "System", lambda: FakeMachine(tmp_path / "root"))
    path = tmp_path / "mien.toml"
    path.write_text('[camera]\nsource = "demo"\n[vision]\ndetector = "haar"\n')
    return path


def test_a_line_for_each_check(config: Path, mien: Callable[..., Outcome]) -> None:
    """With the demo's camera nothing is broken; a pipe gets one line a check, without colours."""
    outcome = mien("doctor", "--config", config)
    assert outcome.code == 0, outcome.out
    *lines, empty, total = outcome.out.splitlines()
    assert all(line.split()[0] in ("good", "advice", "skipped") for line in lines)
    assert empty == ""
    assert total.endswith("Nothing is broken.")
    for name in ("camera", "frames", "exposure", "face", "light", "model", "runtime", "libraries"):
        assert any(line.startswith(f"good     {name} ") for line in lines), outcome.out
    assert "\033" not in outcome.out
    assert outcome.err == ""


def test_json_names_every_check(config: Path, mien: Callable[..., Outcome]) -> None:
    """One object; code 8 where something is bad, and its cure."""
    config.write_text('[camera]\nsource = "/dev/video98"\n')
    outcome = mien("doctor", "--json", "--config", config)
    assert outcome.code == doctor.EXIT_BAD
    payload = json.loads(outcome.out)
    assert payload.keys() == {"mien", "at", "checks"}
    assert [check["name"] for check in payload["checks"]] == list(NAMES)
    [broken] = [check for check in payload["checks"] if check["state"] == "bad"]
    assert broken["name"] == "camera"
    assert "plug the camera in" in broken["cure"]
    [recommended] = [check for check in payload["checks"] if check["name"] == "detector"]
    assert (recommended["state"], recommended["cure"]) == ("advice", "mien model fetch-yunet")


def test_no_secret_appears_anywhere(config: Path, tmp_path: Path, mien: Callable[..., Outcome]) -> None:
    """Not in the text, the JSON, the bundle nor the arguments of what is started, wherever it was put."""
    (tmp_path / "password").write_text(CANARY)
    (tmp_path / "state").mkdir()
    token = dict.fromkeys(("client_id", "access_token", "refresh_token", "scope"), CANARY)
    (tmp_path / "state" / "spotify-token.json").write_text(json.dumps(token | {"expires_at": 0, "consented_at": 0}))
    common = '[camera]\nsource = "demo"\n[vision]\ndetector = "haar"\n'
    broker = f'[mqtt]\nhost = "127.0.0.1"\nport = 1\nusername = "a"\npassword_file = "{tmp_path}/password"\n'
    for number, text in enumerate(
        (
            f'{common}{broker}[spotify]\nclient_id = "{CANARY}"\n',
            f"{common}{broker.replace(f'{tmp_path}/password', CANARY)}",
            f'{common}[mqtt]\nhost = "x"\npassword = "{CANARY}"\n',
            f'{common}on_fault = "{CANARY}"\npassword = "{CANARY}"\n[[[',
        )
    ):
        config.write_text(text)
        report = tmp_path / f"report{number}.zip"
        outcome = mien("doctor", "--config", config, "--report", report)
        assert CANARY not in outcome.out + outcome.err
        assert "is written" in outcome.err
        with zipfile.ZipFile(report) as archive:
            texts = {name: archive.read(name).decode() for name in archive.namelist()}
        assert CANARY not in "".join(texts.values())
        assert json.loads(texts["doctor.json"])["checks"]


def test_an_existing_report_is_refused_before_anything_is_checked(
    config: Path, tmp_path: Path, mien: Callable[..., Outcome]
) -> None:
    """With one sentence and code 2."""
    (tmp_path / "report.zip").write_text("precious")
    began = time.monotonic()
    outcome = mien("doctor", "--config", config, "--report", tmp_path / "report.zip")
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert time.monotonic() - began < 2
    assert (tmp_path / "report.zip").read_text() == "precious"


def test_the_report_goes_to_stdout_where_the_shell_writes_it(
    config: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """As for an installed mien, whose user may not write the caller's folders; the lines go to stderr then."""
    stdout = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", stdout)
    assert main(["doctor", "--config", str(config), "--report", "-"]) == 0
    with zipfile.ZipFile(stdout.buffer) as archive:
        assert "doctor.json" in archive.namelist()
    assert b"good     camera" in capfdbinary.readouterr().err
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert main(["doctor", "--config", str(config), "--report", "-"]) == 2
    assert b"not for a terminal" in capfdbinary.readouterr().err


def test_it_ends_whatever_hangs(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mien: Callable[..., Outcome]
) -> None:
    """A camera's library, the network's runtime and a broker that never reply: 20 seconds, and each is named."""
    monkeypatch.setattr(system, "System", lambda: RealPrograms(tmp_path / "root"))
    (tmp_path / "lib" / "ai_edge_litert").mkdir(parents=True)
    hang = "import time; time.sleep(120)\n"
    (tmp_path / "lib" / "picamera2.py").write_text(hang)
    (tmp_path / "lib" / "ai_edge_litert" / "__init__.py").write_text("")
    (tmp_path / "lib" / "ai_edge_litert" / "interpreter.py").write_text(hang)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"), prepend=":")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config.write_text(f'[mqtt]\nhost = "127.0.0.1"\nport = {silent.getsockname()[1]}\n')
        began = time.monotonic()
        outcome = mien("doctor", "--json", "--config", config)
        assert time.monotonic() - began < 25
    assert outcome.code == doctor.EXIT_BAD
    states = {check["name"]: check["state"] for check in json.loads(outcome.out)["checks"]}
    assert [name for name, state in states.items() if state == "bad"] == ["runtime", "camera", "broker"]


class RealPrograms(FakeMachine):
    """A machine that starts this Python with the real deadlines."""

    def _run_child(self, command: tuple[str, ...], timeout: float, stdin: bytes) -> system.Completed | None:
        return REAL_SYSTEM.run(self, *command, timeout=timeout, stdin=stdin)


def test_the_doctor_needs_no_library_that_it_checks() -> None:
    """It works where NumPy or OpenCV is broken."""
    modules = "mien.commands.doctor, mien.doctor.examination, mien.doctor.bundle, mien.doctor.masking"
    code = f"import sys, {modules}; print(sorted({{'numpy', 'cv2'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


class Terminal(io.StringIO):
    """A terminal that collects what is printed."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


RESULTS = [
    CheckResult(
        "camera", "bad", "A sentence " * 20, "sudo a-command --with options that-is-to-be copied as a whole " * 2
    ),
    CheckResult("frames", "skipped", "Not checked."),
    CheckResult("view", "skipped", "Not checked."),
    CheckResult("face", "good", "\N{GREEK SMALL LETTER ALPHA} face."),
]


def test_a_terminal_gets_colours_and_wrapped_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cure stands on one line, to be copied; NO_COLOR leaves the colours out."""
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    doctor.print_results(RESULTS, terminal)
    text = terminal.getvalue()
    assert "\033[31mbad" in text
    assert f"-> {RESULTS[0].cure}\n" in text
    assert max(len(line) for line in text.splitlines() if "->" not in line and "\033" not in line) <= 60
    assert "The same holds for view." in " ".join(text.split())
    assert "1 good, 1 bad, 2 skipped. To be repaired: camera." in text
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    doctor.print_results(RESULTS, plain)
    assert "\033" not in plain.getvalue()


def test_any_encoding_will_do() -> None:
    """A Latin-1 terminal gets a question mark for what it lacks."""
    file = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    doctor.print_results(RESULTS, file)
    file.seek(0)
    assert "? face." in file.read()


def test_a_sentence_cannot_steer_the_terminal() -> None:
    """Whatever a broker or a driver has written into it."""
    result = doctor.masked(CheckResult("a", "bad", "x\033[2Jy\n", "z\r"), lambda text: text.replace("y", "*"))
    assert (result.sentence, result.cure) == ("x?[2J*?", "z?")
