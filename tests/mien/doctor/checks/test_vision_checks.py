"""The verdicts on the model file, the runtime and the detector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from mien.doctor.checks import vision_checks as checks
from mien.doctor.facts import VisionFacts
from mien.doctor.verdict import Verdict
from tests.mien.doctor.checks.verdicts import assert_verdict

FINE = VisionFacts(
    step="done", model="/a/expression.tflite", recipe="mien", runtime="litert 2.1", inference_ms=4.0, yunet="used"
)


@pytest.mark.parametrize("check", [each.function for each in checks.GROUP.checks.values()])
def test_all_is_well(check: Callable[[VisionFacts], Verdict]) -> None:
    """By every check, without a cure."""
    assert check(FINE)[::2] == ("good", "")


@pytest.mark.parametrize(
    ("check", "changes", "state", "sentence", "cure"),
    [
        (checks.check_model, {"model_fault": "It is cut short."}, "bad", "cut short", "pip install"),
        (checks.check_model, {"model_fault": "It is cut short.", "own_model": True}, "bad", "cut", "mien-convert"),
        (checks.check_model, {"step": "model", "end": "did not end in time"}, "bad", "did not end", "pip install"),
        (checks.check_runtime, {"step": "model", "end": "crashed (SIGBUS)"}, "skipped", "model file", ""),
        (checks.check_runtime, {"step": "runtime", "end": "crashed (SIGILL)"}, "bad", "SIGILL", "ai-edge-litert"),
        (
            checks.check_runtime,
            {"step": "runtime", "end": "crashed (SIGSEGV)", "runtime": "tflite-runtime 2.14.0"},
            "bad",
            "tflite-runtime 2.14.0 crashed",
            "tflite-runtime",
        ),
        (checks.check_runtime, {"runtime_fault": "None is installed.", "runtime": ""}, "bad", "None is", "litert"),
        (checks.check_runtime, {"inference_ms": 250.0}, "advice", "250 ms", "eco"),
        (checks.check_detector, {"yunet": "missing"}, "advice", "98 of 100", "mien model fetch-yunet"),
        (checks.check_detector, {"yunet": "damaged"}, "bad", "damaged", "mien model fetch-yunet"),
        (checks.check_detector, {"yunet": "declined"}, "good", "haar", ""),
        (checks.check_detector, {"detector_fault": "There is no /a."}, "bad", "There is no", "fetch-yunet"),
        (checks.check_detector, {"step": "detector", "end": "did not end in time"}, "bad", "did not", "fetch-yunet"),
        (checks.check_learned_faces, {"learned": 2, "outdated": 1}, "advice", "1 of 2 people", "mien learn NAME"),
        (checks.check_learned_faces, {"learned": 2}, "good", "2 can be used", ""),
        (checks.check_learned_faces, {"learned_fault": "/p is bad (x): do y."}, "advice", "/p is bad (x).", "do y"),
        (checks.check_detector, {"step": "runtime", "end": "crashed (SIGILL)"}, "skipped", "runtime", ""),
    ],
)
def test_each_fault_has_its_sentence_and_its_cure(
    check: Callable[[VisionFacts], Verdict], changes: dict[str, Any], state: str, sentence: str, cure: str
) -> None:
    """The detector that is recommended is named with the command that fetches it."""
    verdict = check(msgspec.structs.replace(FINE, **changes))
    assert_verdict(verdict, state, sentence, cure)
