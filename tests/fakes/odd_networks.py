"""Files that people give instead of a network, and networks that cannot be converted, each small."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import tensorflow as tf

from tests.fakes.pattern_network import pattern_network, save_network

OTHER_FILES: dict[str, tuple[bytes, str]] = {
    "weights.pkl": (pickle.dumps([1.0, 2.0]), "a pickle"),
    "old.pt": (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "a PyTorch file"),
    "net.onnx": (b"\x08\x08\x12\x07pytorch", "an ONNX network"),
    "net.tflite": (b"\x1c\x00\x00\x00TFL3" + bytes(40), "a TFLite file already"),
    "net.pb": (b"\n\x10\n\x05input", "a frozen graph"),
    "pointer.h5": (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    "page.h5": (b"\n<!DOCTYPE html>", "a web page"),
    "net.json": (b'{"class_name": "Sequential"}', "has no weights"),
    "empty.keras": (b"", "empty"),
    "cut.h5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "cannot be loaded by Keras"),
    "cut.keras": (b"PK\x03\x04" + bytes(100), "damaged or incomplete"),
}
"""Contents of files that are no Keras networks, and what the error calls them."""


def _weights_alone(path: Path) -> None:
    pattern_network().save_weights(path.with_suffix(".weights.h5"))
    path.with_suffix(".weights.h5").rename(path)


def _torch(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", b"")


def _archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("saved_model/saved_model.pb", b"")


def _damaged_weights(path: Path) -> None:
    save_network(path, pattern_network())
    edit_config(path, lambda config: config["config"]["layers"][-1]["config"].update(units=8))


def _lambda(path: Path) -> None:
    save_network(
        path,
        keras.Sequential(
            [keras.Input((48, 48, 1)), keras.layers.Lambda(lambda x: x / 255, name="lambda"), keras.layers.Flatten()]
        ),
    )


def _custom(path: Path) -> None:
    class Blend(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
        pass

    save_network(path, keras.Sequential([keras.Input((48, 48, 1)), Blend(), keras.layers.Flatten()]))


def _tensorflow_function(path: Path) -> None:
    save_network(path, pattern_network())
    edit_config(path, lambda config: config["config"]["layers"][1].update(class_name="TFOpLambda"))


def _activation(path: Path) -> None:
    save_network(path, pattern_network())
    edit_config(path, lambda config: config["config"]["layers"][-1]["config"].update(activation="mish_of_mine"))


def _option(path: Path) -> None:
    save_network(path, pattern_network())
    edit_config(path, lambda config: config["config"]["layers"][1]["config"].update(gain=3))


def _quantized(path: Path) -> None:
    save_network(path, pattern_network())
    policy = {"class_name": "QuantizedDTypePolicy", "config": {"name": "int8_from_float32"}}
    edit_config(path, lambda config: config["config"]["layers"][-1]["config"].update(dtype=policy))


def _channels_first(path: Path) -> None:
    layers = [keras.Input((1, 48, 48)), keras.layers.AveragePooling2D(8, data_format="channels_first")]
    save_network(path, keras.Sequential([*layers, keras.layers.Flatten(), keras.layers.Dense(7)]))


def _two_inputs(path: Path) -> None:
    first, second = keras.Input((48, 48, 1)), keras.Input((48, 48, 1))
    mean = keras.layers.GlobalAveragePooling2D()(keras.layers.Concatenate()([first, second]))
    save_network(path, keras.Model([first, second], keras.layers.Dense(7)(mean)))


ODD_NETWORKS: dict[str, tuple[Callable[[Path], None], str]] = {
    "weights.h5": (_weights_alone, "it holds weights, but not the network"),
    "net.pt": (_torch, "a PyTorch file"),
    "folder.zip": (_archive, "a zip archive of something else"),
    "damaged.keras": (_damaged_weights, "cannot be loaded"),
    "damaged.h5": (_damaged_weights, "cannot be loaded"),
    "lambda.keras": (_lambda, "Lambda layer (lambda), which is Python code"),
    "lambda.h5": (_lambda, "Lambda layer (lambda), which is Python code"),
    "custom.keras": (_custom, "Keras 3 has no Blend"),
    "custom.h5": (_custom, "Keras 3 has no Blend"),
    "function.h5": (_tensorflow_function, "Keras 3 has no TFOpLambda"),
    "activation.h5": (_activation, "mish_of_mine"),
    "option.h5": (_option, "no option gain=3"),
    "quantized.keras": (_quantized, "Keras quantised its weights"),
    "first.h5": (_channels_first, "channels first"),
    "two.keras": (_two_inputs, "one input and one output"),
}
"""Networks that cannot be converted, and what the error states."""


def edit_config(path: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    """Change the configuration in a .keras or .h5 file."""
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        config = json.loads(members["config.json"])
        edit(config)
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in (members | {"config.json": json.dumps(config).encode()}).items():
                archive.writestr(name, content)
    else:
        with h5py.File(path, "r+") as file:
            config = json.loads(file.attrs["model_config"])
            edit(config)
            file.attrs["model_config"] = json.dumps(config)
    return path


def write_saved_model(folder: Path, *signatures: str) -> Path:
    """Write a SavedModel of the pattern network with that many signatures, all alike."""
    network = pattern_network()
    module = tf.Module()
    module.network = network
    function = tf.function(network, input_signature=[tf.TensorSpec([None, 48, 48, 1], tf.float32)])
    tf.saved_model.save(module, str(folder), signatures={name: function.get_concrete_function() for name in signatures})
    return folder
