"""Tables of folder names and labels, and the proposal of one."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.errors import InputError, MienError
from mien.expression import LABELS, Expression
from mien_training.data.label_mapping import (
    LabelMapping,
    expression_of,
    format_proposal,
    is_skipped,
    read_label_mapping,
)

AFFECTNET = ["neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "skip"]
FER2013 = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
RAF_DB = ["surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"]


def write(tmp_path: Path, text: str, name: str = "labels.toml") -> Path:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


def proposed(names: list[str]) -> dict[str, str]:
    """Return the mapping that the sentence proposes, by reading it as TOML lines."""
    return dict(re.findall(r'"([^"]+)" = "([^"]+)"', format_proposal(Path("data"), names)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.toml", '"0_angry" = "Anger"\nlol = "happy"\ncontempt = "skip"\n'),
        ("labels.toml", '\ufeff"0_angry" = "angry"\nlol = "joy"\ncontempt = "skip"\n'),
        ("labels.csv", "0_angry,angry\nlol,happy\ncontempt,skip\n"),
        ("labels.csv", "\ufefffolder,label\r\n0_angry,angry\r\n\r\nLOL, happy\r\ncontempt,Skip\r\n"),
    ],
)
def test_both_kinds_of_tables_are_read(tmp_path: Path, name: str, text: str) -> None:
    """TOML or two columns, synonyms too; names in any case; other names of expressions stay what they are."""
    mapping = read_label_mapping(write(tmp_path, text, name))
    assert expression_of("0_Angry", mapping) == Expression.ANGRY
    assert expression_of("lol", mapping) == Expression.HAPPY
    assert expression_of("sad", mapping) == Expression.SAD
    assert expression_of("contempt", mapping) is None
    assert [is_skipped(folder, mapping) for folder in ("contempt", "lol", "bored")] == [True, False, False]


def test_the_mapping_comes_before_a_name(tmp_path: Path) -> None:
    """A folder with the name of an expression may hold another, or be skipped."""
    mapping = read_label_mapping(write(tmp_path, 'disgust = "skip"\nfear = "surprise"\n'))
    assert is_skipped("disgust", mapping)
    assert expression_of("fear", mapping) == Expression.SURPRISE


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("a.toml", '"x" = "bored"', "'bored' is not an expression"),
        ("a.toml", '"x" = 3', "no label in quotes"),
        ("a.toml", "x: angry", "is not TOML"),
        ("a.toml", "", "is empty"),
        ("a.csv", "x,angry\ny,bored\n", "line 2: 'bored'"),
        ("a.csv", "x,angry,1\n", "line 1: 3 fields"),
        ("a.csv", "x,angry\nX,sad\n", "two labels"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, name: str, text: str, fault: str) -> None:
    """One sentence with the file and the fault."""
    with pytest.raises(InputError, match=fault) as caught:
        read_label_mapping(write(tmp_path, text, name))
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    """One sentence, not a traceback, for either kind."""
    for name in ("no.toml", "no.csv"):
        with pytest.raises(InputError, match=r"no\.\w+ cannot be read: No such file"):
            read_label_mapping(tmp_path / name)


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (list("01234567"), AFFECTNET),
        (list("0123456"), FER2013),
        (list("1234567"), RAF_DB),
        (
            ["0_angry", "3-happy", "suprise", "contempt", "Neutral_faces"],
            ["angry", "happy", "surprise", "skip", "neutral"],
        ),
    ],
)
def test_the_mapping_to_write_is_proposed(names: list[str], labels: list[str]) -> None:
    """Numbers by the data set that has them, other names by what they contain or resemble, the rest to be skipped."""
    assert proposed(names) == dict(zip(names, labels, strict=True))


def test_the_proposal_is_a_table_that_can_be_read(tmp_path: Path) -> None:
    """Its lines, each on its own, are what --labels takes."""
    names = ["0_angry", "suprise", "contempt"]
    text = "\n".join(f'"{name}" = "{label}"' for name, label in proposed(names).items())
    mapping = read_label_mapping(write(tmp_path, text))
    assert [expression_of(name, mapping) for name in names] == [Expression.ANGRY, Expression.SURPRISE, None]


@given(st.lists(st.text(min_size=1), min_size=1, unique=True))
def test_any_names_give_one_line(names: list[str]) -> None:
    """Whatever folders are called, the sentence is one printable line."""
    sentence = format_proposal(Path("data"), names)
    assert sentence.isprintable()
    assert "--labels" in sentence


@given(st.binary(max_size=200), st.sampled_from(["labels.toml", "labels.csv"]))
def test_any_bytes_are_a_mapping_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str
) -> None:
    """Any content yields a mapping to expressions or one of mien's errors."""
    path = tmp_path_factory.mktemp("mapping") / name
    path.write_bytes(content)
    mapping: LabelMapping = {}
    with contextlib.suppress(MienError):
        mapping = read_label_mapping(path)
    assert all(label is None or label.label in LABELS for label in mapping.values())
