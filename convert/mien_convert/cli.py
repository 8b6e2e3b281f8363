"""mien-convert: convert a trained network to a model file for the device, and measure the cost of the conversion."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mien.cli import Arguments, Parser, guarded
from mien.vision.native_stderr import suppress_native_stderr
from mien_convert.progress import log
from mien_training.data.label_mapping import add_data_options
from mien_training.keras_import import check_installed, import_keras_quietly, missing_extras_explained


class _Command(NamedTuple):
    """A command: its help, its arguments, the module whose `run` executes it, and whether that needs TensorFlow."""

    help: str
    add_arguments: Callable[[Parser], None]
    module: str
    uses_tensorflow: bool


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code; the codes are those of `mien`."""
    return guarded("mien-convert", lambda: _run(parser().parse_args(arguments)))


def parser() -> Parser:
    """Return the parser of all commands, without loading their modules."""
    top = Parser(
        prog="mien-convert", description="Convert trained networks to model files, and measure the cost of that."
    )
    subparsers = top.add_subparsers(required=True, metavar="COMMAND")
    for name, command in _COMMANDS.items():
        subparser = subparsers.add_parser(name, help=command.help, description=command.help)
        subparser.set_defaults(command=command)
        command.add_arguments(subparser)
    return top


def _run(args: Arguments) -> int:
    """Load the command's module, which takes seconds where it needs TensorFlow, and call its `run`."""
    command: _Command = args.command
    with missing_extras_explained():
        if command.uses_tensorflow:
            check_installed("keras", "tensorflow")
            log("loading TensorFlow")
            import_keras_quietly("tensorflow")  # whatever trained the network
        with suppress_native_stderr():  # TensorFlow logs to it while it loads
            module = importlib.import_module(command.module)
        module.run(args)
    return 0


def _add_quantize(parser: Parser) -> None:
    parser.add_argument("source", type=Path, metavar="SOURCE", help="a .keras or .h5 file, SavedModel folder or run")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="for example expression.tflite")
    _add_data(parser)
    parser.add_argument(
        "--mode", choices=("int8", "dynamic", "float16", "float32"), default="int8", help="default int8, in and out"
    )
    _add_adaptation(parser)
    parser.add_argument(
        "--view",
        choices=("fer2013", "ferplus"),
        help="evaluate against the data's own labels or FER+'s majority (default: its run's, else the data's own)",
    )


def _add_verify(parser: Parser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a model file of mien-convert quantize")
    parser.add_argument("--against", required=True, type=Path, metavar="SOURCE", help="as for quantize")
    _add_data(parser)
    parser.add_argument("--split", default="PublicTest", metavar="NAME", help="default PublicTest")
    parser.add_argument(
        "--max-cost", type=_percentage, default=0.3, metavar="POINTS", help="of accuracy, in per cent (default 0.3)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    _add_adaptation(parser)


def _add_compare(parser: Parser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    _add_data(parser)
    parser.add_argument("--split", default="PublicTest", metavar="NAME", help="default PublicTest")
    parser.add_argument(
        "--picture", type=Path, default=Path("compare.svg"), metavar="FILE", help="default compare.svg; .png, .pdf too"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_data(parser: Parser) -> None:
    add_data_options(parser, "--data-labels")  # --labels are those of a network's outputs


def _add_adaptation(parser: Parser) -> None:
    group = parser.add_argument_group("for networks not trained with mien-train (the same for quantize and verify)")
    group.add_argument(
        "--labels", metavar="A,B,...", help="its outputs in order, - for one that mien lacks (default: mien's order)"
    )
    group.add_argument(
        "--levels",
        choices=("unit", "signed", "byte"),
        help="it was trained on 0 to 1, -1 to 1 or 0 to 255 (default: byte if it normalises its input, else unit)",
    )
    group.add_argument("--resize", action="store_true", help="scale the image to the network's size and channels")


def _percentage(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of percentage points from 0 to 100")
    return value


_COMMANDS = {
    "quantize": _Command(
        "Convert a network, run it in every installed runtime, write its model file.",
        _add_quantize,
        "mien_convert.quantize",
        uses_tensorflow=True,
    ),
    "verify": _Command(
        "Compare a model file with the network that it was made from.",
        _add_verify,
        "mien_convert.verify",
        uses_tensorflow=True,
    ),
    "compare": _Command(
        "Compare model files: accuracy, size, latency, memory, load time.",
        _add_compare,
        "mien_convert.compare",
        uses_tensorflow=False,
    ),
}


if __name__ == "__main__":
    sys.exit(main())
