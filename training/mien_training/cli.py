"""mien-train: train a network, and measure one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mien.cli import Arguments, Parser, dispatch, guarded
from mien.errors import UsageError
from mien_training.wake import wake_keras


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
    made.add_argument("--teacher", type=Path, metavar="RUN", help="a finished run whose answers to learn from")
    made.add_argument("--epochs", type=int, metavar="N", help="default: the recipe's")
    made.add_argument("--seed", type=int, default=1, metavar="N", help="of every random choice (default 1)")
    made.add_argument("--limit", type=int, metavar="N", help="use only the first N faces of each split, for a try")

    text = "Measure a .keras or .tflite network on a split."
    made = commands.add_parser("evaluate", help=text, description=text)
    made.set_defaults(function=evaluate)
    made.add_argument("model", type=Path, metavar="MODEL")
    made.add_argument("--data", required=True, type=Path, metavar="DIR")
    made.add_argument("--split", required=True, metavar="NAME", help="Training, PublicTest or PrivateTest")
    made.add_argument("--json", action="store_true", help="print JSON")
    return top


def fit(args: Arguments) -> None:
    """mien-train fit"""
    wake_keras()
    from mien_training.fit import fit as train
    from mien_training.recipes import RECIPES

    if args.recipe not in RECIPES:
        raise UsageError(f"There is no recipe {args.recipe!r}: use {', '.join(RECIPES)}.")
    recipe = RECIPES[args.recipe]
    epochs = recipe.epochs if args.epochs is None else args.epochs
    if epochs < 1 or args.seed < 0 or (args.limit is not None and args.limit < 1):
        raise UsageError("--epochs and --limit must be at least 1, and --seed at least 0.")
    found = train(recipe, args.data, args.out, epochs=epochs, seed=args.seed, limit=args.limit, teacher=args.teacher)
    print(in_words(found))
    print(f"crop margin {found['crop_margin']:+.2f}; {args.out} holds model.keras, metrics.json and pictures")


def evaluate(args: Arguments) -> None:
    """mien-train evaluate"""
    from mien_training import datasets

    faces = datasets.read(args.data, args.split)
    wake_keras()
    from mien_training.evaluate import metrics
    from mien_training.predict import open_predictor

    predict = open_predictor(args.model)
    found = {"model": args.model.name, "split": args.split} | metrics(predict(faces.images), faces.labels)
    print(json.dumps(found) if args.json else in_words(found))


def in_words(found: dict[str, object]) -> str:
    """Metrics for a person."""
    recall = found["recall"]
    assert isinstance(recall, dict)
    rows = "\n".join(f"  {label:<9} {share:.4f}" for label, share in recall.items())
    return (
        f"accuracy {found['accuracy']:.4f} on {found['faces']} faces, balanced {found['balanced_accuracy']:.4f}\n"
        f"recall by expression\n{rows}"
    )


if __name__ == "__main__":
    sys.exit(main())
