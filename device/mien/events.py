"""The small values that flow from the camera to the outputs. They import nothing heavy and nothing of the stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mien.expression import LABELS, Expression

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture from a camera.

    gray: uint8, shape (height, width); a view into the camera's buffer, valid until the next frame is taken.
    at: seconds on the camera's steady clock.
    """

    gray: NDArray[np.uint8]
    at: float


@dataclass(frozen=True, slots=True)
class Face:
    """Where a face is: the square box of a face detector, in pixels of the frame, x to the right and y down."""

    x: int
    y: int
    width: int
    height: int

    @property
    def area(self) -> int:
        """Square pixels."""
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class Reading:
    """What the network says of one face at one instant.

    probabilities: one for each Expression in its order, each 0 to 1, summing to 1.
    at: seconds, the frame's.
    weight: how far to trust it, 0 (not at all: a face is there, but cannot be read) to 1.
    """

    probabilities: tuple[float, ...]
    at: float
    weight: float = 1.0

    @property
    def expression(self) -> Expression:
        """The most probable expression."""
        return most_probable(self.probabilities)

    @property
    def confidence(self) -> float:
        """The probability of that expression."""
        return max(self.probabilities)


@dataclass(frozen=True, slots=True)
class Mood:
    """A steady mood: what outputs act on.

    expression: None while nobody is there.
    confidence: 0 to 1. probabilities: as in Reading; empty while nobody is there.
    at: seconds; when this mood began to hold, on the clock of the readings.
    """

    expression: Expression | None
    confidence: float
    probabilities: tuple[float, ...]
    at: float

    @property
    def valence(self) -> float:
        """Expected pleasantness under the probabilities, -1 to 1; 0 while nobody is there."""
        return expected_place(self.probabilities)[0]

    @property
    def arousal(self) -> float:
        """Expected excitement under the probabilities, -1 to 1; 0 while nobody is there."""
        return expected_place(self.probabilities)[1]


CameraState = Literal["open", "fault", "paused", "ended"]


@dataclass(frozen=True, slots=True)
class CameraEvent:
    """A change of the camera, after which no mood holds until the next Mood comes.

    state: "open" with its first frame and after a fault, "fault" when it fails, "paused" when detection was turned off
    and the camera is closed, "ended" when a replay is over or the daemon stops.
    detail: what happened and what to do, for a person, at the end how many readings were doubtful and why; empty where
    there is nothing to say. at: seconds.
    """

    state: CameraState
    detail: str
    at: float


Event = Mood | CameraEvent
"""What outputs are told."""


def most_probable(probabilities: tuple[float, ...]) -> Expression:
    """The expression with the largest probability; the first of equals."""
    return Expression(max(range(len(probabilities)), key=probabilities.__getitem__))


def certain(expression: Expression) -> tuple[float, ...]:
    """The probabilities of an expression that was named, not seen: 1 for it, 0 for the others."""
    return tuple(float(each == expression) for each in Expression)


def expected_place(probabilities: tuple[float, ...]) -> tuple[float, float]:
    """The mean (valence, arousal) on the circumplex under the probabilities."""
    pairs = list(zip(Expression, probabilities, strict=False))
    return sum(e.valence * p for e, p in pairs), sum(e.arousal * p for e, p in pairs)


def by_label(probabilities: tuple[float, ...]) -> dict[str, float]:
    """Probabilities as a mapping from label, rounded to four digits, for JSON."""
    return {label: round(p, 4) for label, p in zip(LABELS, probabilities, strict=False)}
