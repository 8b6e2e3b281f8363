"""mien-train: train a network, and measure one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from mien.cli import Arguments, Parser, dispatch, guarded
from mien.errors import UsageError
from mien.vision.model_file import View
from mien_training.keras_import import import_keras_quietly


def main(arguments: list[str] | None = None) -> int:
    """Run a command; exit codes as of `mien`."""
    return guarded("mien-train", lambda: dispatch(parser().parse_args(arguments)))


def parser() -> Parser:
    """All commands with their help."""
    top = Parser(prog="mien-train", description="Train and measure expression networks.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    text = "Train a recipe, or go on with a run that was stopped."
    made = commands.add_parser("fit", help=text, description=text)
    made.set_defaults(function=fit)
    made.add_argument("--recipe", required=True, metavar="NAME", help="mien, fer2013, seed or parts")
    made.add_argument(
        "--data", required=True, type=Path, metavar="DIR", help="fer2013.csv, or train/ and val/, are here"
    )
    made.add_argument("--out", required=True, type=Path, metavar="RUN", help="the run's folder")
    made.add_argument("--start", type=Path, metavar="RUN", help="a finished run whose weights to begin with")
    made.add_argument(
        "--teacher", type=Path, nargs="+", default=[], metavar="RUN", help="runs whose answers to learn from"
    )
    made.add_argument("--epochs", type=int, metavar="N", help="default: the recipe's")
    made.add_argument("--seed", type=int, default=1, metavar="N", help="of every random choice (default 1)")
    made.add_argument("--limit", type=int, metavar="N", help="use only the first N faces of each split, for a try")

    text = "Make one network of several runs: the mean of their weights."
    made = commands.add_parser("average", help=text, description=text)
    made.set_defaults(function=average)
    made.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="finished runs of one beginning")
    made.add_argument("--data", required=True, type=Path, metavar="DIR")
    made.add_argument("--out", required=True, type=Path, metavar="RUN", help="the new run's folder")

    text = "Measure a .keras or .tflite network on a split."
    made = commands.add_parser("evaluate", help=text, description=text)
    made.set_defaults(function=evaluate)
    made.add_argument("model", type=Path, metavar="MODEL", help="a .keras or .tflite file, or a finished run")
    made.add_argument("--data", required=True, type=Path, metavar="DIR")
    made.add_argument("--split", required=True, metavar="NAME", help="Training, PublicTest or PrivateTest")
    made.add_argument("--json", action="store_true", help="print JSON")

    text = "Measure networks side by side: a page, JSON, and the tables of a model card."
    made = commands.add_parser("report", help=text, description=text)
    made.set_defaults(function=report)
    made.add_argument("models", nargs="+", type=Path, metavar="MODEL_OR_RUN", help="as for evaluate")
    made.add_argument("--data", required=True, type=Path, metavar="DIR")
    made.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="gets index.html, report.json, card.md")
    made.add_argument("--split", default="PublicTest", metavar="NAME", help="default PublicTest")
    return top


def fit(args: Arguments) -> None:
    """mien-train fit"""
    import_keras_quietly()
    from mien_training.fit import fit as train
    from mien_training.recipes import RECIPES

    if args.recipe not in RECIPES:
        raise UsageError(f"There is no recipe {args.recipe!r}: use {', '.join(RECIPES)}.")
    recipe = RECIPES[args.recipe]
    epochs = recipe.epochs if args.epochs is None else args.epochs
    if epochs < 1 or args.seed < 0 or (args.limit is not None and args.limit < 1):
        raise UsageError("--epochs and --limit must be at least 1, and --seed at least 0.")
    found = train(
        recipe,
        args.data,
        args.out,
        epochs=epochs,
        seed=args.seed,
        limit=args.limit,
        start=args.start,
        teachers=args.teacher,
    )
    _tell(found, recipe.view, args.out)


def average(args: Arguments) -> None:
    """mien-train average"""
    if len(args.runs) < 2:
        raise UsageError("One run has no mean: name two or more.")
    import_keras_quietly()
    from mien_training.average import average as mean
    from mien_training.files import read_json

    found = mean(args.runs, args.data, args.out)
    _tell(found, read_json(args.out / "recipe.json", {})["view"], args.out)


def _tell(found: dict[str, Any], view: View, run: Path) -> None:
    """What a finished run is worth, and where it is."""
    from mien_training.report.tables import as_text, classes, summary

    print(as_text(summary({view: found})), as_text(classes({view: found})), sep="\n\n")
    print(f"crop margin {found['crop_margin']:+.2f}; {run} holds model.keras, metrics.json and pictures")


def evaluate(args: Arguments) -> None:
    """mien-train evaluate"""
    import_keras_quietly()
    from mien_training.evaluation.evaluate import measure, own_view
    from mien_training.evaluation.trained_model import open_trained
    from mien_training.report.report import read_both
    from mien_training.report.tables import as_text, classes, summary

    faces, validation = read_both(args.data, args.split)
    trained = open_trained(args.model)
    figures = measure(trained, faces, validation)
    if args.json:
        view = own_view(trained, faces)
        head = {"model": args.model.name, "split": args.split, "view": view}
        print(json.dumps(head | figures["views"][view] | figures))
        return
    scaling = "none" if figures["temperature"] is None else f"{figures['temperature']:.3f}"
    print(f"{args.model.name} on {args.split}, temperature {scaling}\n")
    print(as_text(summary(figures["views"])), as_text(classes(figures["views"])), sep="\n\n")


def report(args: Arguments) -> None:
    """mien-train report"""
    import_keras_quietly()
    from mien_training.report.report import report as write

    write(args.models, args.data, args.split, args.out, lambda line: print(line, file=sys.stderr, flush=True))
    print(f"{args.out} holds index.html, report.json and card.md")


if __name__ == "__main__":
    sys.exit(main())
