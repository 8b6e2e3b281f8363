"""What was learned of a household's faces, as a file in the state directory: numbers only, and no picture."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from numpy.typing import ArrayLike

from mien.calibration import MAX_PEOPLE, Calibration, ExpressionSummary, HouseholdCalibration
from mien.errors import ConfigError, LearningError
from mien.expression import Expression, Label
from mien.state import locked, replace_file, state_directory
from mien.text import is_name, printable
from mien.vision.model_file import Contract

PEOPLE_FILE = "people.json"
"""In the state directory."""

_MAX_FILE = 256 << 10  # bytes; sixteen people need a quarter of it
_LOCK_TIMEOUT = 5.0  # seconds
_COUNT = len(Expression)

_Number = Annotated[float, Meta(ge=-1000, le=1000)]

log = logging.getLogger(__name__)


class StoredExpression(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was learned of one expression of a person.

    mean, spread, count: as in ExpressionSummary. learned: the day.
    """

    mean: Annotated[tuple[_Number, ...], Meta(min_length=_COUNT, max_length=_COUNT)]
    spread: Annotated[float, Meta(ge=0, le=1000)]
    count: Annotated[int, Meta(ge=1, le=10**6)]
    learned: Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\d\Z")]


class StoredPerson(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person. network: SHA-256 of the network whose evidence this is. strength: as in Calibration."""

    network: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    strength: Annotated[float, Meta(gt=0, le=1)]
    expressions: Annotated[dict[Label, StoredExpression], Meta(min_length=1)]

    def calibration(self, class_means: ArrayLike) -> Calibration:
        """Return the calibration. class_means: of the contract of this very network, (7, 7)."""
        return Calibration(
            {
                Expression.from_label(label): ExpressionSummary(one.mean, one.spread, one.count)
                for label, one in self.expressions.items()
            },
            class_means,
            self.strength,
        )


class _Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: Literal[1] = 1
    people: Annotated[dict[str, StoredPerson], Meta(max_length=MAX_PEOPLE)]


class PeopleStore:
    """The people of a state directory. Every method that reads raises LearningError for a file that cannot be used."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / PEOPLE_FILE
        self._lock = self.path.with_suffix(".lock")

    def read(self) -> dict[str, StoredPerson]:
        """Return the people by name; none where nothing was learned yet."""
        try:
            data = self._read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._unusable(error.strerror or "it cannot be read") from None
        if len(data) > _MAX_FILE:
            raise self._unusable("it is too large")
        try:
            people = msgspec.json.decode(data, type=_Content).people
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise self._unusable(printable(str(error), 120)) from None
        for name in people:
            if not is_name(name):
                raise self._unusable("a name in it is not one of 1 to 40 printable characters")
        return people

    def put(self, name: str, person: StoredPerson) -> None:
        """Write a person in place of what was learned under this name."""
        with _locked(self._lock):
            people = self.read()
            people[name] = person
            if len(people) > MAX_PEOPLE:
                raise LearningError(
                    f"{MAX_PEOPLE} people are learned already: remove one with 'mien learn forget NAME'."
                )
            self._write(people)

    def remove(self, name: str) -> bool:
        """Remove a person, and return whether there was one of this name."""
        with _locked(self._lock):
            people = self.read()
            if people.pop(name, None) is None:
                return False
            self._write(people)
            return True

    def clear(self) -> bool:
        """Remove everybody, a damaged file too, and return whether there was a file."""
        with _locked(self._lock):
            try:
                self.path.unlink()  # of a symbolic link, the link
            except FileNotFoundError:
                return False
            except OSError as error:
                raise LearningError(f"{self.path} cannot be removed: {error.strerror}.") from None
            return True

    def _read_bytes(self) -> bytes:
        """Return the content up to a little more than the limit. Raises OSError and LearningError."""
        # neither a link to elsewhere is followed, nor is a pipe waited for
        file = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(file, "rb") as opened:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise self._unusable("it is not a file")
            return opened.read(_MAX_FILE + 1)

    def _write(self, people: Mapping[str, StoredPerson]) -> None:
        content = msgspec.json.format(msgspec.json.encode(_Content(people=dict(people))), indent=1)
        try:
            replace_file(self.path, content)
        except OSError as error:
            raise LearningError(
                f"{self.path} cannot be written ({error.strerror}), so nothing was changed: make room or permit it."
            ) from None

    def _unusable(self, reason: str) -> LearningError:
        return LearningError(f"{self.path} cannot be used ({reason}): run 'mien learn forget', then learn again.")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock. Raises LearningError where that takes too long or is not possible."""
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(path, _LOCK_TIMEOUT))
        except TimeoutError:
            raise LearningError("Another mien is writing what it learned: try again in a moment.") from None
        except OSError as error:
            raise LearningError(f"{path} cannot be opened: {error.strerror}.") from None
        yield


def open_store() -> PeopleStore | None:
    """Return the store of the state directory; None where that cannot be made, so that nothing was ever learned."""
    try:
        return PeopleStore(state_directory())
    except ConfigError:
        return None


def load_household(contract: Contract, store: PeopleStore | None = None) -> HouseholdCalibration | None:
    """Return the calibration of everybody who was learned with this network; None where that is nobody.

    A file that cannot be used, and people who were learned with another network, are logged: mien works without them.
    """
    store = store or open_store()
    if store is None:
        return None
    try:
        people = store.read()
    except LearningError as error:
        log.warning("%s Faces are classified without what was learned.", error)
        return None
    return household(people, contract)


def household(people: Mapping[str, StoredPerson], contract: Contract) -> HouseholdCalibration | None:
    """Return the calibration of those of the people who were learned with this network, and log the others."""
    fitting = {name: person for name, person in people.items() if person.network == contract.network_sha256}
    if others := [name for name in people if name not in fitting]:
        log.warning(
            "%s was learned with another network, and does not count: run 'mien learn' again.", ", ".join(others)
        )
    if not fitting:
        return None
    means = contract.class_means
    return HouseholdCalibration({name: person.calibration(means) for name, person in fitting.items()}, means)
