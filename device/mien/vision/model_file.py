"""Model files: a network and its contract, which holds all that the device needs to run it, in one file.

A model file is a TFLite flatbuffer followed by a zip that holds one stored file, expression.json. That is how TFLite
keeps associated files; interpreters ignore what follows the flatbuffer, and any unzip can show it.
"""

from __future__ import annotations

import hashlib
import io
import math
import struct
import zipfile
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from mien.errors import ModelError
from mien.expression import LABELS

FORMAT = 2
"""Version of the contract; a file of another one is refused."""

_NAME = "expression.json"
_MAX_FILE = 64 << 20
_MAX_CONTRACT = 64 << 10
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip can hold: equal contents, equal bytes

_END = struct.Struct("<4s4HLLH")  # a zip's end record

Mode = Literal["int8", "dynamic", "float16", "float32"]
"""Quantisation of a network: int8 from input to output; weights in int8; weights in float16; none."""

View = Literal["fer2013", "ferplus"]
"""Whose labels count: the data's own, as in FER2013, or the majority of FER+'s ten taggers (Barsoum et al. 2016,
arXiv:1608.01041)."""

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Text = Annotated[str, msgspec.Meta(max_length=2000, pattern="^[^\\x00-\\x1f\\x7f-\\x9f]*\\Z")]  # harmless on a terminal
Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
Counts = Annotated[list[Count], msgspec.Meta(min_length=len(LABELS), max_length=len(LABELS))]
Shares = Annotated[
    tuple[Annotated[float, msgspec.Meta(gt=0, le=1)], ...], msgspec.Meta(min_length=len(LABELS), max_length=len(LABELS))
]
Means = Annotated[
    tuple[Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)], ...],
    msgspec.Meta(min_length=len(LABELS), max_length=len(LABELS)),
]
Temperature = Annotated[float, msgspec.Meta(gt=0, le=100)]
Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}\\Z")]


class RepresentativeFaces(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The faces whose activations set the quantisation ranges: drawn from the training faces only.

    per_expression: at most so many of each. seed: of the draw. sha256: of their pixels, one face after another.
    """

    faces: Count
    per_expression: Count
    seed: Count
    sha256: Digest


class EvenFigures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model file's decisions under an even prior reach on the validation faces.

    calibration_error: of faces drawn under that prior, that is, with each expression counting the same.
    """

    accuracy: Share
    balanced_accuracy: Share
    calibration_error: Share


class Contract(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The metadata of a network in a model file.

    mode: int8 has int8 tensors for input and output, the others float32; each takes grey levels of 0 to 255.
    output: of the last layer. labels: in the order of the outputs. input_side: pixels of the square grey input.
    crop_margin: how much wider than the face detector's box to cut, as a share of its width; measured in training.
    class_prior: how frequent each expression is in the training targets, and thus the prior that the logits contain.
    temperature: under the prior of the data the logits are divided by it before the softmax.
    even_temperature: under an even prior the evidence (`classifier.evidence`) is divided by it.
    class_means: by [true expression][output], the mean evidence over the validation faces of that expression; zeros
    where there is none.
    view: whose labels it was trained on, and by whose the temperatures and the figures here were measured.
    confusion: validation faces by [true][predicted] under the data's prior, as are both accuracies.
    accuracy: of this very file on `split`. calibration_error: there too, after division by the temperature.
    even: the same figures under an even prior.
    source_accuracy: of the network before conversion, on the same faces.
    agreement: share of `split` on which this file predicts what that network predicts.
    representative_faces: of an int8 network.
    adapted: what the conversion added around the network, so that its input and output are the standard ones.
    network_size, network_sha256: of the flatbuffer alone.
    """

    format: int
    mode: Mode = "int8"
    output: Literal["logits", "probabilities"] = "logits"
    labels: tuple[str, ...]
    input_side: Annotated[int, msgspec.Meta(ge=1, le=1024)]
    crop_margin: Annotated[float, msgspec.Meta(ge=-0.5, le=1)]
    class_prior: Shares
    temperature: Temperature
    even_temperature: Temperature
    class_means: Annotated[tuple[Means, ...], msgspec.Meta(min_length=len(LABELS), max_length=len(LABELS))]
    view: View = "fer2013"
    confusion: Annotated[list[Counts], msgspec.Meta(min_length=7, max_length=7)]
    recipe: Text
    data: Text
    split: Text
    faces: Annotated[int, msgspec.Meta(ge=1, le=10**9)]
    accuracy: Share
    balanced_accuracy: Share
    calibration_error: Share | None = None
    even: EvenFigures | None = None
    agreement: Share
    source_accuracy: Share | None = None
    representative_faces: RepresentativeFaces | None = None
    adapted: Text = ""
    revision: Text
    network_size: Annotated[int, msgspec.Meta(ge=1, le=_MAX_FILE)]
    network_sha256: Digest


def pack(network: bytes, contract: Contract) -> bytes:
    """Return the model file: the network with its contract appended. Size and digest are filled in here."""
    contract = msgspec.structs.replace(
        contract, network_size=len(network), network_sha256=hashlib.sha256(network).hexdigest()
    )
    file = io.BytesIO(network)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
        text = msgspec.json.format(msgspec.json.encode(contract), indent=1)
        archive.writestr(zipfile.ZipInfo(_NAME, _EPOCH), text)
    return file.getvalue()


def read(path: Path) -> tuple[bytes, Contract]:
    """Return the network and its contract from a model file.

    Raises ModelError unless the file is whole and has the labels and the format of this version.
    """
    try:
        if not path.is_file():  # a pipe or a device might never end
            raise ModelError(f"{path} is not a file: give one that mien-convert wrote.")
        with path.open("rb") as file:
            data = file.read(_MAX_FILE + 1)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from None
    if len(data) > _MAX_FILE:
        raise ModelError(f"{path} is larger than any expression model: give the file that mien-convert wrote.")
    try:
        return unpack(data)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None


def unpack(data: bytes) -> tuple[bytes, Contract]:
    """Return the network and its contract from a model file's bytes. Raises ModelError as `read` does."""
    start, text = _associated_file(data)
    contract = _contract(text)
    network = data[:start]
    if contract.network_size != start or hashlib.sha256(network).hexdigest() != contract.network_sha256:
        raise ModelError("the network is damaged; copy or convert the file again.")
    return network, contract


def _associated_file(data: bytes) -> tuple[int, bytes]:
    """Return the offset of the zip, and the contract's text."""
    _check_end(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            [entry] = archive.infolist()
            if entry.filename != _NAME or entry.file_size > _MAX_CONTRACT:
                raise ModelError(f"what is appended is not one small {_NAME}; convert it with mien-convert.")
            if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
                raise ModelError(f"its {_NAME} is compressed or encrypted; convert it with mien-convert.")
            with archive.open(entry) as file:
                return entry.header_offset, file.read(_MAX_CONTRACT)
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, NotImplementedError, RuntimeError, struct.error):
        raise ModelError("it is cut short or has no mien contract; convert it with mien-convert.") from None


def _check_end(data: bytes) -> None:
    """Raise ModelError unless the zip's end record is of one small file: zipfile would first list millions."""
    if len(data) < _END.size or not data[-_END.size :].startswith(b"PK\5\6"):
        raise ModelError("it is cut short or has no mien contract; convert it with mien-convert.")
    _, _, _, _, entries, directory, _, _ = _END.unpack(data[-_END.size :])
    if entries != 1 or directory > 256 or b"PK\6\7" in data[-_END.size - 20 : -_END.size]:  # the latter: a 64-bit zip
        raise ModelError(f"what is appended is not one small {_NAME}; convert it with mien-convert.")


def _contract(text: bytes) -> Contract:
    try:
        version = msgspec.json.decode(text, type=_Version).format
        if version != FORMAT:
            raise ModelError(f"its contract has format {version}, not {FORMAT}; update mien or convert the file again.")
        contract = msgspec.json.decode(text, type=Contract)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ModelError(f"its contract is not valid ({str(error)[:120]}); convert it with mien-convert.") from None
    if contract.labels != LABELS:
        raise ModelError(f"its labels are not {' '.join(LABELS)} in this order; convert it with mien-convert.")
    if not math.isclose(math.fsum(contract.class_prior), 1, abs_tol=1e-3):
        raise ModelError("the shares of its class_prior do not sum to 1; convert it with mien-convert.")
    return contract


class _Version(msgspec.Struct):
    format: Count
