"""Draw the seven parts of the demo's face, which is no person's face, and the feature matrix made of them.

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
from mien_training.files import save_atomically
from mien_training.keras_import import import_keras_quietly
from mien_training.networks.face_parts import PARTS, Part, find_alignment

TILT = 10.0
"""Degrees by which the demo's face is rotated, to show the alignment by its eyes."""

mpl.rcParams["svg.hashsalt"] = "mien"  # makes the bytes of the picture reproducible


def main(arguments: list[str]) -> int:
    """Write the picture."""
    if len(arguments) != 1:
        print("usage: python -m mien_training.tools.parts_picture OUT.svg", file=sys.stderr)
        return 2
    try:
        out = Path(arguments[0])
        save_atomically(
            out, lambda part: draw(draw_tilted_face(Expression.SURPRISE)).savefig(part, metadata={"Date": None})
        )
    except MienError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def draw_tilted_face(expression: Expression) -> NDArray[np.uint8]:
    """Return the demo's face with an expression, rotated by TILT: uint8 (480, 640)."""
    frame = DemoCamera().draw((expression + 0.6) * STAY)
    rotation = cv2.getRotationMatrix2D((frame.shape[1] / 2, frame.shape[0] / 2), TILT, 1.0)
    return np.asarray(cv2.warpAffine(frame, rotation, frame.shape[::-1], borderMode=cv2.BORDER_REPLICATE), np.uint8)


def draw(frame: NDArray[np.uint8]) -> Figure:
    """Draw the detected face with its parts on the left, and the network's input parts on the right."""
    faces = HaarDetector(60).detect(frame)
    if not faces:
        raise InputError("No face is detected in the frame: give one with a face that the detector detects.")
    face = faces[0]
    matrix = find_alignment(to_input(frame, face)[:, :, 0], load_cascade("eye"))
    matrix = np.eye(2, 3) if matrix is None else matrix
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    whole, *tiles = _axes(figure)
    box = frame[face.y : face.y + face.height, face.x : face.x + face.width]
    whole.imshow(box, cmap="gray", vmin=0, vmax=255, extent=(0, INPUT_SIDE, INPUT_SIDE, 0))
    for index, (part, tile, name) in enumerate(
        zip(features(to_input(frame, face), matrix), tiles, PARTS, strict=False)
    ):
        outline = cv2.transform(corners(PARTS[name]), cv2.invertAffineTransform(matrix))[0]
        whole.add_patch(Polygon(outline, closed=True, fill=False, edgecolor=f"C{index}", linewidth=2))
        tile.imshow(part, cmap="gray", vmin=0, vmax=255)
        tile.set_title(name, color=f"C{index}", fontsize=10)
    return figure


def features(face: NDArray[np.uint8], alignment: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the feature matrix of a face, uint8 (48, 48, 1), from the network's own layers; float32 (7, 20, 24)."""
    import_keras_quietly()
    from mien_training.recipes import parts

    aligned = cv2.warpAffine(face, alignment, face.shape[:2], borderMode=cv2.BORDER_REPLICATE)
    feature_matrix = parts.features(aligned[np.newaxis, :, :, np.newaxis].astype(np.float32))
    return np.moveaxis(np.asarray(feature_matrix[0], np.float32), -1, 0)


def corners(part: Part) -> NDArray[np.float64]:
    """Return the four corners of a part in an aligned face, (1, 4, 2)."""
    left, top, right, bottom = part
    return np.array([[(left, top), (right, top), (right, bottom), (left, bottom)]], np.float64)


def _axes(figure: Figure) -> list[Axes]:
    """Return a large square of axes and eight small ones; the last stays empty."""
    mosaic = figure.subplot_mosaic("aabcde;aafghi")
    for axes in mosaic.values():
        axes.axis("off")
    return list(mosaic.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
