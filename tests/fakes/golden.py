"""Golden vectors: the shipped network's outputs for drawn pictures, with which every runtime is compared.

    python -m tests.fakes.golden        writes tests/fakes/golden.json; needed when the shipped network is replaced

The pictures come from a hash function with a fixed seed, not from any data set, and are the same on every machine.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.vision.classifier import DEFAULT_MODEL, Classifier
from mien.vision.crop import INPUT_SIDE

FILE = Path(__file__).with_name("golden.json")
COUNT = 256

_SEED = b"mien golden vectors 1"
_GRIDS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 48)  # squares a side, from flat areas to noise


def pictures() -> NDArray[np.uint8]:
    """Return chequers of several sizes, contrasts and brightnesses, uint8 (256, 48, 48, 1); drawn in integers."""
    random = np.frombuffer(hashlib.shake_128(_SEED).digest(COUNT * (INPUT_SIDE**2 + 2)), np.uint8)
    drawn = []
    for index, row in enumerate(random.reshape(COUNT, -1).astype(np.int64)):
        side = _GRIDS[index % len(_GRIDS)]
        grid = row[: side * side].reshape(side, side)
        contrast, brightness = row[-2], row[-1] - 128
        grey = (grid - 128) * (64 + contrast) // 128 + 128 + brightness
        drawn.append(np.kron(np.clip(grey, 0, 255), np.ones((INPUT_SIDE // side,) * 2, np.int64)))
    return np.stack(drawn).astype(np.uint8)[..., np.newaxis]


def vectors() -> dict[str, Any]:
    """Return the digests of the shipped network and the pictures, and its outputs in steps of their scale."""
    classifier = Classifier.load(DEFAULT_MODEL)
    assert classifier.output_step is not None  # the shipped network is int8
    inputs = pictures()
    logits = np.stack([classifier.logits(picture) for picture in inputs])
    return {
        "network_sha256": classifier.contract.network_sha256,
        "pictures_sha256": hashlib.sha256(inputs.tobytes()).hexdigest(),
        "step": classifier.output_step,
        "steps": np.rint(logits / classifier.output_step).astype(int).tolist(),
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors()).replace("], [", "],\n[") + "\n", encoding="utf-8")
    print(f"{FILE.name}: {COUNT} pictures, {FILE.stat().st_size} bytes")
