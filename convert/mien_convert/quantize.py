"""From a trained network to a model file: converted, measured, with its contract, checked in every runtime."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from mien.errors import InputError, ModelError, UsageError
from mien.expression import LABELS
from mien.vision import model_file
from mien.vision.crop import INPUT_SIDE
from mien.vision.model_file import Contract, Mode, View
from mien.vision.runtime import installed
from mien_convert import operators, trial
from mien_convert.adapt import Adaptation, Network, adapt
from mien_convert.calibration import sample
from mien_convert.flatbuffer import to_flatbuffer
from mien_convert.source import open_source
from mien_convert.verify import disagreement
from mien_training.data import fer2013
from mien_training.data.fer2013 import Faces, NoFacesError
from mien_training.evaluation.crop_margin import best_margin
from mien_training.evaluation.metrics import fit_temperature, metrics
from mien_training.files import save_atomically

MODES: tuple[Mode, ...] = get_args(Mode)

_SPLIT = "PublicTest"
_CHANCE = 0.3  # an accuracy below this speaks of wrong labels or levels: the most frequent expression alone gives 0.25


def quantize(source: Path, data: Path, out: Path, mode: Mode, how: Adaptation) -> Contract:
    """Write the model file of a network and return its contract; an existing file is replaced only by a whole one.

    Where FER+'s votes judge it, temperature and confusion go by their majority, as its calibration error does.
    """
    if out.is_dir():
        raise InputError(f"{out} is a folder: give --out the name of a file, for example expression.tflite.")
    network = adapt(open_source(source), how)
    wanted = _wanted(network.source.view, how.view)
    print(f"{source}: {network.adapted or 'fits as it is'}; ends in {network.output}", flush=True)
    faces, calibration = _calibration(data)
    flat = to_flatbuffer(network.folded, mode, faces)
    operators.check(flat)

    view, validation = _judged(fer2013.read(data, _SPLIT), wanted)
    print(f"measuring on {len(validation)} faces of {_SPLIT}, view {view}", flush=True)
    before = network.logits(validation.images)
    draft = _draft(network, mode, before, validation, view)
    if mode == "int8":
        draft = msgspec.structs.replace(draft, calibration=calibration)

    def write_and_check(part: Path) -> None:
        part.write_bytes(model_file.pack(flat, draft))
        contract = _measured(part, draft, before, validation)
        part.write_bytes(model_file.pack(flat, contract))
        model_file.read(part)

    save_atomically(out, write_and_check)
    return model_file.read(out)[1]


def _calibration(data: Path) -> tuple[NDArray[np.uint8], model_file.Calibration]:
    try:
        return sample(fer2013.read(data, "Training"))
    except NoFacesError as error:
        raise ModelError(f"There is nothing to calibrate with: {error}") from None


def _wanted(own: View | None, asked: View | None) -> View:
    """The view that a run learned, or that the user says of another network."""
    if own and asked and own != asked:
        raise UsageError(f"The run was trained with view {own}: leave out --view {asked}.")
    return own or asked or "fer2013"


def _judged(faces: Faces, wanted: View) -> tuple[View, Faces]:
    """The view that the data have, and the faces in it."""
    if wanted == "ferplus" and faces.votes is None:
        print("note: there are no FER+ votes beside the data, so it is judged by the data's own labels", flush=True)
        return "fer2013", faces
    return wanted, faces.view(wanted)


def _draft(network: Network, mode: Mode, before: NDArray[np.float32], validation: Faces, view: View) -> Contract:
    """What is known before conversion; what only the finished file can show is filled in by `_measured`."""
    found = metrics(before, validation.labels)
    if found["accuracy"] < _CHANCE:
        print(
            f"note: even before conversion its accuracy is only {found['accuracy']:.4f}; if it was trained with other "
            "labels or grey levels, tell with --labels and --levels",
            flush=True,
        )
    margin = network.source.crop_margin
    if margin is None:
        print("measuring the best crop around a found face", flush=True)
        margin, _ = best_margin(network.logits, validation)
    return Contract(
        format=model_file.FORMAT,
        mode=mode,
        output=network.output,
        labels=LABELS,
        input_side=INPUT_SIDE,
        crop_margin=margin,
        temperature=1.0,
        view=view,
        confusion=found["confusion"],
        recipe=network.source.recipe,
        data=network.source.data,
        split=_SPLIT,
        faces=found["faces"],
        accuracy=found["accuracy"],
        balanced_accuracy=found["balanced_accuracy"],
        agreement=1.0,
        source_accuracy=found["accuracy"],
        adapted=network.adapted,
        revision=revision(),
        network_size=1,
        network_sha256="0" * 64,
    )


def _measured(model: Path, draft: Contract, before: NDArray[np.float32], validation: Faces) -> Contract:
    """The contract with what this very file does on the validation faces; every runtime must do the same."""
    first, *others = installed()
    done = trial.run(model, first, validation.images)
    print(f"{first}: loads, names {len(validation)} faces", flush=True)
    for name in others:
        other = trial.run(model, name, validation.images)
        if reason := disagreement(other, done.logits):
            raise ModelError(f"{name} and {first} differ: {reason}.")
        print(f"{name}: loads, names the same", flush=True)
    found = metrics(done.logits, validation.labels)
    return msgspec.structs.replace(
        draft,
        temperature=fit_temperature(done.logits, validation.labels),
        confusion=found["confusion"],
        accuracy=found["accuracy"],
        balanced_accuracy=found["balanced_accuracy"],
        agreement=round(float((before.argmax(axis=1) == done.logits.argmax(axis=1)).mean()), 4),
    )


def revision() -> str:
    """The commit that the tools were at, or "unknown" outside a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # nothing of a user's
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def in_words(out: Path, contract: Contract) -> str:
    """What the finished file is worth, and what it cost."""
    gain = contract.accuracy - (contract.source_accuracy or 0.0)
    return (
        f"{out}: {contract.mode}, {contract.network_size / 1024:.0f} KiB, accuracy {contract.accuracy:.4f} on "
        f"{contract.split} ({100 * gain:+.2f} points against the network before), names the same on "
        f"{contract.agreement:.2%}, temperature {contract.temperature:.3f}, crop margin {contract.crop_margin:+.2f}"
    )
