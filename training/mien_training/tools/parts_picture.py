"""Draws the seven parts that are found on the demo's face, which is nobody's, and the features matrix made of them.

python -m mien_training.tools.parts_picture docs/pictures/parts.svg
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from numpy.typing import NDArray

from mien.errors import InputError, MienError
from mien.expression import Expression
from mien.vision.camera.demo import STAY, DemoCamera
from mien.vision.crop import INPUT_SIDE, to_input
from mien.vision.detector import HaarDetector, load_cascade
from mien_training.files import save_whole
from mien_training.keras_import import import_keras_quietly
from mien_training.networks.face_parts import PARTS, Part, placing

TILT = 10.0
"""Degrees by which the demo's face is turned, to show that its eyes are followed."""

mpl.rcParams["svg.hashsalt"] = "mien"  # the same picture gives the same bytes


def main(arguments: list[str]) -> int:
    """Write the picture."""
    if len(arguments) != 1:
        print("usage: python -m mien_training.tools.parts_picture OUT.svg", file=sys.stderr)
        return 2
    try:
        out = Path(arguments[0])
        save_whole(out, lambda part: draw(tilted(Expression.SURPRISE)).savefig(part, metadata={"Date": None}))
    except MienError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def tilted(expression: Expression) -> NDArray[np.uint8]:
    """The demo's face with an expression, turned by TILT: uint8 (480, 640)."""
    frame = DemoCamera().draw((expression + 0.6) * STAY)
    turn = cv2.getRotationMatrix2D((frame.shape[1] / 2, frame.shape[0] / 2), TILT, 1.0)
    return np.asarray(cv2.warpAffine(frame, turn, frame.shape[::-1], borderMode=cv2.BORDER_REPLICATE), np.uint8)


def draw(frame: NDArray[np.uint8]) -> Figure:
    """On the left the found face with its parts, on the right the parts as the network gets them."""
    faces = HaarDetector(60).detect(frame)
    if not faces:
        raise InputError("No face is found in the frame: give one that the detector sees.")
    face = faces[0]
    move = placing(to_input(frame, face)[:, :, 0], load_cascade("eye"))
    move = np.eye(2, 3) if move is None else move
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    whole, *tiles = _axes(figure)
    box = frame[face.y : face.y + face.height, face.x : face.x + face.width]
    whole.imshow(box, cmap="gray", vmin=0, vmax=255, extent=(0, INPUT_SIDE, INPUT_SIDE, 0))
    for index, (part, tile, name) in enumerate(zip(features(to_input(frame, face), move), tiles, PARTS, strict=False)):
        outline = cv2.transform(corners(PARTS[name]), cv2.invertAffineTransform(move))[0]
        whole.add_patch(Polygon(outline, closed=True, fill=False, edgecolor=f"C{index}", linewidth=2))
        tile.imshow(part, cmap="gray", vmin=0, vmax=255)
        tile.set_title(name, color=f"C{index}", fontsize=10)
    return figure


def features(face: NDArray[np.uint8], move: NDArray[np.float64]) -> NDArray[np.float32]:
    """The features matrix of a face, uint8 (48, 48, 1), as the network's own layers make it; float32 (7, 20, 24)."""
    import_keras_quietly()
    from mien_training.recipes import parts

    placed = cv2.warpAffine(face, move, face.shape[:2], borderMode=cv2.BORDER_REPLICATE)
    matrix = parts.features(placed[np.newaxis, :, :, np.newaxis].astype(np.float32))
    return np.moveaxis(np.asarray(matrix[0], np.float32), -1, 0)


def corners(part: Part) -> NDArray[np.float64]:
    """The four corners of a part in a placed face, (1, 4, 2)."""
    left, top, right, bottom = part
    return np.array([[(left, top), (right, top), (right, bottom), (left, bottom)]], np.float64)


def _axes(figure: Figure) -> list[Axes]:
    """A large square and eight small ones, of which the last stays empty."""
    mosaic = figure.subplot_mosaic("aabcde;aafghi")
    for axes in mosaic.values():
        axes.axis("off")
    return list(mosaic.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
