"""mien-convert: turn a trained network into a model file for the device, and prove what it cost."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mien.cli import Arguments, Parser, dispatch, guarded
from mien.errors import ModelError, UsageError
from mien.vision.native_stderr import suppress_native_stderr
from mien_training.keras_import import import_keras_quietly

if TYPE_CHECKING:  # TensorFlow is loaded by the commands alone
    from mien_convert.adapt import Adaptation

_PICTURES = (".svg", ".png", ".pdf")


def main(arguments: list[str] | None = None) -> int:
    """Run a command; exit codes as of `mien`."""
    return guarded("mien-convert", lambda: dispatch(parser().parse_args(arguments)))


def parser() -> Parser:
    """All commands with their help."""
    top = Parser(prog="mien-convert", description="Turn trained networks into model files, and prove what that cost.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: Callable[[Arguments], None], text: str) -> Parser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(function=function)
        return made

    made = command("quantize", quantize, "Convert a network, try it in every installed runtime, write its model file.")
    made.add_argument("source", type=Path, metavar="SOURCE", help="a .keras or .h5 file, SavedModel folder or run")
    made.add_argument("--out", required=True, type=Path, metavar="FILE", help="for example expression.tflite")
    _add_data(made)
    made.add_argument(
        "--mode", choices=("int8", "dynamic", "float16", "float32"), default="int8", help="default int8, in and out"
    )
    _add_adaptation(made)
    made.add_argument(
        "--view",
        choices=("fer2013", "ferplus"),
        help="whose labels judge it: the data's own or FER+'s majority (default: as its run says, else the data's own)",
    )

    made = command("verify", verify, "Compare a model file with the network that it was made from.")
    made.add_argument("file", type=Path, metavar="FILE", help="a model file of mien-convert quantize")
    made.add_argument("--against", required=True, type=Path, metavar="SOURCE", help="as for quantize")
    _add_data(made)
    made.add_argument("--split", default="PublicTest", metavar="NAME", help="default PublicTest")
    made.add_argument(
        "--max-cost", type=float, default=0.3, metavar="POINTS", help="of accuracy, in per cent (default 0.3)"
    )
    made.add_argument("--json", action="store_true", help="print JSON")
    _add_adaptation(made)

    made = command("compare", compare, "Measure model files side by side: accuracy, size, latency, memory, load time.")
    made.add_argument("files", nargs="+", type=Path, metavar="FILE")
    _add_data(made)
    made.add_argument("--split", default="PublicTest", metavar="NAME", help="default PublicTest")
    made.add_argument(
        "--picture", type=Path, default=Path("compare.svg"), metavar="FILE", help="default compare.svg; .png, .pdf too"
    )
    made.add_argument("--json", action="store_true", help="print JSON")
    return top


def quantize(args: Arguments) -> None:
    """mien-convert quantize"""
    print("loading TensorFlow", flush=True)
    import_keras_quietly()
    with suppress_native_stderr():  # TensorFlow's own import
        from mien_convert import quantize as converting

    how = replace(_adaptation(args), view=args.view)
    contract = converting.quantize(args.source, args.data, args.out, args.mode, how)
    print(converting.in_words(args.out, contract))


def verify(args: Arguments) -> None:
    """mien-convert verify"""
    if not 0 <= args.max_cost <= 100:
        raise UsageError("--max-cost is a number of percentage points from 0 to 100.")
    _say("loading TensorFlow")
    import_keras_quietly()
    with suppress_native_stderr():  # TensorFlow's own import
        from mien_convert import verify as proving
        from mien_convert.adapt import adapt
        from mien_convert.source import open_source
    from mien.vision import model_file
    from mien_training.data import fer2013

    model_file.read(args.file)  # a bad file is told before minutes of other work
    network = adapt(open_source(args.against), _adaptation(args))
    faces = fer2013.read(args.data, args.split)
    _say(f"naming {len(faces)} faces of {args.split} before and after")
    verdict = proving.verify(args.file, network, faces, args.max_cost)
    print(json.dumps(verdict.found) if args.json else proving.in_words(verdict), flush=True)
    if verdict.reasons:
        raise ModelError(f"{args.file} does not hold: {'; '.join(verdict.reasons)}.")
    _say(f"{args.file} holds.")


def compare(args: Arguments) -> None:
    """mien-convert compare"""
    from mien_convert import compare as comparing
    from mien_convert import picture
    from mien_training.data import fer2013
    from mien_training.files import save_atomically

    if args.picture.suffix not in _PICTURES:
        raise UsageError(f"--picture must end in {', '.join(_PICTURES)}.")
    faces = fer2013.read(args.data, args.split)
    rows = comparing.compare(args.files, faces, _say)
    save_atomically(args.picture, partial(picture.save, rows=rows))
    print(json.dumps(rows) if args.json else comparing.in_words(rows, len(faces), args.split))
    _say(f"{args.picture} shows it")


def _adaptation(args: Arguments) -> Adaptation:
    from mien_convert.adapt import Adaptation

    labels = None if args.labels is None else tuple(name.strip().lower() for name in args.labels.split(","))
    return Adaptation(labels, args.levels, args.resize)


def _say(text: str) -> None:
    """Progress goes to stderr: stdout is for the result."""
    print(text, file=sys.stderr, flush=True)


def _add_data(made: Parser) -> None:
    made.add_argument("--data", required=True, type=Path, metavar="DIR", help="holds fer2013.csv, or train/ and val/")


def _add_adaptation(made: Parser) -> None:
    group = made.add_argument_group("for networks of another make (the same for quantize and verify)")
    group.add_argument(
        "--labels", metavar="A,B,...", help="its outputs in order, - for one that mien lacks (default: mien's order)"
    )
    group.add_argument(
        "--levels",
        choices=("unit", "signed", "byte"),
        help="it was trained on 0 to 1, -1 to 1 or 0 to 255 (default: byte if it normalises by itself, else unit)",
    )
    group.add_argument("--resize", action="store_true", help="scale the picture to the network's size and channels")


if __name__ == "__main__":
    sys.exit(main())
