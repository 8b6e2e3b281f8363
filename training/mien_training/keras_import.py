"""Loads Keras without what its backend has to say about that."""

from __future__ import annotations

from mien.native_stderr import quiet


def wake_keras() -> None:
    """Import Keras and let its backend look for its devices."""
    with quiet():
        import keras

        keras.ops.zeros(1)
