"""The values that flow from the camera to the outputs. This module imports nothing heavy and no stage."""

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
    """The square bounding box of a face, in pixels of the frame; x, y: its corner, x to the right and y down."""

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
    """The network's classification of one face at one instant.

    probabilities: one for each Expression in its order, each 0 to 1, summing to 1. In the pipeline they are those under
    an even prior: the normalised likelihoods of the expressions.
    at: seconds, the frame's.
    weight: how far to trust it, 0 (not at all: a face is in view, but too poor a picture to classify) to 1.
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
    """A stable mood: what outputs act on.

    expression: None while no face is in view.
    confidence: 0 to 1. probabilities: as in Reading; empty while no face is in view.
    at: seconds; when this mood began to hold, on the clock of the readings.
    """

    expression: Expression | None
    confidence: float
    probabilities: tuple[float, ...]
    at: float

    @property
    def valence(self) -> float:
        """Expected pleasantness under the probabilities, -1 to 1; 0 while no face is in view."""
        return expected_affect(self.probabilities)[0]

    @property
    def arousal(self) -> float:
        """Expected excitement under the probabilities, -1 to 1; 0 while no face is in view."""
        return expected_affect(self.probabilities)[1]


CameraState = Literal["open", "fault", "paused", "ended"]


@dataclass(frozen=True, slots=True)
class CameraEvent:
    """A change of the camera's state, after which there is no mood until the next Mood.

    state: "open" with its first frame and after a fault, "fault" when it fails, "paused" when detection was turned off
    and the camera is closed, "ended" when a replay is over or the daemon stops.
    detail: a sentence for a person on the fault and what to do, or at the end on readings of low quality; may be empty.
    at: seconds.
    """

    state: CameraState
    detail: str
    at: float


Event = Mood | CameraEvent
"""What the pipeline yields and outputs handle."""


def most_probable(probabilities: tuple[float, ...]) -> Expression:
    """Return the expression with the largest probability; the first of equals."""
    return Expression(max(range(len(probabilities)), key=probabilities.__getitem__))


def one_hot(expression: Expression) -> tuple[float, ...]:
    """Return the probabilities of an expression that is given, not recognized: 1 for it, 0 for the others."""
    return tuple(float(other == expression) for other in Expression)


def expected_affect(probabilities: tuple[float, ...]) -> tuple[float, float]:
    """Return the mean (valence, arousal) on the circumplex under the probabilities, each -1 to 1."""
    pairs = list(zip(Expression, probabilities, strict=False))
    return sum(e.valence * p for e, p in pairs), sum(e.arousal * p for e, p in pairs)


def probabilities_by_label(probabilities: tuple[float, ...]) -> dict[str, float]:
    """Return the probabilities by label, rounded to four digits, for JSON."""
    return {label: round(p, 4) for label, p in zip(LABELS, probabilities, strict=False)}
