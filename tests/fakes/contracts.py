"""Contracts of model files for tests."""

from __future__ import annotations

from mien.expression import EVEN_PRIOR, LABELS
from mien.vision import model_file
from mien.vision.model_file import Contract

PLAIN = Contract(
    format=model_file.FORMAT,
    labels=LABELS,
    input_side=48,
    crop_margin=0.0,
    class_prior=EVEN_PRIOR,
    temperature=1.0,
    even_temperature=1.0,
    class_means=((0.0,) * 7,) * 7,
    confusion=[[0] * 7 for _ in range(7)],
    recipe="seed",
    data="none",
    split="PublicTest",
    faces=1,
    accuracy=0.5,
    balanced_accuracy=0.5,
    agreement=1.0,
    revision="unknown",
    network_size=1,
    network_sha256="0" * 64,
)
"""A valid contract of no real network."""
