"""What every check of the doctor promises of its verdict."""

from __future__ import annotations

from mien.doctor.verdict import Verdict


def assert_verdict(verdict: Verdict, state: str, sentence: str, cure: str) -> None:
    """Assert its state, parts of its sentence and of its cure, and that it has a cure where one is due."""
    assert verdict.state == state
    assert sentence in verdict.sentence
    assert cure in verdict.cure
    assert bool(verdict.cure) == (state in ("advice", "bad"))
