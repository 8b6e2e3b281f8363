"""`mien run`: the daemon."""

from __future__ import annotations

import argparse

from mien.commands.arguments import add_config, positive
from mien.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mien run`."""
    add_config(parser)
    parser.add_argument(
        "--camera", metavar="SPEC", help="picamera, picamera:1, demo, 0 or /dev/video0, a photo, a video or a folder"
    )
    parser.add_argument("--json", action="store_true", help="print JSON lines")
    parser.add_argument("--max-frames", type=positive, metavar="N", help="stop after so many frames")


def run(arguments: argparse.Namespace) -> None:
    """Run the daemon until it is stopped, and print each event."""
    # here, so that `mien run --help` loads neither OpenCV nor the runtime
    import msgspec

    from mien.config_file import load_effective
    from mien.service import daemon
    from mien.service.lines import JsonLines, TextLines

    if arguments.camera is not None and not arguments.camera.strip():
        raise UsageError("--camera is empty: name a camera, a photo, a video or a folder, or use --camera demo.")
    config = load_effective(arguments.config)
    if arguments.camera is not None:
        camera = msgspec.structs.replace(config.camera, source=arguments.camera)
        config = msgspec.structs.replace(config, camera=camera)
    daemon.run(config, [JsonLines() if arguments.json else TextLines()], arguments.max_frames)
