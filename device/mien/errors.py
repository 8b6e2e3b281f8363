"""Errors that a person can resolve. Every message is one sentence that includes what to do."""

from typing import ClassVar


class MienError(Exception):
    """An expected failure: printed as one sentence, never as a traceback."""

    exit_code: ClassVar[int] = 1


class UsageError(MienError):
    """The command line is invalid."""

    exit_code = 2


class ConfigError(MienError):
    """The configuration file cannot be used."""

    exit_code = 3


class InputError(MienError):
    """A camera, picture, video or data set cannot be read."""

    exit_code = 4


class ModelError(MienError):
    """A model file or inference runtime cannot be used."""

    exit_code = 5


class RemoteError(MienError):
    """A remote service refused for good, or a file that it needs on this machine cannot be used."""

    exit_code = 6


class LearningError(MienError):
    """Nothing was learned of a person's face, or the file of what was learned cannot be used."""

    exit_code = 7
