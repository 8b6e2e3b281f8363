"""Convert a trained network to a model file: quantised, measured, with its contract, checked in every runtime."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from mien.cli import Arguments
from mien.errors import InputError, ModelError, UsageError
from mien.expression import EVEN_PRIOR, LABELS
from mien.vision import model_file
from mien.vision.classifier import evidence
from mien.vision.crop import INPUT_SIDE
from mien.vision.model_file import Contract, EvenFigures, Mode, View
from mien.vision.runtime import installed
from mien_convert.adapt import Adaptation, AdaptedNetwork, adapt
from mien_convert.adaptation_options import adaptation_from
from mien_convert.flatbuffer import to_flatbuffer
from mien_convert.inference import run_inference
from mien_convert.operators import check_operators
from mien_convert.representative_data import representative_faces
from mien_convert.runtime_agreement import format_disagreement
from mien_convert.source import open_source
from mien_training.data import fer2013
from mien_training.data.fer2013 import Faces, NoFacesError
from mien_training.data.label_mapping import LabelMapping
from mien_training.evaluation.crop_margin import best_margin
from mien_training.evaluation.metrics import (
    balanced_weights,
    class_means,
    class_prior,
    fit_temperature,
    metrics,
    metrics_by_prior,
)
from mien_training.files import save_atomically

_SPLIT = "PublicTest"
_LOW_ACCURACY = 0.3  # below: probably wrong labels or levels; always the most frequent expression gives 0.25


def run(args: Arguments) -> None:
    """Run `mien-convert quantize`."""
    options = replace(adaptation_from(args), view=args.view)
    contract = quantize(args.source, args.data, args.out, args.mode, options, labels=args.data_labels)
    print(format_summary(args.out, contract))


def quantize(
    source: Path, data: Path, out: Path, mode: Mode, options: Adaptation, *, labels: LabelMapping | None = None
) -> Contract:
    """Write the model file of a network and return its contract; an existing file is replaced only by a complete one.

    labels: the expressions of the data's folders with other names.
    In the view "ferplus" temperatures, means and confusion are computed from the majority of the votes, like the
    calibration error.
    """
    if out.is_dir():
        raise InputError(f"{out} is a folder: give --out the name of a file, for example expression.tflite.")
    network = adapt(open_source(source), options)
    requested = _requested_view(network.source.view, options.view)
    print(f"{source}: {network.adapted or 'needs no adaptation'}; outputs {network.output}", flush=True)
    training = _training_faces(data, labels)
    representative, drawn = representative_faces(training)
    flat = to_flatbuffer(network.folded, mode, representative)
    check_operators(flat)

    view, validation = _validation_faces(fer2013.read(data, _SPLIT, labels), requested)
    print(f"measuring on {len(validation)} faces of {_SPLIT}, view {view}", flush=True)
    before = network.logits(validation.images)
    draft = _draft(network, mode, before, validation, view)
    draft = msgspec.structs.replace(draft, class_prior=class_prior(training.view(view).targets))
    if mode == "int8":
        draft = msgspec.structs.replace(draft, representative_faces=drawn)

    def write_and_check(part: Path) -> None:
        part.write_bytes(model_file.pack(flat, draft))
        contract = _with_measurements(part, draft, before, validation)
        part.write_bytes(model_file.pack(flat, contract))
        model_file.read(part)

    save_atomically(out, write_and_check)
    return model_file.read(out)[1]


def _training_faces(data: Path, labels: LabelMapping | None) -> Faces:
    try:
        return fer2013.read(data, "Training", labels)
    except NoFacesError as error:
        raise ModelError(f"There are no faces to calibrate with: {error}") from None


def _requested_view(trained: View | None, option: View | None) -> View:
    """Return the view of the training run, or for other networks the one of the option."""
    if trained and option and trained != option:
        raise UsageError(f"The run was trained with view {trained}: leave out --view {option}.")
    return trained or option or "fer2013"


def _validation_faces(faces: Faces, requested: View) -> tuple[View, Faces]:
    """Return the view that the data allow, and the faces with its labels."""
    if requested == "ferplus" and faces.votes is None:
        print("note: there are no FER+ votes beside the data: the data's own labels are used instead", flush=True)
        return "fer2013", faces
    return requested, faces.view(requested)


def _draft(network: AdaptedNetwork, mode: Mode, before: NDArray[np.float32], validation: Faces, view: View) -> Contract:
    """Return a contract with the figures of the network; `_with_measurements` adds those of the finished file."""
    figures = metrics(before, validation.labels)
    if figures["accuracy"] < _LOW_ACCURACY:
        print(
            f"note: even before conversion its accuracy is only {figures['accuracy']:.4f}; "
            "if it was trained with other labels or grey levels, set --labels and --levels",
            flush=True,
        )
    margin = network.source.crop_margin
    if margin is None:
        print("measuring the best crop margin around a detected face", flush=True)
        margin, _ = best_margin(network.logits, validation)
    return Contract(
        format=model_file.FORMAT,
        mode=mode,
        output=network.output,
        labels=LABELS,
        input_side=INPUT_SIDE,
        crop_margin=margin,
        class_prior=EVEN_PRIOR,
        temperature=1.0,
        even_temperature=1.0,
        class_means=((0.0,) * len(LABELS),) * len(LABELS),
        view=view,
        confusion=figures["confusion"],
        recipe=network.source.recipe,
        data=network.source.data,
        split=_SPLIT,
        faces=figures["faces"],
        accuracy=figures["accuracy"],
        balanced_accuracy=figures["balanced_accuracy"],
        agreement=1.0,
        source_accuracy=figures["accuracy"],
        adapted=network.adapted,
        revision=revision(),
        network_size=1,
        network_sha256="0" * 64,
    )


def _with_measurements(model: Path, draft: Contract, before: NDArray[np.float32], validation: Faces) -> Contract:
    """Return the contract with the figures of this very file on the validation faces.

    Raises ModelError if a runtime fails, or if two of them disagree.
    """
    first, *others = installed()
    result = run_inference(model, first, validation.images)
    print(f"{first}: loads, classified {len(validation)} faces", flush=True)
    for name in others:
        other = run_inference(model, name, validation.images)
        if reason := format_disagreement(other, result, before, validation.labels, draft.output):
            raise ModelError(f"{name} and {first} differ: {reason}.")
        print(f"{name}: loads, agrees", flush=True)
    figures, labels = metrics(result.logits, validation.labels), validation.labels
    likelihoods = evidence(result.logits, draft.class_prior)
    temperature = fit_temperature(result.logits, labels)
    even_temperature = fit_temperature(likelihoods, labels, balanced_weights(labels))
    priors = metrics_by_prior(result.logits, labels, draft.class_prior, temperature, even_temperature)
    return msgspec.structs.replace(
        draft,
        temperature=temperature,
        even_temperature=even_temperature,
        class_means=class_means(likelihoods, labels),
        confusion=figures["confusion"],
        accuracy=figures["accuracy"],
        balanced_accuracy=figures["balanced_accuracy"],
        calibration_error=priors["data"]["calibration_error"],
        even=EvenFigures(
            accuracy=priors["even"]["accuracy"],
            balanced_accuracy=priors["even"]["balanced_accuracy"],
            calibration_error=priors["even"]["calibration_error"],
        ),
        agreement=round(float((before.argmax(axis=1) == result.logits.argmax(axis=1)).mean()), 4),
    )


def revision() -> str:
    """Return the git revision of this package, or "unknown" outside a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        process = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # nothing of a user's
    except OSError:
        return "unknown"
    return process.stdout.strip() or "unknown"


def format_summary(out: Path, contract: Contract) -> str:
    """Return one line: the accuracy of the finished file, and the cost of the conversion."""
    gain = contract.accuracy - (contract.source_accuracy or 0.0)
    return (
        f"{out}: {contract.mode}, {contract.network_size / 1024:.0f} KiB, accuracy {contract.accuracy:.4f} on "
        f"{contract.split} ({100 * gain:+.2f} points against the network before), agreement "
        f"{contract.agreement:.2%}, temperatures {contract.temperature:.3f} (data's prior) and "
        f"{contract.even_temperature:.3f} (even prior), crop margin {contract.crop_margin:+.2f}"
    )
