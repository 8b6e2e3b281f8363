"""Read Keras's files: .keras, and the .h5 files of Keras 1 to 3. What a file is, its content decides, not its name."""

from __future__ import annotations

import json
import re
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras

from mien.errors import InputError, ModelError
from mien_convert.keras_config import build_network
from mien_convert.progress import libraries_silenced

SAVED_MODEL_ADVICE = (
    "where the network was built, write a SavedModel with network.export('net') in Keras 3 or "
    "tf.saved_model.save(network, 'net') in Keras 2, and convert the folder net"
)
"""The way that works for every network."""

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
_OTHER_KINDS = (  # how a file begins: what it is, and what to do
    (
        b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19",
        "a PyTorch file: export it to ONNX, and that with onnx2tf to a SavedModel",
    ),
    (b"\x80", "a pickle, which is Python code and is never executed from a file: " + SAVED_MODEL_ADVICE),
    (b"version https://git-lfs", "a Git LFS pointer, not the network itself: fetch it with git lfs pull"),
    (b"<", "a web page or XML, not a network: download the file itself"),
    (b"{", "JSON, which has no weights: " + SAVED_MODEL_ADVICE),
    (b"", "not a network: give a .keras or .h5 file, a SavedModel folder or a run of mien-train"),
)


def load_keras(path: Path) -> keras.Model:
    """Load a network in float32. Raises ModelError, with the cause in one sentence, if that is not possible."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        with libraries_silenced(), tempfile.TemporaryDirectory() as folder:
            if head.startswith(_HDF5):
                return _load_hdf5(path, Path(folder))
            if head.startswith(_ZIP):
                return _load_zip(path, Path(folder))
    except ModelError as error:
        raise ModelError(f"{path} cannot be loaded: {error}; {SAVED_MODEL_ADVICE}.") from None
    except Exception as error:  # the loaders raise almost anything
        raise ModelError(f"{path} cannot be loaded by Keras ({summarize(error)}): {SAVED_MODEL_ADVICE}.") from None
    raise ModelError(f"{path} is {_describe(path, head)}.")


def summarize(error: Exception) -> str:
    """Return the cause of a library's error in a few words: the last sentence, without what it dumps after it."""
    text = str(error).rpartition("Exception encountered: ")[2]
    text = re.split(r"\n|config=|Received|Full object|Full error|\{", text.strip(), maxsplit=1)[0].strip(" .:(")
    return text[:160] or type(error).__name__


def _describe(path: Path, head: bytes) -> str:
    """Return what a file without a Keras network is, and what to do."""
    if not head:
        return "empty"
    if head[4:8] == b"TFL3":
        return "a TFLite file already: give the network that it was made from"
    if path.suffix.lower() == ".onnx" or (head[0] == 8 and b"pytorch" in head):
        return "an ONNX network: convert it to a SavedModel with onnx2tf, and convert that folder"
    if path.suffix.lower() == ".pb":
        return "a frozen graph without signatures: " + SAVED_MODEL_ADVICE
    return next(text for start, text in _OTHER_KINDS if head.lstrip().startswith(start))


def _load_hdf5(path: Path, folder: Path) -> keras.Model:
    with h5py.File(path, "r") as file:
        config = file.attrs.get("model_config")
    if config is None:
        raise ModelError("it holds weights, but not the network: load them into it")
    network = build_network(json.loads(config))
    link = folder / "network.h5"  # Keras decides by the name
    link.symlink_to(path.resolve())
    network.load_weights(link)
    return network


def _load_zip(path: Path, folder: Path) -> keras.Model:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if any(name.endswith("data.pkl") for name in names):
                raise ModelError("it is a PyTorch file: export it to ONNX, and that with onnx2tf to a SavedModel")
            if not {"config.json", "model.weights.h5"} <= set(names):
                raise ModelError("it is a zip archive of something else: unpack it, and give the network inside")
            config: Any = json.loads(archive.read("config.json"))
            weights = archive.extract("model.weights.h5", folder)
    except (zipfile.BadZipFile, EOFError, OSError, ValueError):
        raise ModelError("it is damaged or incomplete: copy or download it again, or") from None
    network = build_network(config)
    network.load_weights(weights)
    return network
