"""Loads Keras without what its backend has to say about that."""

from __future__ import annotations

from mien.vision.native_stderr import suppress_native_stderr


def import_keras_quietly() -> None:
    """Import Keras and let its backend look for its devices."""
    with suppress_native_stderr():
        import keras

        keras.ops.zeros(1)
