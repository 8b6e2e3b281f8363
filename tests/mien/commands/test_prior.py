"""The option --prior: what it changes, and a file of shares that is read or refused in one sentence."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.commands.prior import parse_prior, read_prior
from mien.errors import ConfigError
from mien.expression import EVEN_PRIOR, LABELS
from tests.conftest import Outcome

Mien = Callable[..., Outcome]

EXAMPLE = "neutral = 5\nhappy = 2\nsad = 1\nsurprise = 0.5\nangry = 0.5\ndisgust = 0.25\nfear = 0.75\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "prior.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refuse(path: Path, *texts: str) -> None:
    """The file is refused in one sentence that contains the texts."""
    with pytest.raises(ConfigError) as refusal:
        read_prior(path)
    message = str(refusal.value)
    assert len(message) < 800
    assert message.isprintable()
    for text in (str(path), *texts):
        assert text in message


def test_any_positive_shares_are_normalised(tmp_path: Path) -> None:
    """Counts are as good as shares: 5 of 10 is half."""
    assert read_prior(write(tmp_path, EXAMPLE)) == pytest.approx((0.5, 0.2, 0.1, 0.05, 0.05, 0.025, 0.075))
    assert read_prior(write(tmp_path, "\ufeff" + EXAMPLE))[0] == pytest.approx(0.5)  # as some editors write files


@given(st.lists(st.floats(0, exclude_min=True, allow_infinity=False), min_size=7, max_size=7))
def test_any_positive_numbers_are_a_prior(tmp_path_factory: pytest.TempPathFactory, weights: list[float]) -> None:
    """The smallest and largest numbers too: the shares are positive, sum to 1, and are in the order of the numbers."""
    text = "".join(f"{label} = {weight!r}\n" for label, weight in zip(LABELS, weights, strict=True))
    prior = read_prior(write(tmp_path_factory.mktemp("any"), text))
    assert math.fsum(prior) == pytest.approx(1)
    assert min(prior) > 0
    assert all(
        p <= q for p, a in zip(prior, weights, strict=True) for q, b in zip(prior, weights, strict=True) if a < b
    )


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_any_text_is_a_prior_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Nothing but ConfigError is raised, with a sentence that no terminal is steered by."""
    path = tmp_path_factory.mktemp("any") / "prior.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    refuse(path)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        pytest.param(EXAMPLE.replace("sad = 1\n", ""), "sad is missing", id="a missing label"),
        pytest.param("", "neutral is missing; happy is missing", id="an empty file"),
        pytest.param(EXAMPLE.replace("sad = 1", "sad = 0"), "sad is not a positive number", id="zero"),
        pytest.param(EXAMPLE.replace("sad = 1", "sad = -0.1"), "sad is not a positive number", id="negative"),
        pytest.param(EXAMPLE.replace("sad = 1", "sad = nan"), "sad is not a positive number", id="not a number"),
        pytest.param(EXAMPLE.replace("sad = 1", "sad = inf"), "sad is not a positive number", id="infinite"),
        pytest.param(EXAMPLE.replace("sad = 1", "sad = true"), "sad is not a positive number", id="true"),
        pytest.param(EXAMPLE.replace("sad = 1", 'sad = "1"'), "sad is not a positive number", id="a text"),
        pytest.param(EXAMPLE.replace("sad = 1", "sad = [1]"), "sad is not a positive number", id="a list"),
        pytest.param(EXAMPLE.replace("sad = 1", f"sad = 1{'0' * 400}"), "sad is not a positive", id="beyond floats"),
        pytest.param(EXAMPLE.replace("sad = 1", f"sad = 1{'0' * 5000}"), "not valid TOML", id="too many digits"),
        pytest.param(EXAMPLE + "joyful = 1\n", "joyful is not an expression", id="an unknown label"),
        pytest.param(EXAMPLE + '"\\u001b[31m" = 1\n', "?[31m is not an expression", id="terminal codes"),
        pytest.param("[prior]\n" + EXAMPLE, "prior is not an expression", id="a section"),
        pytest.param("sad 1", "not valid TOML", id="no TOML"),
        pytest.param("a = " + "[" * 50_000, "not valid TOML", id="deep"),
        pytest.param("#" * (65 << 10), "too large", id="large"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    """In one sentence that has the file and the fault."""
    refuse(write(tmp_path, text), fault)


def test_only_small_files_are_read(tmp_path: Path) -> None:
    """A device, a pipe, a folder, a missing file, a sparse file of a terabyte, bytes that are not text: refused."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(1 << 40)
    for path in (Path("/dev/zero"), *(tmp_path / name for name in ("pipe", "", "missing", "hole", "bytes", "x" * 300))):
        refuse(path)


def test_the_words_are_not_files() -> None:
    """`even` and `data` need no file."""
    assert parse_prior("even") == "even"
    assert parse_prior("data") == "data"


def test_classify_follows_the_prior(mien: Mien, photo: Path, tmp_path: Path) -> None:
    """An even file is the default, and a prior of almost only disgust makes disgust of anything."""

    def probabilities(*arguments: str | Path) -> dict[str, float]:
        outcome = mien("classify", photo, "--json", *arguments)
        assert outcome.code == 0, outcome
        [face] = json.loads(outcome.out)["faces"]
        values: dict[str, float] = face["probabilities"]
        return values

    even = probabilities()
    assert probabilities("--prior", "even") == even
    assert probabilities("--prior", "data") != even
    shares = "".join(f"{label} = {share}\n" for label, share in zip(LABELS, EVEN_PRIOR, strict=True))
    assert probabilities("--prior", write(tmp_path, shares)) == pytest.approx(even, abs=2e-4)
    disgusted = EXAMPLE.replace("disgust = 0.25", "disgust = 1e9")
    assert probabilities("--prior", write(tmp_path, disgusted))["disgust"] > 0.9


def test_recommend_follows_the_prior(mien: Mien, photo: Path, tmp_path: Path) -> None:
    """The songs for a photo are those for its expressions under the prior."""
    disgusted = write(tmp_path, EXAMPLE.replace("disgust = 0.25", "disgust = 1e12"))
    songs = [
        mien("recommend", photo, "--seed", "1", "--json", *prior).out for prior in ((), ("--prior", str(disgusted)))
    ]
    assert all(songs)
    assert songs[0] != songs[1]


@pytest.mark.parametrize("command", ["classify", "recommend"])
def test_a_bad_prior_ends_the_command(mien: Mien, photo: Path, command: str) -> None:
    """Before anything is printed, with exit code 3 and what to give instead."""
    outcome = mien(command, photo, "--prior", "evne")
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err == "mien: There is no file evne: give --prior even, data or a TOML file of shares.\n"


def test_a_prior_is_for_photos(mien: Mien) -> None:
    """An expression that is given needs none."""
    outcome = mien("recommend", "--expression", "sad", "--prior", "data")
    assert (outcome.code, outcome.out) == (2, "")
    assert "--prior is for photos" in outcome.err
