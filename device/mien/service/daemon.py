"""The composition root: joins the stages, starts them in order, runs them, and stops them in reverse.

camera -> detector -> classifier -> mood -> outputs
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Literal

from mien.clock import Clock
from mien.config import Config
from mien.controls import Controls
from mien.mood import MoodTracker
from mien.service.learning import HouseholdLearner
from mien.service.notify import Notifier
from mien.service.output import Output
from mien.service.people import load_household, open_store
from mien.service.pipeline import Pipeline
from mien.service.signals import stop_signals
from mien.vision.camera.base import Camera
from mien.vision.camera.loop import open_looping
from mien.vision.camera.open import open_camera
from mien.vision.camera.orientation import open_oriented
from mien.vision.classifier import Classifier
from mien.vision.recognizer import ExpressionRecognizer

if TYPE_CHECKING:
    from mien.service.music_controller import MusicController


def run(config: Config, outputs: Sequence[Output], max_frames: int | None = None) -> None:
    """Run until the camera ends, `max_frames` were processed, a client restarts mien, or SIGTERM or SIGINT comes.

    outputs: beside those that are configured. Raises ConfigError, ModelError or InputError when a stage cannot start,
    or when the camera fails and is not tried again, after the outputs have handled that fault.
    """
    controls = Controls(config.vision, config.mood)
    with ExitStack() as stack:
        configured = stack.enter_context(open_outputs(config, controls))
        how = run_pipeline(
            config, [*outputs, *configured], controls, max_frames, faults_published=bool(config.mqtt.host)
        )
    if how == "restart":
        sys.stdout.flush()
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606  # this process's own command line, unchanged


@contextmanager
def open_outputs(config: Config, controls: Controls) -> Iterator[list[Output]]:
    """Open the outputs of a configuration, music and MQTT, and close them in reverse. Raises ConfigError."""
    outputs: list[Output] = []
    with ExitStack() as stack:
        music = None
        if config.music.enabled:
            music = stack.enter_context(_open_music(config))
            outputs.append(music)
        if config.mqtt.host:
            from mien.service.mqtt_output import open_mqtt_output  # paho is loaded only where a broker is configured

            outputs.append(stack.enter_context(open_mqtt_output(config.mqtt, controls, music)))
        yield outputs


@contextmanager
def _open_music(config: Config) -> Iterator[MusicController]:
    from mien.service.music_controller import MusicController  # as is spotipy, where music is enabled
    from mien.service.music_output import open_music_output

    with open_music_output(config.music, config.spotify) as music:
        yield MusicController(music, on=True, intent=config.music.intent)


def run_pipeline(
    config: Config,
    outputs: Sequence[Output],
    controls: Controls,
    max_frames: int | None = None,
    *,
    faults_published: bool = False,
) -> Literal["stop", "restart"]:
    """Join camera, detector, classifier and mood tracker, and hand each event to every output.

    faults_published: some output publishes a camera's fault, so that with `on_fault` "auto" the camera is tried again.
    Returns whether the process is to end or to start again. Raises ModelError and InputError as `run`.
    """
    notifier = Notifier(healthy=lambda: all(output.alive() for output in outputs))
    recognizer = ExpressionRecognizer.open(config.vision, config.model)
    tracker = MoodTracker(config.mood)
    learner = _apply_household(recognizer.classifier, controls)
    camera: Callable[[], Camera] = partial(open_camera, config.camera)
    if config.camera.loop:
        camera = partial(open_looping, camera)
    camera = partial(open_oriented, camera, config.camera.rotation, mirror=config.camera.mirror)
    retry = config.camera.on_fault == "retry" or (config.camera.on_fault == "auto" and faults_published)
    pipeline = Pipeline(
        recognizer,
        tracker,
        controls,
        camera,
        retry=retry,
        max_fps=config.camera.max_fps,
        notifier=notifier,
        learner=learner,
    )
    with stop_signals(controls.stop):
        for event in pipeline.events(max_frames):
            for output in outputs:
                output.handle(event)
        notifier.stopping()
    return controls.stopping or "stop"


def _apply_household(classifier: Classifier, controls: Controls) -> HouseholdLearner | None:
    """Let the classifier use what was learned of faces, and return what learns more; None without a state directory."""
    store = open_store()
    if store is None:
        return None
    classifier.calibration = load_household(classifier.contract, store)
    return HouseholdLearner(classifier, store, controls, Clock())
