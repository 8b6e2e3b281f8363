"""mien-train: train a network, and measure one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.cli import Arguments, Parser, dispatch, guarded
from mien.errors import UsageError
from mien.vision.model_file import View
from mien_training.data.label_mapping import add_data_options
from mien_training.keras_import import import_keras_quietly, missing_extras_explained

if TYPE_CHECKING:
    pass


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code, as of `mien`; 2 where the extra `training` is not installed."""

    def run() -> int:
        with missing_extras_explained():
            return dispatch(parser().parse_args(arguments))

    return guarded("mien-train", run)


def parser() -> Parser:
    """Return the parser with all commands and their help."""
    top = Parser(prog="mien-train", description="Train and measure expression networks.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    text = "Train a recipe, or resume a run that was stopped."
    command = commands.add_parser("fit", help=text, description=text)
    command.set_defaults(function=fit)
    command.add_argument("--recipe", required=True, metavar="NAME", help="mien, mien-device, fer2013, seed or parts")
    add_data_options(command)
    command.add_argument("--out", required=True, type=Path, metavar="RUN", help="the run's folder")
    command.add_argument("--start", type=Path, metavar="RUN", help="a finished run whose weights to start with")
    command.add_argument(
        "--teacher", type=Path, nargs="+", default=[], metavar="RUN", help="runs whose predictions to learn from"
    )
    command.add_argument("--epochs", type=int, metavar="N", help="default: the recipe's")
    command.add_argument("--seed", type=int, default=1, metavar="N", help="of every random choice (default 1)")
    command.add_argument("--limit", type=int, metavar="N", help="use only the first N faces of each split, for a try")

    text = "Average the weights of several runs into one network."
    command = commands.add_parser("average", help=text, description=text)
    command.set_defaults(function=average)
    command.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="finished runs with a common start")
    add_data_options(command)
    command.add_argument("--out", required=True, type=Path, metavar="RUN", help="the new run's folder")

    text = "Measure a .keras or .tflite network: on a split, or on sets of faces of any origin."
    command = commands.add_parser("evaluate", help=text, description=text)
    command.set_defaults(function=evaluate)
    command.add_argument("model", type=Path, metavar="MODEL", help="a .keras or .tflite file, or a finished run")
    add_data_options(command, sets=True)
    command.add_argument(
        "--split",
        metavar="NAME",
        help="Training, PublicTest or PrivateTest; without it, balanced recall under an even prior of each folder",
    )
    command.add_argument("--detect", action="store_true", help="the pictures are whole photos: detect their faces")
    command.add_argument("--json", action="store_true", help="print JSON, an object a folder")

    text = "Compare networks: an HTML page, JSON, and the tables of a model card."
    command = commands.add_parser("report", help=text, description=text)
    command.set_defaults(function=report)
    command.add_argument("models", nargs="+", type=Path, metavar="MODEL_OR_RUN", help="as for evaluate")
    add_data_options(command)
    command.add_argument(
        "--out", required=True, type=Path, metavar="FOLDER", help="for index.html, report.json and card.md"
    )
    command.add_argument("--split", default="PublicTest", metavar="NAME", help="default PublicTest")
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
    metrics = train(
        recipe,
        args.data,
        args.out,
        epochs=epochs,
        seed=args.seed,
        limit=args.limit,
        start=args.start,
        teachers=args.teacher,
        labels=args.labels,
    )
    _print_metrics(metrics, recipe.view, args.out)


def average(args: Arguments) -> None:
    """mien-train average"""
    if len(args.runs) < 2:
        raise UsageError("A mean takes several runs: give two or more.")
    import_keras_quietly()
    from mien_training.average import average as average_runs
    from mien_training.files import read_json

    metrics = average_runs(args.runs, args.data, args.out, args.labels)
    _print_metrics(metrics, read_json(args.out / "recipe.json", {})["view"], args.out)


def _print_metrics(metrics: dict[str, Any], view: View, run: Path) -> None:
    """Print the metrics of a finished run, and the names of its files."""
    from mien_training.report.tables import classes, format_text, summary

    print(format_text(summary({view: metrics})), format_text(classes({view: metrics})), sep="\n\n")
    print(f"crop margin {metrics['crop_margin']:+.2f}; {run} holds model.keras, metrics.json and pictures")


def evaluate(args: Arguments) -> None:
    """mien-train evaluate"""
    if args.split and (len(args.data) > 1 or args.detect):
        raise UsageError("--split measures one data set's own faces: give one --data, and no --detect.")
    import_keras_quietly()
    if args.split:
        _evaluate_split(args)
    else:
        _evaluate_sets(args)


def _evaluate_split(args: Arguments) -> None:
    """Print the metrics of one split."""
    from mien_training.evaluation.evaluate import measure, primary_view
    from mien_training.evaluation.trained_model import open_trained_model
    from mien_training.report.report import read_with_validation
    from mien_training.report.tables import by_prior, classes, format_text, summary

    faces, validation = read_with_validation(args.data[0], args.split, args.labels)
    trained = open_trained_model(args.model)
    figures = measure(trained, faces, validation)
    if args.json:
        view = primary_view(trained, faces)
        head = {"model": args.model.name, "split": args.split, "view": view}
        print(json.dumps(head | figures["views"][view] | figures))
        return
    scaling = "none" if figures["temperature"] is None else f"{figures['temperature']:.3f}"
    print(f"{args.model.name} on {args.split}, temperature {scaling}\n")
    tables = (summary(figures["views"]), by_prior(figures["views"]), classes(figures["views"]))
    print("\n\n".join(format_text(table) for table in tables if len(table) > 1))


def _evaluate_sets(args: Arguments) -> None:
    """Print how the faces of each folder are named under an even prior."""
    from mien_training.data import fer2013
    from mien_training.data.face_set import list_face_set, open_cropper, read_faces, whole_picture
    from mien_training.evaluation.balanced_recall import format_recall
    from mien_training.evaluation.evaluate import measure_set
    from mien_training.evaluation.trained_model import open_trained_model

    for folder in args.data:
        if fer2013.contains_table(folder):
            raise UsageError(f"{folder} holds FER2013's table: add --split PublicTest.")
    trained = open_trained_model(args.model)
    crop = open_cropper(trained.crop_margin) if args.detect else whole_picture
    prior = "even prior" if trained.contract else "its own prior, which is not recorded"
    for folder in args.data:
        figures = measure_set(trained, read_faces(list_face_set(folder, args.labels), crop))
        if args.json:
            head = {"model": args.model.name, "data": str(folder), "detected": args.detect}
            print(json.dumps(head | figures), flush=True)
        else:
            print(f"{args.model.name} on {figures['faces']} faces of {folder}, {prior}")
            print(format_recall(figures), flush=True)


def report(args: Arguments) -> None:
    """mien-train report"""
    import_keras_quietly()
    from mien_training.report.report import report as write_report

    write_report(
        args.models,
        args.data,
        args.split,
        args.out,
        lambda line: print(line, file=sys.stderr, flush=True),
        labels=args.labels,
    )
    print(f"{args.out} holds index.html, report.json and card.md")


if __name__ == "__main__":
    sys.exit(main())
