"""`mien learn`: learns how a person shows the expressions, from the camera or from photos; numbers only are kept."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from mien.commands.arguments import add_config
from mien.controls import DEFAULT_PERSON
from mien.errors import UsageError
from mien.text import is_name

if TYPE_CHECKING:
    from mien.config import Config
    from mien.service.people import PeopleStore, StoredPerson

_USAGE = """%(prog)s [NAME] [--camera SPEC | --from FOLDER] [--config FILE]
       %(prog)s show [--json] [--config FILE]
       %(prog)s forget [NAME]"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mien learn`."""
    parser.usage = _USAGE
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"whose face it is (default {DEFAULT_PERSON}); or show: what was learned; or forget [NAME]: remove it",
    )
    parser.add_argument("--camera", metavar="SPEC", help="as for mien run")
    parser.add_argument(
        "--from", dest="folder", type=Path, metavar="FOLDER", help="photos, in FOLDER/neutral, FOLDER/happy and so on"
    )
    parser.add_argument("--json", action="store_true", help="show: print JSON")
    add_config(parser)


def run(arguments: argparse.Namespace) -> None:
    """Learn a person, or show or remove what was learned. Raises UsageError, InputError and LearningError."""
    names: list[str] = arguments.names
    action = names[0] if names and names[0] in ("show", "forget") else None
    name = next(iter(names[1:] if action else names), None)
    _check_usage(arguments, action, name)
    # here, so that `mien learn --help` loads neither OpenCV nor the runtime
    from mien.config_file import load_effective
    from mien.service.people import PeopleStore
    from mien.state import state_directory

    config, store = load_effective(arguments.config), PeopleStore(state_directory())
    if action == "forget":
        print(forget(store, name))
    elif action == "show":
        show(store, config, as_json=arguments.json)
    else:
        _learn(arguments, config, store, name or DEFAULT_PERSON)


def _check_usage(arguments: argparse.Namespace, action: str | None, name: str | None) -> None:
    most = {None: 1, "show": 1, "forget": 2}[action]
    if len(arguments.names) > most:
        raise UsageError("Give one name, in quotes if it has spaces; see mien learn --help.")
    if name is not None and not is_name(name):
        raise UsageError("The name must have 1 to 40 printable characters.")
    if action is not None and (arguments.camera is not None or arguments.folder is not None):
        raise UsageError(f"mien learn {action} takes neither --camera nor --from.")
    if arguments.json and action != "show":
        raise UsageError("--json is for mien learn show.")
    if arguments.camera is not None and arguments.folder is not None:
        raise UsageError("Give either --camera or --from.")
    if arguments.camera is not None and not arguments.camera.strip():
        raise UsageError("--camera is empty: name a camera, a photo, a video or a folder, or use --camera demo.")


def _learn(arguments: argparse.Namespace, config: Config, store: PeopleStore, name: str) -> None:
    from mien.clock import Clock
    from mien.service.learning import format_gain, keep
    from mien.vision.recognizer import ExpressionRecognizer, open_classifier

    store.read()  # a file that cannot be used is reported before anybody poses
    if arguments.folder is not None:
        from mien.commands.learn_photos import read_folder

        classifier = open_classifier(config.model)
        readings = read_folder(arguments.folder, config, classifier)
    else:
        from mien.commands.learn_camera import open_learning_camera, pose

        recognizer = ExpressionRecognizer.open(config.vision, config.model)
        classifier = recognizer.classifier
        with open_learning_camera(config.camera, arguments.camera) as frames:
            readings = pose(frames, recognizer)
    print(format_gain(name, keep(store, name, readings, classifier.contract, Clock())))


def forget(store: PeopleStore, name: str | None) -> str:
    """Remove a person, or everybody where there is no name, and return a sentence on it."""
    if name is None:
        return (
            "What was learned of faces is removed." if store.clear() else "Nothing was learned, so nothing is removed."
        )
    if store.remove(name):
        return f"What was learned of {name} is removed."
    return f"Nothing was learned of {name}: see mien learn show."


def show(store: PeopleStore, config: Config, *, as_json: bool = False, file: TextIO | None = None) -> None:
    """Print what is stored: a table, or JSON with all the numbers."""
    import json

    import msgspec

    from mien.vision.recognizer import open_classifier

    people = store.read()
    network = open_classifier(config.model).contract.network_sha256
    if as_json:
        content = {
            name: {**msgspec.to_builtins(person), "current": person.network == network}
            for name, person in people.items()
        }
        text = json.dumps({"file": str(store.path), "people": content}, ensure_ascii=False, indent=1)
    else:
        text = format_people(people, network) if people else "Nothing was learned yet: run mien learn."
    print(text, file=file or sys.stdout)


def format_people(people: dict[str, StoredPerson], network: str) -> str:
    """Return a table: of each person the expressions, with readings, day, spread and mean evidence."""
    from mien.expression import LABELS

    columns = "".join(f"{label[:5]:>6}" for label in LABELS)
    heading = f"{'':<10}{'readings':>8}  {'learned':<10}  {'spread':>6}{columns}"
    lines = []
    for name, person in people.items():
        note = "" if person.network == network else "  (with another network: run mien learn again)"
        lines += [f"{name}, strength {person.strength:g}{note}", heading]
        lines += [
            f"{label:<10}{one.count:>8}  {one.learned:<10}  {one.spread:6.2f}"
            + "".join(f"{value:6.1f}" for value in one.mean)
            for label, one in sorted(person.expressions.items(), key=lambda item: LABELS.index(item[0]))
        ]
        lines.append("")
    return "\n".join(lines).rstrip()
