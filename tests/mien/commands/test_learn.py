"""`mien learn`: from photos and from the camera, what is stored, and every wrong use as one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien.expression import LABELS, Expression
from mien.service.people_store import PeopleStore
from tests.conftest import Outcome, scene

Mien = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory of the test's own."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    return tmp_path / "state"


def demo_photo(expression: Expression, seed: int) -> NDArray[np.uint8]:
    """Return the demo's face a little brighter or darker, with a sensor's noise."""
    rng = np.random.default_rng([expression, seed])
    face = scene(expression)[90:400, 170:480]
    noisy = face * rng.uniform(0.9, 1.1) + rng.normal(0, 4, face.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos of the demo's face for each expression, under names that data sets use."""
    folder = tmp_path_factory.mktemp("photos")
    names = {"happy": "Happiness", "sad": "sadness", "angry": "ANGER"}
    for expression in Expression:
        place = folder / names.get(expression.label, expression.label)
        place.mkdir()
        for seed in range(2):
            cv2.imwrite(str(place / f"{seed}.png"), demo_photo(expression, seed))
    return folder


def test_learning_from_photos(mien: Mien, photos: Path, state: Path) -> None:
    """The demo's face is learned; no expression is then classified right less often, and more of the seven are."""
    files = [next(folder.glob("0.png")) for folder in sorted(photos.iterdir())]
    truth = [Expression.from_name(file.parent.name) for file in files]

    def right() -> list[bool]:
        faces = [json.loads(line)["faces"][0] for line in mien("classify", "--json", *files).out.splitlines()]
        return [
            face["expression"] == wanted.label for face, wanted in zip(faces, truth, strict=True) if wanted is not None
        ]

    before = right()
    outcome = mien("learn", "Ann", "--from", photos)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith(f"Learned Ann: {', '.join(LABELS)}. Of readings that were held out ")
    stored = json.loads((state / "people.json").read_text())["people"]["Ann"]
    assert set(stored["expressions"]) == set(LABELS)
    after = right()
    assert len(after) == 7
    assert all(later >= earlier for earlier, later in zip(before, after, strict=True))
    assert sum(after) > sum(before) or all(before)


def test_show_and_forget(mien: Mien, photos: Path, state: Path) -> None:
    """Numbers, counts and dates are listed, one person or all are removed."""
    assert mien("learn", "show").out == "Nothing was learned yet: run mien learn.\n"
    assert mien("learn", "--from", photos).code == 0
    store = PeopleStore(state)
    store.put("Zoë B.", store.read()["me"])
    table = mien("learn", "show").out
    assert table.startswith("me, strength ")
    assert "Zoë B., strength" in table
    assert all(len(line) <= 80 for line in table.splitlines())
    assert sum(line.startswith("surprise ") for line in table.splitlines()) == 2
    shown = json.loads(mien("learn", "show", "--json").out)
    assert shown["people"]["me"]["current"]
    assert shown["people"]["me"]["expressions"]["neutral"]["count"] == 2
    assert len(shown["people"]["me"]["expressions"]["neutral"]["mean"]) == 7
    assert mien("learn", "forget", "me").out == "What was learned of me is removed.\n"
    assert "me, strength" not in mien("learn", "show").out
    assert mien("learn", "forget", "me").out.startswith("Nothing was learned of me")
    assert mien("learn", "forget").out == "What was learned of faces is removed.\n"
    assert mien("learn", "forget").out.startswith("Nothing was learned")


def test_folders_that_cannot_be_used(mien: Mien, tmp_path: Path, photo: Path, empty_photo: Path) -> None:
    """No folder, none for neutral, and no face: one sentence each, with the documented code."""
    outcome = mien("learn", "--from", tmp_path / "nowhere")
    assert (outcome.code, outcome.err.count("\n")) == (4, 1)
    assert "no folder" in outcome.err
    assert mien("learn", "--from", photo).code == 4
    folder = tmp_path / "folder"
    (folder / "happy").mkdir(parents=True)
    (folder / "happy" / "face.png").write_bytes(photo.read_bytes())
    outcome = mien("learn", "--from", folder)
    assert outcome.code == 7
    assert "neutral" in outcome.err.splitlines()[-1]
    (folder / "neutral").mkdir()
    assert mien("learn", "--from", folder).code == 7
    (folder / "neutral" / "wall.png").write_bytes(empty_photo.read_bytes())
    outcome = mien("learn", "--from", folder)
    assert outcome.code == 7
    assert outcome.err.splitlines()[-1].startswith("mien: No photo in ")


def test_what_does_not_fit_is_left_out(mien: Mien, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A folder of another name, a damaged photo and a hidden folder cost themselves only."""
    folder = tmp_path / "folder"
    for name in ("neutral", "bored", ".cache"):
        (folder / name).mkdir(parents=True)
    for seed in range(3):
        cv2.imwrite(str(folder / "neutral" / f"{seed}.png"), demo_photo(Expression.NEUTRAL, seed))
    damaged = (folder / "neutral" / "0.png").read_bytes()[:2000]
    (folder / "neutral" / "damaged.png").write_bytes(damaged)
    outcome = mien("learn", "--from", folder)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("Learned me: neutral. ")
    assert "bored" in caplog.text
    assert "damaged.png" in caplog.text
    assert ".cache" not in caplog.text


def test_a_damaged_file_is_reported_before_anybody_poses(mien: Mien, photos: Path, state: Path) -> None:
    """One sentence and code 7 for learn and show; classifying goes on without, and forget removes it."""
    state.mkdir(mode=0o700)
    (state / "people.json").write_text('{"format": 1, "people": {"\\u001b[2J": 3}}')
    for arguments in (
        ["learn", "--from", photos],
        ["learn", "--camera", "demo"],
        ["learn", "show"],
        ["learn", "forget", "me"],
    ):
        outcome = mien(*arguments)
        assert (outcome.code, outcome.out, outcome.err.count("\n")) == (7, "", 1), arguments
        assert "run 'mien learn forget'" in outcome.err
        assert "\x1b" not in outcome.err
    assert mien("classify", photos / "Happiness").code == 0
    assert mien("learn", "forget").code == 0
    assert mien("learn", "show").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["a", "b"],
        ["show", "a", "b"],
        ["show", "Ann"],
        ["forget", "a", "b"],
        [""],
        [" Ann"],
        ["x" * 41],
        ["An\x1bn"],
        ["forget", "An\nn"],
        ["show", "--camera", "demo"],
        ["forget", "--from", "folder"],
        ["--json"],
        ["--camera", "demo", "--from", "folder"],
        ["--camera", " "],
    ],
    ids=repr,
)
def test_wrong_usage(mien: Mien, arguments: list[str]) -> None:
    """One sentence, exit code 2."""
    outcome = mien("learn", *arguments)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)


def test_a_camera_that_is_not_there(mien: Mien) -> None:
    """Code 4, as for mien run."""
    outcome = mien("learn", "--camera", "/dev/video99")
    assert outcome.code == 4
    assert outcome.err.count("\n") == 1
