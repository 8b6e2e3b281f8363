"""The command line: one thin function a command."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from mien import __version__
from mien.errors import InputError, MienError, UsageError
from mien.events import certain
from mien.expression import LABELS, Expression

if TYPE_CHECKING:  # --help shall not load what only the commands need
    from mien.config import Config

Arguments = argparse.Namespace


class Parser(argparse.ArgumentParser):
    """Answers a wrong command line like every other error: one sentence, exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Raise the UsageError."""
        raise UsageError(f"{message}; see {self.prog} --help.")


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, else the error's own, after one sentence on stderr."""
    return guarded("mien", lambda: dispatch(parser().parse_args(arguments)))


def dispatch(args: Arguments) -> int:
    """Call the command's function."""
    command: Callable[[Arguments], int | None] = args.function
    return command(args) or 0


def guarded(program: str, work: Callable[[], int]) -> int:
    """Do the work of a command; turn what goes wrong into one sentence and an exit code, never a traceback."""
    try:
        code = work()
        sys.stdout.flush()
    except MienError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # the reader of our output has gone: nothing is left to say, not even at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        place = _innermost(error)
        print(f"{program}: unexpected {type(error).__name__} at {place}: {error}. Please report it.", file=sys.stderr)
        return 1
    return code


def parser() -> Parser:
    """All commands with their help."""
    top = Parser(prog="mien", description="A private mood sensor and DJ for the Raspberry Pi.")
    top.add_argument("--version", action="version", version=f"mien {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: Callable[[Arguments], int | None], text: str) -> Parser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(function=function)
        return made

    made = command("run", run, "Watch the camera and print moods as they change, until stopped.")
    _add_config(made)
    made.add_argument("--camera", metavar="SPEC", help="picamera, demo, 0 or /dev/video0, a photo, a video or a folder")
    made.add_argument("--json", action="store_true", help="print JSON lines")
    made.add_argument("--max-frames", type=_positive, metavar="N", help="stop after so many frames")

    command("demo", demo, "Show the whole chain on a built-in face: no camera, account or network.")

    made = command("classify", classify, "Name the expression of every face in photos.")
    _add_config(made)
    made.add_argument("photos", nargs="+", type=Path, metavar="PHOTO")
    made.add_argument("--json", action="store_true", help="print one JSON object a photo")

    made = command("recommend", recommend, "Recommend songs for the face in a photo, or for an expression.")
    _add_config(made)
    made.add_argument("photo", nargs="?", type=Path, metavar="PHOTO")
    made.add_argument("--expression", metavar="LABEL", help=", ".join(LABELS))
    made.add_argument("--count", type=_positive, default=5, metavar="N", help="how many songs (default 5)")
    made.add_argument("--intent", choices=("match", "lift", "calm"), default="match", help="default match")
    made.add_argument("--seed", type=int, metavar="N", help="same seed, same list (default: one a day)")
    made.add_argument("--no-explicit", action="store_true", help="leave out explicit songs")
    made.add_argument("--json", action="store_true", help="print one JSON object a song")

    made = command("music", music, "Import, show and reset the catalogue of songs and what was learned.")
    actions = made.add_subparsers(dest="action", required=True, metavar="ACTION")
    text = "Add a CSV or Parquet table of songs with their features."
    actions.add_parser("import", help=text, description=text).add_argument("file", type=Path, metavar="FILE")
    text = "Say what the catalogue holds, and draw it on the valence-arousal plane."
    made = actions.add_parser("stats", help=text, description=text)
    made.add_argument("--svg", type=Path, metavar="FILE", help="draw it into an SVG file too")
    made.add_argument("--json", action="store_true", help="print one JSON object")
    text = "Bring your saved and most heard songs from Spotify: ids and names, no feature values."
    _add_config(actions.add_parser("sync", help=text, description=text))
    text = "Say what was learned from skips and from songs heard out, of one song or of all."
    actions.add_parser("why", help=text, description=text).add_argument("words", nargs="*", metavar="WORD")
    text = "Forget what was played and how it was received; songs and library stay."
    actions.add_parser("reset", help=text, description=text)

    _add_player(command)
    _add_house(command)

    made = command("config", config, "Show, check or write a configuration file.")
    made.add_argument("action", choices=("show", "check", "example"))
    _add_config(made)

    made = command("model", model, "Show what a model file says of its network, or fetch the YuNet face detector.")
    made.add_argument("action", choices=("info", "fetch-yunet"))
    made.add_argument("file", nargs="?", type=Path, metavar="FILE", help="info: default the one that comes with mien")
    made.add_argument("--json", action="store_true", help="print JSON")
    return top


def _add_house(command: Callable[..., Parser]) -> None:
    made = command("watch", watch, "Show all nodes of the broker, live.")
    _add_config(made)
    made.add_argument("--json", action="store_true", help="print a JSON line for each change")

    made = command("mqtt", mqtt, "Remove a node from the broker and from Home Assistant without a trace.")
    made.add_argument("action", choices=("forget",))
    made.add_argument("node", nargs="?", metavar="NODE", help="default: this machine's")
    _add_config(made)


def _add_player(command: Callable[..., Parser]) -> None:
    text = "Play music to a mood that you name, or to what other machines' cameras send over MQTT, until stopped."
    made = command("play", play, text)
    _add_config(made)
    source = made.add_mutually_exclusive_group(required=True)
    source.add_argument("--mood", choices=LABELS, metavar="LABEL", help=", ".join(LABELS))
    source.add_argument("--room", action="append", metavar="ROOM=NODE[,NODE]", help="whom to hear, and where")
    made.add_argument("--intent", choices=("match", "lift", "calm"), help="with --mood; default: the configuration's")
    made.add_argument("--json", action="store_true", help="with --room: print JSON lines")

    made = command("spotify", spotify, "Log in to Spotify, and see how mien stands with it.")
    actions = made.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (
        ("login", "Log in with your own Spotify app; works over SSH."),
        ("status", "Say who is logged in, what is allowed and for how long, and what is in the way."),
        ("devices", "List the devices that Spotify can play on."),
    ):
        action = actions.add_parser(name, help=text, description=text)
        _add_config(action)
        if name != "login":
            action.add_argument("--json", action="store_true", help="print JSON")


def run(args: Arguments) -> None:
    """mien run"""
    from contextlib import ExitStack

    import msgspec

    from mien.service import house, lines

    settings = _config(args)
    if args.camera is not None:
        settings = msgspec.structs.replace(
            settings, camera=msgspec.structs.replace(settings.camera, source=args.camera)
        )
    with ExitStack() as stack:
        music = None
        if settings.music.enabled:
            from mien.service.music_output import open_music_output

            music = stack.enter_context(open_music_output(settings.music, settings.spotify))
        line = lines.JsonLines() if args.json else lines.TextLines()
        house.run(settings, [line], args.max_frames, music)


def watch(args: Arguments) -> None:
    """mien watch"""
    from mien.commands.watch import watch as show

    _log_to_stderr()
    show(_config(args).mqtt, as_json=args.json)


def mqtt(args: Arguments) -> None:
    """mien mqtt forget"""
    import re

    from mien.commands.mqtt_forget import forget
    from mien.mqtt.broker import node_of
    from mien.mqtt.topics import NODE_PATTERN

    settings = _config(args).mqtt
    if args.node is not None and not re.match(NODE_PATTERN, args.node):
        raise UsageError(f"{args.node!r} is no node's name: use lower-case letters, digits, - and _.")
    _log_to_stderr()
    forget(settings, args.node or node_of(settings))


def demo(_args: Arguments) -> None:
    """mien demo"""
    from mien.commands.demo import demo as tell

    tell()


def classify(args: Arguments) -> int:
    """mien classify: every photo is answered; one that cannot be read costs only itself, and the exit code."""
    from mien.commands import classify

    see = classify.opener(_config(args))
    code = 0
    for path in args.photos:
        try:
            faces = see(path)
        except InputError as error:
            print(f"mien: {error}", file=sys.stderr)
            code = error.exit_code
            continue
        print(json.dumps(classify.as_object(path, faces)) if args.json else classify.in_words(path, faces), flush=True)
    return code


def recommend(args: Arguments) -> None:
    """mien recommend"""
    from mien.commands import recommend

    probabilities = _probabilities(args)
    if probabilities is None:
        print(f"No face in {args.photo}, so no mood to play to.", file=sys.stderr)
        return
    for choice in recommend.choose(probabilities, args.count, args.intent, args.seed, explicit=not args.no_explicit):
        print(json.dumps(recommend.as_object(choice), ensure_ascii=False) if args.json else recommend.in_words(choice))


def music(args: Arguments) -> None:
    """mien music"""
    from mien.commands import music as commands

    if args.action == "import":
        commands.import_file(args.file)
    elif args.action == "stats":
        commands.stats(args.svg, args.json)
    elif args.action == "sync":
        from mien.commands.spotify import sync

        sync(_config(args))
    elif args.action == "why":
        commands.why(" ".join(args.words))
    else:
        commands.reset()


def play(args: Arguments) -> None:
    """mien play: music for a mood that is named, or for rooms that are heard over MQTT."""
    if args.mood is not None:
        from mien.commands.play_mood import play_mood

        play_mood(_config(args), Expression.from_label(args.mood), args.intent)
        return
    from contextlib import ExitStack

    from mien.commands.play import RoomLines, rooms_of
    from mien.commands.play import play as listen

    settings, rooms = _config(args), rooms_of(args.room)
    _log_to_stderr()
    with ExitStack() as stack:
        music = []
        if settings.music.enabled:
            from mien.service.music_output import open_music_output

            music.append(stack.enter_context(open_music_output(settings.music, settings.spotify)))
        listen(settings.mqtt, rooms, RoomLines(rooms, as_json=args.json), [*music])


def spotify(args: Arguments) -> int:
    """mien spotify"""
    from mien.commands import spotify as commands
    from mien.commands.spotify_login import login

    if args.action == "status":
        return commands.status(_config(args), args.json)
    if args.action == "login":
        login(_config(args))
    else:
        commands.devices(_config(args), args.json)
    return 0


def config(args: Arguments) -> None:
    """mien config"""
    from mien import config as configuration

    if args.action == "example":
        print(configuration.example(), end="")
        return
    path = args.config or configuration.find()
    settings = configuration.load(path)
    if args.action == "show":
        print(f"# from {path or 'built-in defaults'}\n{configuration.show(settings)}", end="")
    else:
        print(f"{path} is good." if path else "There is no configuration file: the built-in defaults are in force.")


def model(args: Arguments) -> None:
    """mien model"""
    if args.action == "fetch-yunet":
        from mien.commands.fetch_yunet import fetch_yunet

        if args.file is not None or args.json:
            raise UsageError("mien model fetch-yunet takes neither a file nor --json: it says where it puts YuNet.")
        fetch_yunet()
        return
    from mien.commands import model
    from mien.vision import model_file
    from mien.vision.classifier import SHIPPED

    path = args.file or SHIPPED
    _, contract = model_file.read(path)
    print(model.as_json(contract) if args.json else model.in_words(path, contract))


def _probabilities(args: Arguments) -> tuple[float, ...] | None:
    """From the photo's largest face or the named expression; None where the photo has no face."""
    if (args.photo is None) == (args.expression is None):
        raise UsageError("Give a photo or --expression, one of the two.")
    if args.expression is not None:
        if args.expression not in LABELS:
            raise UsageError(f"There is no expression {args.expression!r}: use {', '.join(LABELS)}.")
        return certain(Expression.from_label(args.expression))
    from mien.commands import classify

    faces = classify.opener(_config(args))(args.photo)
    return faces[0][1].probabilities if faces else None


def _log_to_stderr() -> None:
    import logging

    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)


def _config(args: Arguments) -> Config:
    from mien import config as configuration

    return configuration.load(args.config or configuration.find())


def _add_config(made: Parser) -> None:
    made.add_argument("--config", type=Path, metavar="FILE", help="default: /etc/mien/mien.toml, then the user's own")


def _positive(text: str) -> int:
    value = int(text) if text.isdecimal() else 0
    if not 1 <= value <= 10**9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return value


def _innermost(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace is not None else "start"


if __name__ == "__main__":
    sys.exit(main())
