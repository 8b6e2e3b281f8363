"""Importing Keras and its companions: without their start-up messages, and with one sentence where they are missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

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


def import_keras_quietly() -> None:
    """Import Keras and let its backend search for devices, without messages on stderr.

    Raises MissingExtraError where Keras or its backend is not installed.
    """
    with missing_extras_explained(), suppress_native_stderr():
        import keras

        keras.ops.zeros(1)
