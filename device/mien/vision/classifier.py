"""Classifying a face with the quantised network."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from mien.errors import ModelError
from mien.expression import LABELS, Prior
from mien.vision import model_file
from mien.vision.crop import INPUT_SIDE
from mien.vision.model_file import Contract
from mien.vision.runtime import Runtime, create_interpreter

DEFAULT_MODEL = Path(str(files("mien") / "models" / "expression.tflite"))
"""The network that comes with mien."""

PRIOR_FLOOR = 0.03
"""Share from which on an expression counts as this frequent when the prior is taken out of the logits.

On thirteen sets of faces of other origin the mean balanced recall is 0.57 with all of the prior left in the logits,
0.66 with all of it taken out, and 0.68 with this floor, which also leaves a quarter of the false disgust.
"""

PriorChoice = Literal["even", "data"] | Prior
"""The prior of a decision: all expressions equally frequent, as frequent as in the training data, or any other."""

_GREY_LEVELS = np.arange(256, dtype=np.float32)
_MIN_PROBABILITY = 1e-7  # about the step of a float32 probability


class EvidenceCalibration(Protocol):
    """Adjusts evidence to known people."""

    def apply(self, evidence: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the adjusted evidence; shapes (..., 7), both."""
        ...


class Classifier:
    """A loaded model file. Not for use from two threads at once, since it has one set of tensors.

    calibration: adjusts the evidence to known people; may be set at any time, None: no adjustment.
    """

    def __init__(
        self, network: bytes, contract: Contract, runtime: Runtime, threads: int, prior: PriorChoice = "even"
    ) -> None:
        self.contract = contract
        self.calibration: EvidenceCalibration | None = None
        self.prior = prior
        self._interpreter = create_interpreter(network, runtime, threads)
        self._input = self._interpreter.get_input_details()
        self._output = self._interpreter.get_output_details()
        _check_tensors(self._input, self._output, contract)
        self.input_quantization: tuple[float, int] = self._input[0]["quantization"]
        self._input_values = (
            _quantize_grey_levels(*self.input_quantization) if contract.mode == "int8" else _GREY_LEVELS
        )
        self.output_step: float | None = None
        self._output_zero = 0
        if contract.mode == "int8":
            self.output_step, self._output_zero = self._output[0]["quantization"]

    @classmethod
    def load(
        cls,
        path: Path = DEFAULT_MODEL,
        runtime: Runtime = "auto",
        threads: int = 1,
        prior: PriorChoice = "even",
    ) -> Classifier:
        """Read, check and load a model file. Raises ModelError, and nothing else, for every fault of the file."""
        network, contract = model_file.read(path)
        try:
            return cls(network, contract, runtime, threads, prior)
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from None

    @property
    def prior(self) -> PriorChoice:
        """The prior of `probabilities`; may be set at any time."""
        return self._prior

    @prior.setter
    def prior(self, prior: PriorChoice) -> None:
        self._prior = prior
        self._temperature, self._offset = decision(self.contract, prior)

    def logits(self, face: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return seven logits, float32 (7,), for one input made by `to_input`, uint8 (48, 48, 1).

        Where the network's output is probabilities, their logarithms, which are logits too.
        """
        tensor = self._interpreter.tensor(self._input[0]["index"])()
        np.take(
            self._input_values, face, out=tensor[0], mode="clip"
        )  # no level is out of bounds, and mode "raise" would buffer
        del tensor  # the interpreter raises while a view of its memory is held
        self._interpreter.invoke()
        raw = self._interpreter.get_tensor(self._output[0]["index"])[0].astype(np.float32)
        if self.output_step is not None:
            raw = (raw - self._output_zero) * np.float32(self.output_step)
        if self.contract.output == "probabilities":
            raw = np.log(
                np.maximum(raw, (self.output_step or _MIN_PROBABILITY) / 2)
            )  # zero means less than half a step
        return np.asarray(raw, np.float32)

    def evidence(self, face: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the log-likelihoods of the expressions up to a constant, float32 (7,), for one input.

        They hold no prior, are centred on 0, and adjusted by `calibration` where there is one.
        """
        values = evidence(self.logits(face), self.contract.class_prior)
        return values if self.calibration is None else self.calibration.apply(values)

    def probabilities(self, face: NDArray[np.uint8]) -> tuple[float, ...]:
        """Return calibrated probabilities under `prior`, in the order of Expression, for one input.

        Under an even prior they are the normalised likelihoods.
        """
        scores = self.evidence(face) / self._temperature + self._offset
        odds = np.exp(scores - scores.max())
        return tuple((odds / odds.sum()).tolist())


def evidence(logits: NDArray[np.float32], class_prior: Prior) -> NDArray[np.float32]:
    """Return logits without the prior of the data that they were learned from, centred on 0; float32 (..., 7), both.

    By Bayes' rule a network's logits are log-likelihoods plus the logarithm of its training data's prior, up to a
    constant (Saerens et al. 2002, "Adjusting the outputs of a classifier to new a priori probabilities"); shares below
    PRIOR_FLOOR count as the floor.
    """
    likelihoods = logits - _floored_log(class_prior)
    return np.asarray(likelihoods - likelihoods.mean(axis=-1, keepdims=True), np.float32)


def decision(contract: Contract, prior: PriorChoice) -> tuple[float, NDArray[np.float32]]:
    """Return the temperature and the offset, float32 (7,), of the probabilities under a prior.

    The probabilities are the softmax of evidence / temperature + offset. Under the data's prior that is the softmax of
    logits / temperature; any other prior is applied by Bayes' rule to the likelihoods, which are calibrated under the
    even one.
    """
    if prior == "data":
        return contract.temperature, _floored_log(contract.class_prior) / np.float32(contract.temperature)
    if prior == "even":
        return contract.even_temperature, np.zeros(len(LABELS), np.float32)
    return contract.even_temperature, np.log(np.asarray(prior, np.float32))


@lru_cache(maxsize=16)
def _floored_log(prior: Prior) -> NDArray[np.float32]:
    """Return the logarithms of the shares of a prior, each at least PRIOR_FLOOR."""
    return np.asarray(np.log(np.maximum(prior, PRIOR_FLOOR)), np.float32)


def _check_tensors(inputs: list[dict[str, Any]], outputs: list[dict[str, Any]], contract: Contract) -> None:
    """Raise ModelError unless the tensors have the shapes and types of the contract."""
    side = contract.input_side
    if side != INPUT_SIDE or len(inputs) != 1 or list(inputs[0]["shape"]) != [1, side, side, 1]:
        raise ModelError(f"the network's input is not one {INPUT_SIDE} x {INPUT_SIDE} grey picture; convert another.")
    if len(outputs) != 1 or list(outputs[0]["shape"]) != [1, len(LABELS)]:
        raise ModelError(f"the network's output is not {len(LABELS)} numbers; convert another.")
    for tensor in (inputs[0], outputs[0]):
        if contract.mode != "int8" and tensor["dtype"] is not np.float32:
            raise ModelError(f"the network is not {contract.mode}, unlike its contract; convert it again.")
        if contract.mode == "int8" and (tensor["dtype"] is not np.int8 or not tensor["quantization"][0] > 0):
            raise ModelError("the network is not quantised to int8; convert it with mien-convert quantize.")


def _quantize_grey_levels(scale: float, zero: int) -> NDArray[np.int8]:
    """Return the tensor's value for each grey level, rounded, then clipped: int8 (256,)."""
    levels = np.arange(256, dtype=np.float64)
    return np.asarray(np.clip(np.round(levels / scale) + zero, -128, 127), np.int8)
