"""Importing Keras and its companions: without their start-up messages, and with one sentence where they are missing.

Keras reads settings of its own: ~/.keras/keras.json and variables of the environment. Files of other years there set
channels first, float16 or a backend that is gone, and some values end its import with an error. None of them counts
here, except the backend.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from mien.errors import UsageError
from mien.vision.native_stderr import suppress_native_stderr

_INSTALL = {
    "keras": "'mien[training]'",
    "tensorflow": "'mien[training]'",
    "matplotlib": "'mien[training]'",
    "torch": "'mien[training,torch]'",
    "jax": "jax",
}
"""What pip must install for each module that is not among mien's own requirements."""

BACKENDS = ("tensorflow", "jax", "torch")
"""The backends of Keras 3 that can train; the first is the default."""

_READ_AT_IMPORT = (
    "KERAS_HOME",
    "KERAS_BACKEND",
    "KERAS_MAX_EPOCHS",
    "KERAS_MAX_STEPS_PER_EPOCH",
    "KERAS_NNX_ENABLED",
)
"""Variables that Keras reads when it is imported."""


class MissingExtraError(UsageError):
    """A command needs a package that only an extra of mien installs."""

    def __init__(self, module: str) -> None:
        super().__init__(f"this command needs {module}, which is not installed: pip install {_INSTALL[module]}.")


def check_installed(*modules: str) -> None:
    """Raise MissingExtraError for the first of the modules that is not installed; none of them is loaded."""
    for module in modules:
        if find_spec(module) is None:
            raise MissingExtraError(module)


@contextmanager
def missing_extras_explained() -> Iterator[None]:
    """Raise MissingExtraError in place of the ModuleNotFoundError of a module that an extra installs."""
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in _INSTALL:
            raise
        raise MissingExtraError(module) from None


def import_keras_quietly(backend: str | None = None) -> None:
    """Import Keras and let its backend search for devices, without messages on stderr.

    The data format is channels last and the precision float32, whatever Keras's own settings are.
    backend: None: $KERAS_BACKEND, else the one of Keras's settings if it can be used, else TensorFlow.
    Raises MissingExtraError where Keras or its backend is not installed, UsageError where the backend cannot be used.
    """
    backend = backend or _requested_backend()
    check_installed("keras", backend)
    with missing_extras_explained(), suppress_native_stderr(), _default_settings(backend):
        try:
            import keras

            keras.ops.zeros(1)
        except ModuleNotFoundError:
            raise
        except Exception as error:  # whatever a broken installation raises
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")
            raise UsageError(
                f"Keras cannot be loaded with its backend {backend} ({reason}): install it again."
            ) from None
    # where Keras was imported before, with other settings
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")


def _requested_backend() -> str:
    """Return $KERAS_BACKEND, or what Keras's settings name if that can be used, else "tensorflow"."""
    if variable := os.environ.get("KERAS_BACKEND"):
        if variable not in BACKENDS:
            raise UsageError(f"KERAS_BACKEND is {variable!r}: set it to {', '.join(BACKENDS[:-1])} or {BACKENDS[-1]}.")
        return variable
    try:
        settings = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras.json"
        backend = json.loads(settings.read_text(encoding="utf-8"))["backend"]
    except (OSError, ValueError, TypeError, KeyError, RuntimeError):  # RuntimeError: there is no home
        return BACKENDS[0]
    return backend if backend in BACKENDS and find_spec(backend) is not None else BACKENDS[0]


@contextmanager
def _default_settings(backend: str) -> Iterator[None]:
    """Hide Keras's settings from its import; an empty folder takes the place of ~/.keras, which is not written to."""
    removed = {name: os.environ.pop(name) for name in _READ_AT_IMPORT if name in os.environ}
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(KERAS_HOME=folder, KERAS_BACKEND=backend)
        try:
            yield
        finally:
            for name in _READ_AT_IMPORT:
                os.environ.pop(name, None)
            os.environ.update(removed)
