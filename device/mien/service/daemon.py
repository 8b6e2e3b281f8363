"""The daemon: joins the stages, tells the outputs, stops cleanly."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal, Protocol

from mien.config import Config
from mien.controls import Controls
from mien.events import Event
from mien.mood import MoodTracker
from mien.service.notify import Notifier
from mien.service.pipeline import Pipeline
from mien.service.signals import stop_signals
from mien.vision.camera.open import open_camera
from mien.vision.recognizer import ExpressionRecognizer


class Output(Protocol):
    """Acts on events. Knows nothing of cameras. Who makes it closes it."""

    def handle(self, event: Event) -> None:
        """Take one event, and return soon: the next frame waits."""
        ...

    def alive(self) -> bool:
        """Whether it still does its work: else the watchdog shall bite."""
        ...


def run(
    config: Config,
    outputs: Sequence[Output],
    max_frames: int | None = None,
    controls: Controls | None = None,
    *,
    stay_up: bool = False,
) -> Literal["stop", "restart"]:
    """Watch until the camera ends, `max_frames` were seen, `controls.stop` is called, or SIGTERM or SIGINT comes.

    stay_up: some output tells of a camera's fault, so that with `on_fault` "auto" the camera is tried again.
    Returns whether the caller shall start mien anew. Raises ModelError or InputError when a stage cannot start or the
    camera fails and is not tried again, after telling the outputs.
    """
    controls = controls or Controls(config)
    notifier = Notifier(healthy=lambda: all(output.alive() for output in outputs))
    recognizer = ExpressionRecognizer.open(config.vision, config.model)
    tracker = MoodTracker(config.mood, recognizer.classifier.contract.confusion)
    opener = partial(open_camera, config.camera.source)
    retry = config.camera.on_fault == "retry" or (config.camera.on_fault == "auto" and stay_up)
    watch = Pipeline(recognizer, tracker, controls, opener, retry=retry, notifier=notifier)
    with stop_signals(controls.stop):
        for event in watch.events(max_frames):
            for output in outputs:
                output.handle(event)
        notifier.stopping()
    return controls.stopping or "stop"
