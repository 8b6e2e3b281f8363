"""What can go wrong in a way that a person can mend. Every message says what to do."""

from typing import ClassVar


class MienError(Exception):
    """An expected failure: shown as one sentence, never as a traceback."""

    exit_code: ClassVar[int] = 1


class UsageError(MienError):
    """The command line asks for something that cannot be."""

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
    """A remote service refused, or what it needs on this machine cannot be used."""

    exit_code = 6
