"""The option --prior: how frequent each expression is where photos come from."""

from __future__ import annotations

import argparse
import math
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from mien.errors import ConfigError
from mien.expression import LABELS, Prior
from mien.text import printable

if TYPE_CHECKING:
    from mien.vision.classifier import PriorChoice

_MAX_FILE = 64 << 10  # bytes
_SMALLEST = 1e-9  # of the largest share: an expression may be rare, but its logarithm must stay a number


def add_prior(parser: argparse.ArgumentParser) -> None:
    """Add --prior."""
    parser.add_argument(
        "--prior",
        default="even",
        metavar="even|data|FILE",
        help="how frequent the expressions are: all alike (default), as in the network's training data, "
        "or a TOML file with a share for each",
    )


def parse_prior(text: str) -> PriorChoice:
    """Return the prior of --prior: "even", "data", or that of a file. Raises ConfigError as `read_prior` does."""
    if text == "even":
        return "even"
    if text == "data":
        return "data"
    return read_prior(Path(text))


def read_prior(path: Path) -> Prior:
    """Read a TOML file with a positive number for each label; the numbers are divided by their sum.

    Raises ConfigError, with every fault of the content in one sentence, for anything else.
    """
    try:
        if not path.is_file():  # a pipe or a device might never end
            raise ConfigError(f"There is no file {path}: give --prior even, data or a TOML file of shares.")
        with path.open("rb") as file:
            data = file.read(_MAX_FILE + 1)
        if len(data) > _MAX_FILE:
            raise ConfigError(f"{path} is too large to be a prior: give a TOML file with seven shares.")
        values = tomllib.loads(data.decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:  # of the decoder, the parser, and of numbers with too many digits
        raise ConfigError(f"{path} is not valid TOML: {printable(str(error))}.") from None
    faults = [f"{label} is missing" for label in LABELS if label not in values]
    faults += [f"{printable(name, 40)} is not an expression" for name in values if name not in LABELS]
    faults += [f"{label} is not a positive number" for label in LABELS if not _is_share(values.get(label, 1))]
    if faults:
        raise ConfigError(f"{path}: {'; '.join(faults[:9])} (a share for each of {', '.join(LABELS)} makes a prior).")
    return _normalize([float(values[label]) for label in LABELS])


def _is_share(value: object) -> bool:
    """Return whether a value of a TOML file can be a share."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return 0 < float(value) < math.inf
    except OverflowError:  # an integer beyond all floats
        return False


def _normalize(weights: list[float]) -> Prior:
    largest = max(weights)
    shares = [max(weight / largest, _SMALLEST) for weight in weights]
    return tuple(share / math.fsum(shares) for share in shares)
