"""Balanced recall and its bootstrap interval, checked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.expression import Expression
from mien_training.evaluation.balanced_recall import DRAWS, balanced_recall, format_recall

DISGUST, HAPPY, NEUTRAL = Expression.DISGUST, Expression.HAPPY, Expression.NEUTRAL


def test_expressions_count_alike() -> None:
    """One of two neutral faces and eight of eight happy ones make 0.75; faces of disgust are not falsely called so."""
    labels = np.array([NEUTRAL] * 2 + [HAPPY] * 8)
    predicted = np.array([NEUTRAL, DISGUST] + [HAPPY] * 8)
    figures = balanced_recall(predicted, labels)
    assert figures["balanced_recall"] == 0.75
    assert figures["recall"] == {"neutral": 0.5, "happy": 1.0}
    assert figures["counts"] == {"neutral": 2, "happy": 8}
    assert figures["false_disgust"] == 0.1
    assert balanced_recall(np.full(3, DISGUST), np.full(3, DISGUST))["false_disgust"] == 0.0


def test_the_interval_is_that_of_a_binomial() -> None:
    """With 400 faces and a recall of 0.8 it is 1.96 standard errors (0.02) each way, and the same each time."""
    labels = np.full(400, HAPPY)
    predicted = np.where(np.arange(400) < 320, HAPPY, NEUTRAL)
    figures = balanced_recall(predicted, labels)
    assert figures["interval"] == pytest.approx([0.76, 0.84], abs=0.006)
    assert balanced_recall(predicted, labels) == figures
    assert str(DRAWS) in format_recall(figures)


def test_people_are_drawn_as_a_whole() -> None:
    """Four people whose faces are all right or all wrong: forty faces each are no more than one."""
    people = np.repeat(["a", "b", "c", "d"], 40)
    labels = np.full(160, HAPPY)
    predicted = np.where(people == "a", NEUTRAL, HAPPY)
    by_face, by_person = balanced_recall(predicted, labels), balanced_recall(predicted, labels, people)
    assert by_person["balanced_recall"] == by_face["balanced_recall"] == 0.75
    assert by_face["interval"][1] - by_face["interval"][0] < 0.15
    assert by_person["interval"][0] <= 0.25


@given(
    st.lists(st.tuples(st.sampled_from(Expression), st.sampled_from(Expression), st.sampled_from("abc")), min_size=1)
)
def test_any_faces_have_figures(faces: list[tuple[Expression, Expression, str]]) -> None:
    """All are shares, and the interval is one, with people or without."""
    predicted, labels = (np.array([face[i] for face in faces], np.int64) for i in (0, 1))
    for people in (None, np.array([face[2] for face in faces])):
        figures = balanced_recall(predicted, labels, people)
        low, high = figures["interval"]
        assert 0 <= low <= high <= 1
        assert all(0 <= share <= 1 for share in [figures["false_disgust"], *figures["recall"].values()])
        assert figures["balanced_recall"] == pytest.approx(np.mean(list(figures["recall"].values())), abs=1e-3)
