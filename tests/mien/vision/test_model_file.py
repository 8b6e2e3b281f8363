"""Model files: what is packed is read back, and anything else is refused."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.errors import ModelError
from mien.expression import LABELS
from mien.vision import model_file
from mien.vision.model_file import Contract, EvenFigures, RepresentativeFaces
from tests.fakes.contracts import PLAIN

NETWORK = bytes(range(256)) * 8


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


share = st.floats(0, 1)
count = st.integers(0, 10**9)
priors = st.lists(st.integers(1, 10**6), min_size=7, max_size=7).map(lambda n: tuple(x / sum(n) for x in n))
means = st.lists(st.floats(-1e6, 1e6), min_size=7, max_size=7).map(tuple)
printable = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=200)
representatives = st.builds(
    RepresentativeFaces, faces=count, per_expression=count, seed=count, sha256=st.binary(max_size=9).map(digest)
)
contracts = st.builds(
    Contract,
    format=st.just(model_file.FORMAT),
    mode=st.sampled_from(("int8", "dynamic", "float16", "float32")),
    output=st.sampled_from(("logits", "probabilities")),
    labels=st.just(LABELS),
    input_side=st.integers(1, 1024),
    crop_margin=st.floats(-0.5, 1),
    class_prior=priors,
    temperature=st.floats(0, 100, exclude_min=True),
    even_temperature=st.floats(0, 100, exclude_min=True),
    class_means=st.lists(means, min_size=7, max_size=7).map(tuple),
    view=st.sampled_from(("fer2013", "ferplus")),
    confusion=st.lists(st.lists(count, min_size=7, max_size=7), min_size=7, max_size=7),
    recipe=printable,
    data=printable,
    split=printable,
    faces=st.integers(1, 10**9),
    accuracy=share,
    balanced_accuracy=share,
    calibration_error=st.none() | share,
    even=st.none() | st.builds(EvenFigures, accuracy=share, balanced_accuracy=share, calibration_error=share),
    agreement=share,
    source_accuracy=st.none() | share,
    representative_faces=st.none() | representatives,
    adapted=printable,
    revision=printable,
    network_size=st.just(1),
    network_sha256=st.just("0" * 64),
)


def with_text(text: bytes, name: str = "expression.json", method: int = zipfile.ZIP_STORED) -> bytes:
    """Return a model file whose contract is any text."""
    file = io.BytesIO(NETWORK)
    with zipfile.ZipFile(file, "a", method) as archive:
        archive.writestr(name, text)
    return file.getvalue()


def text_of(**changes: object) -> bytes:
    """Return a contract's JSON with other values, valid or not."""
    contract = msgspec.structs.replace(PLAIN, network_size=len(NETWORK), network_sha256=digest(NETWORK))
    return msgspec.json.encode(msgspec.to_builtins(contract) | changes)


def two_files() -> bytes:
    file = io.BytesIO(with_text(text_of()))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("other.json", b"{}")
    return file.getvalue()


def a_million_entries() -> bytes:
    """Return a directory of a million entries, which zipfile needs seconds and a gigabyte to list."""
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    directory = entry * 10**6
    return NETWORK + directory + struct.pack("<4s4HLLH", b"PK\5\6", 0, 0, 1, 1, len(directory), len(NETWORK), 0)


def hidden_bytes() -> bytes:
    """Return a file with bytes between the network and the zip, which no digest covers."""
    file = io.BytesIO(NETWORK + b"hidden")
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("expression.json", text_of())
    return file.getvalue()


@settings(max_examples=40)
@given(contract=contracts, network=st.binary(min_size=1, max_size=500))
def test_what_is_packed_is_read(contract: Contract, network: bytes) -> None:
    """Any contract is read as it was, with the size and digest of the network's own bytes."""
    unpacked_network, unpacked_contract = model_file.unpack(model_file.pack(network, contract))
    assert unpacked_network == network
    assert unpacked_contract == msgspec.structs.replace(
        contract, network_size=len(network), network_sha256=digest(network)
    )


def test_a_contract_without_a_view_has_the_first() -> None:
    """Contracts written before the field existed refer to FER2013's labels."""
    [start, end] = text_of().split(b'"view":"fer2013",')
    assert model_file.unpack(with_text(start + end))[1].view == "fer2013"


def test_packing_twice_gives_the_same_bytes() -> None:
    """The file has no date and nothing else that differs from run to run."""
    assert model_file.pack(NETWORK, PLAIN) == model_file.pack(NETWORK, PLAIN)


def test_any_unzip_shows_the_contract(tmp_path: Path) -> None:
    """The appended zip is a plain one, as TFLite's associated files are."""
    path = tmp_path / "a.tflite"
    path.write_bytes(model_file.pack(NETWORK, PLAIN))
    with zipfile.ZipFile(path) as archive:
        assert msgspec.json.decode(archive.read("expression.json"))["labels"] == list(LABELS)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(lambda: b"", "cut short", id="nothing"),
        pytest.param(lambda: NETWORK, "no mien contract", id="a bare network"),
        pytest.param(lambda: model_file.pack(NETWORK, PLAIN)[:-1], "cut short", id="cut by a byte"),
        pytest.param(lambda: b"X" + model_file.pack(NETWORK, PLAIN), "damaged", id="shifted"),
        pytest.param(lambda: b"X" + model_file.pack(NETWORK, PLAIN)[1:], "damaged", id="a changed network"),
        pytest.param(hidden_bytes, "damaged", id="hidden bytes"),
        pytest.param(lambda: with_text(b"{}", "readme.txt"), "not one small", id="a foreign zip"),
        pytest.param(two_files, "not one small", id="a second file"),
        pytest.param(a_million_entries, "not one small", id="a million files"),
        pytest.param(lambda: with_text(b" " * 10**7, method=zipfile.ZIP_DEFLATED), "not one small", id="a zip bomb"),
        pytest.param(lambda: with_text(text_of(), method=zipfile.ZIP_DEFLATED), "compressed", id="compressed"),
        pytest.param(lambda: with_text(b" " * (1 << 20) + text_of()), "not one small", id="JSON of absurd size"),
        pytest.param(lambda: with_text(b"[" * 60_000), "not valid", id="JSON of absurd depth"),
        pytest.param(
            lambda: with_text(b'{"format":2,"x":' + b"[" * 30_000 + b"]" * 30_000 + b"}"), "not valid", id="deep inside"
        ),
        pytest.param(lambda: with_text(text_of(format=3)), "format 3", id="a later version"),
        pytest.param(lambda: with_text(text_of(format=1)), "format 1, not 2", id="an earlier version"),
        pytest.param(lambda: with_text(text_of(format=10**400)), "not valid", id="a version without end"),
        pytest.param(lambda: with_text(text_of(labels=LABELS[::-1])), "labels", id="labels in another order"),
        pytest.param(lambda: with_text(text_of(mode="int4")), "not valid", id="an unknown mode"),
        pytest.param(lambda: with_text(text_of(view="mine")), "not valid", id="an unknown view"),
        pytest.param(lambda: with_text(text_of(temperature=0)), "not valid", id="temperature 0"),
        pytest.param(lambda: with_text(text_of(even_temperature=-1)), "not valid", id="a negative temperature"),
        pytest.param(lambda: with_text(text_of(class_prior=[1 / 6] * 6)), "not valid", id="six shares"),
        pytest.param(lambda: with_text(text_of(class_prior=[1 / 6] * 6 + [0])), "not valid", id="a share of 0"),
        pytest.param(lambda: with_text(text_of(class_prior=[0.1] * 7)), "sum to 1", id="shares that sum to 0.7"),
        pytest.param(lambda: with_text(text_of(class_prior=["a"] * 7)), "not valid", id="shares that are text"),
        pytest.param(lambda: with_text(text_of(class_means=[[0] * 7] * 6)), "not valid", id="six rows of means"),
        pytest.param(lambda: with_text(text_of(class_means=[[0] * 6] * 7)), "not valid", id="means of six outputs"),
        pytest.param(lambda: with_text(text_of(class_means=[[None] * 7] * 7)), "not valid", id="means that are null"),
        pytest.param(
            lambda: with_text(text_of(class_means=[[12345] * 7] * 7).replace(b"12345", b"1e999")),
            "not valid",
            id="an infinite mean",
        ),
        pytest.param(lambda: with_text(text_of(confusion=[[0] * 7] * 6)), "not valid", id="six rows"),
        pytest.param(lambda: with_text(text_of(recipe="\x1b]0;title\x07")), "not valid", id="terminal codes"),
        pytest.param(lambda: with_text(text_of(recipe="seed\n")), "not valid", id="a line break"),
        pytest.param(lambda: with_text(text_of(surprise=1)), "not valid", id="an unknown field"),
        pytest.param(lambda: with_text(b"\xff\xfe"), "not valid", id="no text"),
    ],
)
def test_a_bad_contract_is_refused(data: Callable[[], bytes], message: str) -> None:
    """In one sentence with what to do, whatever is in the contract's place."""
    with pytest.raises(ModelError, match=message) as refusal:
        model_file.unpack(data())
    assert len(str(refusal.value)) < 400
    assert "\n" not in str(refusal.value)


@given(data=st.data())
def test_any_changed_byte_is_detected(data: st.DataObject) -> None:
    """Wherever a file is changed, it is refused, or its network and contract are as before."""
    whole = bytearray(model_file.pack(NETWORK, PLAIN))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    try:
        network, contract = model_file.unpack(bytes(whole))
    except ModelError:
        return
    assert (network, contract) == model_file.unpack(model_file.pack(NETWORK, PLAIN))


@given(junk=st.binary(max_size=300), cut=st.integers(0, 3000))
def test_any_bytes_are_read_or_refused(junk: bytes, cut: int) -> None:
    """Junk, and junk in front of or after a cut file, raises nothing but ModelError."""
    whole = model_file.pack(NETWORK, PLAIN)
    for data in (junk, whole[:cut] + junk, junk + whole[cut:]):
        try:
            model_file.unpack(data)
        except ModelError:
            continue
        assert data == whole


def test_only_files_of_a_sensible_size_are_read(tmp_path: Path) -> None:
    """A device, a pipe, a folder, a sparse file of a terabyte: refused at once, without reading them."""
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "hole.tflite").open("wb") as file:
        file.truncate(1 << 40)
    for path in (Path("/dev/zero"), tmp_path / "pipe", tmp_path, tmp_path / "missing.tflite", tmp_path / "hole.tflite"):
        with pytest.raises(ModelError, match=path.name):
            model_file.read(path)
