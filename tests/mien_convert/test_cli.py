"""mien-convert as people meet it: any network in, a proven model file out, or one sentence and nothing changed."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.errors import ModelError
from mien.expression import LABELS
from mien.vision import model_file
from mien.vision.runtime import installed
from tests.conftest import Outcome

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow's own
    tf = pytest.importorskip("tensorflow")
    keras = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("ignore")  # TensorFlow and Keras warn of themselves

from mien_convert import operators, trial  # noqa: E402  # after TensorFlow was found
from mien_convert.cli import main as convert_main  # noqa: E402
from mien_training.cli import main as train_main  # noqa: E402
from mien_training.networks.mirror_layers import MirrorBranch, MirrorMean  # noqa: E402

KAGGLE = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
MODES = ("int8", "dynamic", "float16", "float32")

Convert = Callable[..., Outcome]


def patterns() -> NDArray[np.float64]:
    """One coarse pattern an expression, grey levels, (7, 6, 6): easy to tell apart, nobody's face."""
    return np.random.default_rng(7).integers(40, 216, (7, 6, 6)).astype(float)


def write_faces(folder: Path, training: int = 20, validation: int = 8) -> Path:
    """A fer2013.csv of noisy patterns, so many of each expression."""
    rng = np.random.default_rng(1)
    rows = ["emotion,pixels,Usage"]
    for usage, count in (("Training", training), ("PublicTest", validation)):
        for label in list(LABELS) * count:
            grid = np.kron(patterns()[LABELS.index(label)], np.ones((8, 8)))
            pixels = np.clip(grid + rng.normal(0, 12, (48, 48)), 0, 255).astype(int).ravel()
            rows.append(f"{KAGGLE.index(label)},{' '.join(map(str, pixels))},{usage}")
    (folder / "fer2013.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_faces(tmp_path_factory.mktemp("faces"))


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the seed recipe, trained here for 18 steps: enough to tell most patterns apart, by any seed."""
    faces, path = write_faces(tmp_path_factory.mktemp("plenty"), training=60), tmp_path_factory.mktemp("runs") / "seed"
    assert train_main(["fit", "--recipe", "seed", "--data", str(faces), "--out", str(path), "--epochs", "6"]) == 0
    return path


@pytest.fixture
def convert(capfd: pytest.CaptureFixture[str]) -> Convert:
    """Run a `mien-convert` command in this process."""

    def call(*arguments: str | Path) -> Outcome:
        try:
            code = convert_main([str(argument) for argument in arguments])
        except SystemExit as done:
            code = int(done.code or 0)
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


def matcher(
    *, order: tuple[str, ...] = LABELS, side: int = 48, channels: int = 1, scaled: bool = True, softmax: bool = False
) -> Any:
    """A network that names the pattern it is most like, by its squared distance: right without any training."""
    wanted = patterns() / 255
    kernel, bias = np.zeros((36 * channels, len(order))), np.full(len(order), -30.0)
    for place, label in enumerate(order):
        if label != "-":
            grid = wanted[LABELS.index(label)].ravel()
            kernel[:, place] = np.repeat(grid, channels) * 20 / channels
            bias[place] = -10 * (grid**2).sum()
    layers = [
        keras.Input((side, side, channels)),
        *([keras.layers.Rescaling(1 / 255)] if scaled else []),
        keras.layers.AveragePooling2D(side // 6),
        keras.layers.Flatten(),
        keras.layers.Dense(len(order), activation="softmax" if softmax else None),
    ]
    network = keras.Sequential(layers)
    network.layers[-1].set_weights([kernel, bias])
    return network


def saved(path: Path, network: Any) -> Path:
    if path.suffix:
        network.save(path)
    else:
        network.export(path, verbose=False)
    return path


def refused(outcome: Outcome, code: int, said: str) -> None:
    """One sentence that says what to do, and the documented exit code."""
    assert outcome.code == code, outcome
    last = outcome.err.rstrip("\n").splitlines()[-1]
    assert last.startswith("mien-convert: ")
    assert said in last
    assert "unexpected" not in last
    assert "Traceback" not in outcome.err


def quantize_command(source: Path, data: Path, out: Path) -> list[str]:
    """A conversion as a program of its own."""
    return [sys.executable, "-m", "mien_convert.cli", "quantize", f"{source}", "--data", f"{data}", "--out", f"{out}"]


@pytest.mark.parametrize("mode", MODES)
def test_the_seed_network_converts_and_verifies_in_every_mode(
    convert: Convert, run: Path, faces: Path, tmp_path: Path, mode: str
) -> None:
    """All four modes load in every installed runtime, and cost nothing worth speaking of on faces it can tell apart."""
    file = tmp_path / "seed.tflite"
    done = convert("quantize", run, "--data", faces, "--out", file, "--mode", mode)
    assert done.code == 0, done
    assert all(f"{runtime}: loads" in done.out for runtime in installed())
    contract = model_file.read(file)[1]
    assert (contract.mode, contract.output, contract.recipe) == (mode, "logits", "seed, 6 epochs, seed 1")
    assert (contract.calibration is not None) == (mode == "int8")
    proven = convert("verify", file, "--against", run, "--data", faces, "--json")
    assert proven.code == 0, proven
    found = json.loads(proven.out)
    assert set(found["runtimes"]) == set(installed())
    assert all(one["agreement"] >= 0.97 for one in found["runtimes"].values())


def test_int8_means_all_int8(convert: Convert, run: Path, faces: Path, tmp_path: Path) -> None:
    """Grey levels arrive at scale 1 and zero point -128; no float tensor and no conversion is left in the graph."""
    file = tmp_path / "seed.tflite"
    assert convert("quantize", run, "--data", faces, "--out", file).code == 0
    network, contract = model_file.read(file)
    assert not {"QUANTIZE", "DEQUANTIZE"} & set(operators.operators(network))
    assert trial.run(file, installed()[0], np.zeros((1, 48, 48, 1), np.uint8)).input == (1.0, -128)
    assert contract.calibration is not None
    assert (contract.calibration.faces, contract.calibration.per_expression) == (7 * 20, 100)


def test_a_network_that_sees_both_sides_converts(faces: Path, tmp_path: Path) -> None:
    """Its layers are our own, which a fresh process has to know, and all of it becomes int8."""
    network = keras.Sequential(
        [
            keras.Input((48, 48, 1)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(4, 3, strides=4, activation="relu"),
            MirrorBranch(),
            keras.layers.Conv2D(6, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            MirrorMean(),
            keras.layers.Dense(7),
        ]
    )
    source, file = saved(tmp_path / "two.keras", network), tmp_path / "two.tflite"
    done = subprocess.run(quantize_command(source, faces, file), check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not {"QUANTIZE", "DEQUANTIZE"} & set(operators.operators(model_file.read(file)[0]))


def test_converting_twice_gives_the_same_bytes(convert: Convert, run: Path, faces: Path, tmp_path: Path) -> None:
    """In one process or in two, whatever was loaded before."""
    files = [tmp_path / "first.tflite", tmp_path / "second.tflite", tmp_path / "third.tflite"]
    for file in files[:2]:
        assert convert("quantize", run, "--data", faces, "--out", file).code == 0
    command = quantize_command(run, faces, files[2])
    subprocess.run(command, check=True, capture_output=True)
    assert files[0].read_bytes() == files[1].read_bytes() == files[2].read_bytes()


def test_a_killed_conversion_leaves_the_old_file(run: Path, faces: Path, tmp_path: Path) -> None:
    """Killed in the middle of its work, it has not touched FILE."""
    file = tmp_path / "old.tflite"
    file.write_bytes(b"old")
    command = quantize_command(run, faces, file)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert any(line.startswith("litert") for line in process.stdout)  # the new file is being written
        process.kill()
    assert process.returncode == -9
    assert file.read_bytes() == b"old"


@pytest.mark.parametrize("name", ["net.keras", "net.h5", "net"])
def test_every_kind_of_source_is_taken(convert: Convert, faces: Path, tmp_path: Path, name: str) -> None:
    """A .keras file, an .h5 file and a SavedModel folder give the same network."""
    source, file = saved(tmp_path / name, matcher()), tmp_path / "net.tflite"
    assert convert("quantize", source, "--data", faces, "--out", file).code == 0
    contract = model_file.read(file)[1]
    assert (contract.accuracy, contract.adapted, contract.recipe) == (1.0, "", name)
    assert convert("verify", file, "--against", source, "--data", faces).code == 0


@pytest.mark.parametrize(
    ("kind", "options", "said", "mode"),
    [
        ({"order": KAGGLE}, ["--labels", ",".join(KAGGLE)], "reordered", "int8"),
        ({"order": ("-", *KAGGLE)}, ["--labels=-," + ",".join(KAGGLE)], "reordered", "int8"),
        ({"scaled": False}, [], "0..1", "int8"),
        ({"softmax": True}, [], "", "int8"),
        ({"softmax": True}, [], "", "float32"),
        ({"side": 96, "channels": 3}, ["--resize"], "96 x 96 x 3", "int8"),
    ],
    ids=["labels", "an output too many", "no Rescaling", "softmax", "softmax in floats", "size and channels"],
)
def test_networks_of_another_make_are_adapted(
    convert: Convert, faces: Path, tmp_path: Path, kind: dict[str, Any], options: list[str], said: str, mode: str
) -> None:
    """What the device need not know is put into the graph: it names every pattern right, and verifies."""
    source, file = saved(tmp_path / "net.keras", matcher(**kind)), tmp_path / "net.tflite"
    assert convert("quantize", source, "--data", faces, "--out", file, "--mode", mode, *options).code == 0
    contract = model_file.read(file)[1]
    assert contract.accuracy == 1.0
    assert said in contract.adapted
    assert contract.output == ("probabilities" if kind.get("softmax") else "logits")
    proven = convert("verify", file, "--against", source, "--data", faces, "--json", *options)
    assert proven.code == 0, proven


def test_wrong_labels_are_noticed(convert: Convert, faces: Path, tmp_path: Path) -> None:
    """A network in another order, of which nothing was said, is converted with a note of its poor accuracy."""
    source = saved(tmp_path / "net.keras", matcher(order=KAGGLE))
    done = convert("quantize", source, "--data", faces, "--out", tmp_path / "net.tflite")
    assert "--labels" in done.out


def strange() -> Any:
    """A network with an operator that TFLite lacks."""
    image = keras.Input((48, 48, 1))
    scaled = keras.layers.Rescaling(1 / 255)(image)
    odd = keras.layers.Flatten()(keras.ops.erfinv(keras.layers.AveragePooling2D(8)(scaled)))
    return keras.Model(image, keras.layers.Dense(7)(odd))


@pytest.fixture
def disputed(faces: Path, tmp_path: Path) -> Path:
    """The same patterns, every FER2013 label wrong, and FER+ votes that are right; one validation face has none."""
    folder = tmp_path / "disputed"
    folder.mkdir()
    header, *rows = (faces / "fer2013.csv").read_text(encoding="utf-8").splitlines()
    wrong, votes = [header], ["Usage," + ",".join(VOTED)]
    for number, row in enumerate(rows, 1):
        code, pixels, usage = row.split(",")
        wrong.append(f"{(int(code) + 1) % 7},{pixels},{usage}")
        label = KAGGLE[int(code)] if number < len(rows) else ""
        votes.append(usage + "," + ",".join("10" if VOTED[name] == label else "0" for name in VOTED))
    (folder / "fer2013.csv").write_text("\n".join(wrong) + "\n", encoding="utf-8")
    (folder / "fer2013new.csv").write_text("\n".join(votes) + "\n", encoding="utf-8")
    return folder


VOTED = dict(zip(("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"), KAGGLE, strict=True))


def rated_run(folder: Path, view: str) -> Path:
    """A finished run of a network that is right by FER+'s votes."""
    folder.mkdir()
    saved(folder / "model.keras", matcher())
    settings = {"recipe": "mien", "view": view, "seed": 1, "epochs": 1, "faces": [140, 56]}
    (folder / "recipe.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "metrics.json").write_text(json.dumps({"crop_margin": 0.0}), encoding="utf-8")
    return folder


def test_a_file_is_judged_by_the_labels_that_its_run_learned(convert: Convert, disputed: Path, tmp_path: Path) -> None:
    """Accuracy, confusion and temperature of a ferplus run are those against FER+, in every command, unasked."""
    rated, labelled = tmp_path / "rated.tflite", tmp_path / "labelled.tflite"
    run = rated_run(tmp_path / "run", "ferplus")
    assert convert("quantize", run, "--data", disputed, "--out", rated).code == 0
    contract = model_file.read(rated)[1]
    assert (contract.view, contract.accuracy, contract.faces) == ("ferplus", 1.0, 55)  # one without votes is left out
    assert [row[place] for place, row in enumerate(contract.confusion)] == [8, 8, 8, 8, 8, 8, 7]
    assert contract.temperature < 1  # always right: more confident is better
    assert convert("quantize", run / "model.keras", "--data", disputed, "--out", labelled).code == 0
    assert (model_file.read(labelled)[1].view, model_file.read(labelled)[1].accuracy) == ("fer2013", 0.0)
    proven = convert("verify", rated, "--against", run, "--data", disputed, "--json")
    assert json.loads(proven.out)["source"]["accuracy"] == 1.0
    done = convert("compare", rated, labelled, "--data", disputed, "--json", "--picture", tmp_path / "c.svg")
    assert {(row["view"], row["accuracy"]) for row in json.loads(done.out)} == {("ferplus", 1.0), ("fer2013", 0.0)}


def test_the_view_of_other_networks_is_asked_for(convert: Convert, faces: Path, disputed: Path, tmp_path: Path) -> None:
    """--view serves sources that say nothing, and is refused where a run says otherwise."""
    source, file = saved(tmp_path / "net.keras", matcher()), tmp_path / "net.tflite"
    assert convert("quantize", source, "--data", disputed, "--out", file, "--view", "ferplus").code == 0
    assert (model_file.read(file)[1].view, model_file.read(file)[1].accuracy) == ("ferplus", 1.0)
    run = rated_run(tmp_path / "run", "fer2013")
    refused(convert("quantize", run, "--data", faces, "--out", file, "--view", "ferplus"), 2, "leave out --view")
    bad = rated_run(tmp_path / "bad", "mine")
    refused(convert("quantize", bad, "--data", faces, "--out", file), 4, "damaged recipe.json")


def test_without_votes_the_labels_judge(convert: Convert, faces: Path, tmp_path: Path) -> None:
    """A ferplus run on data without votes gets a contract that does not claim FER+'s word."""
    run, file = rated_run(tmp_path / "run", "ferplus"), tmp_path / "net.tflite"
    done = convert("quantize", run, "--data", faces, "--out", file)
    assert "no FER+ votes" in done.out
    assert (model_file.read(file)[1].view, model_file.read(file)[1].accuracy) == ("fer2013", 1.0)


@pytest.mark.parametrize(
    ("network", "options", "said"),
    [
        (lambda: matcher(side=96), [], "--resize"),
        (lambda: matcher(channels=3), [], "--resize"),
        (lambda: matcher(order=("-", *LABELS)), [], "--labels"),
        (matcher, ["--labels", "happy,sad"], "once"),
        (matcher, ["--labels", ",".join((*LABELS[:6], "angry"))], "once"),
        (matcher, ["--labels", ",".join((*LABELS, "-"))], "8 outputs"),
        (strange, [], "Erfinv"),
    ],
    ids=["size", "channels", "width", "two labels", "a label twice", "labels too many", "operator"],
)
def test_what_does_not_fit_is_refused(
    convert: Convert, faces: Path, tmp_path: Path, network: Callable[[], Any], options: list[str], said: str
) -> None:
    """Exit code 5, one sentence, and an existing FILE as it was, with nothing beside it."""
    source, out = saved(tmp_path / "net.keras", network()), tmp_path / "out"
    out.mkdir()
    (out / "net.tflite").write_bytes(b"old")
    refused(convert("quantize", source, "--data", faces, "--out", out / "net.tflite", *options), 5, said)
    assert (out / "net.tflite").read_bytes() == b"old"
    assert len(list(out.iterdir())) == 1


def test_nothing_to_calibrate_with_is_refused(convert: Convert, faces: Path, tmp_path: Path) -> None:
    """Calibration takes training faces only, so a data set without any is of no use."""
    source = saved(tmp_path / "net.keras", matcher())
    lines = (faces / "fer2013.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "fer2013.csv").write_text("".join(line for line in lines if "Training" not in line), encoding="utf-8")
    refused(convert("quantize", source, "--data", tmp_path, "--out", tmp_path / "net.tflite"), 5, "calibrate")


def test_damaged_sources_are_refused(convert: Convert, faces: Path, tmp_path: Path) -> None:
    """A cut file, a file of junk, a folder of junk: one sentence each."""
    whole = saved(tmp_path / "whole.keras", matcher()).read_bytes()
    (tmp_path / "cut.keras").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "junk.h5").write_bytes(b"junk")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "saved_model.pb").write_bytes(b"junk")
    for name, code in (("cut.keras", 5), ("junk.h5", 5), ("folder", 5), ("missing.keras", 4)):
        refused(convert("quantize", tmp_path / name, "--data", faces, "--out", tmp_path / "net.tflite"), code, name)
    assert not (tmp_path / "net.tflite").exists()


def test_a_run_that_is_not_finished_is_refused(convert: Convert, faces: Path, tmp_path: Path) -> None:
    """A run without its metrics says what to do."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.json").write_text("{}", encoding="utf-8")
    refused(convert("quantize", tmp_path / "run", "--data", faces, "--out", tmp_path / "a.tflite"), 4, "mien-train fit")


def test_verify_tells_another_network(convert: Convert, faces: Path, tmp_path: Path) -> None:
    """A file made from another network fails, with the share on which it agrees and the points that it costs."""
    mine = saved(tmp_path / "mine.keras", matcher())
    other = saved(tmp_path / "other.keras", matcher(order=KAGGLE))
    assert convert("quantize", other, "--data", faces, "--out", tmp_path / "other.tflite").code == 0
    done = convert("verify", tmp_path / "other.tflite", "--against", mine, "--data", faces)
    refused(done, 5, "does not hold")
    assert "costs" in done.err
    assert "agrees on only" in done.err
    assert all(f"recall of {label}" in done.out for label in LABELS)


def too_new_network() -> bytes:
    """Dynamic-range weights with a scale for each unit of a dense layer: FULLY_CONNECTED version 12."""
    network = keras.Sequential([keras.Input((48, 48, 1)), keras.layers.Flatten(), keras.layers.Dense(7)])
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return bytes(converter.convert())


def test_operators_too_new_for_the_oldest_runtime_are_refused(convert: Convert, faces: Path, tmp_path: Path) -> None:
    """Found in the file itself, so also where tflite-runtime is not installed."""
    source, file = saved(tmp_path / "net.keras", matcher()), tmp_path / "net.tflite"
    assert convert("quantize", source, "--data", faces, "--out", file, "--mode", "dynamic").code == 0
    network = too_new_network()
    with pytest.raises(ModelError, match="FULLY_CONNECTED version 12"):
        operators.check(network)
    file.write_bytes(model_file.pack(network, model_file.read(file)[1]))
    refused(convert("verify", file, "--against", source, "--data", faces), 5, "FULLY_CONNECTED version 12")


MEASURE = """
import flatbuffers, json, sys
from ai_edge_litert import schema_py_generated as schema
from tflite_runtime.interpreter import Interpreter

def takes(code, version):
    used = schema.OperatorCodeT()
    used.builtinCode, used.deprecatedBuiltinCode, used.version = code, min(code, 127), version
    graph = schema.SubGraphT()
    graph.tensors = graph.inputs = graph.outputs = graph.operators = []
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs = 3, [used], [graph]
    model.buffers, model.metadata = [schema.BufferT()], []
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    try:
        Interpreter(model_content=bytes(builder.Output()))
    except ValueError:
        return False
    return True

names = {name: code for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
latest = {name: max((v for v in range(1, 20) if takes(code, v)), default=0) for name, code in names.items()}
print(json.dumps({name: version for name, version in latest.items() if version}))
"""


def test_the_table_of_operators_is_that_of_the_oldest_runtime() -> None:
    """Measured on tflite-runtime 2.14 itself, operator by operator and version by version."""
    if "tflite-runtime" not in installed():
        pytest.skip("tflite-runtime is not installed")
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == operators.oldest_runtime()


def test_compare_measures_side_by_side(convert: Convert, faces: Path, tmp_path: Path) -> None:
    """A row for each file, runtime and number of threads, as a table, as JSON and as a picture."""
    source, files = saved(tmp_path / "net.keras", matcher()), [tmp_path / "a.tflite", tmp_path / "b.tflite"]
    for file, mode in zip(files, ("int8", "float32"), strict=True):
        assert convert("quantize", source, "--data", faces, "--out", file, "--mode", mode).code == 0
    done = convert("compare", *files, "--data", faces, "--json", "--picture", tmp_path / "c.svg")
    assert done.code == 0, done
    rows = json.loads(done.out)
    assert len(rows) == 2 * 3 * len(installed())
    for row in rows:
        assert row["accuracy"] == 1.0
        assert 0 < row["median_ms"] <= row["p90_ms"]
        assert 20 < row["memory_mib"] < 400
        assert row["load_ms"] > 0
    assert "<svg" in (tmp_path / "c.svg").read_text(encoding="utf-8")


def test_compare_wants_model_files(convert: Convert, faces: Path, tmp_path: Path) -> None:
    """A file without a contract, a file named twice, a picture of no kind: told before anything is measured."""
    source = saved(tmp_path / "net.keras", matcher())
    refused(convert("compare", source, "--data", faces), 5, "net.keras")
    refused(convert("compare", source, source, "--data", faces), 2, "twice")
    refused(convert("compare", source, "--data", faces, "--picture", tmp_path / "c.txt"), 2, ".svg")


def test_help_loads_no_tensorflow() -> None:
    """mien-convert --help answers at once."""
    code = "import sys, mien_convert.cli as c; c.parser().format_help(); print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
