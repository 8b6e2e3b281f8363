"""What the probes gather: plain values, which the checks judge. Nothing heavy is imported here."""

from __future__ import annotations

from typing import Literal

import msgspec


class CameraFacts(msgspec.Struct):
    """What is known so far.

    step: what is being done; with it the last line of a probe that hangs shows where. fault: why the camera does not
    work, a sentence. duration: seconds from the first frame to the last. constant: all frames are equal. mean,
    brightest: grey levels of the last frame. burnt: its share of white pixels. sharpness: see `measure_sharpness`.
    view_share: how much of the sensor's width or height is read; None where that is not known. faces: in the best of
    the last frames. face_side: pixels. face_fault: one of quality.REASONS. moved_lens: whether the lens can be moved.
    daemon: the process id of a running mien, for which the camera was left alone. source, zoom: as configured. end: how
    the probe ended, where that was not well.
    """

    step: Literal["open", "frames", "done"] = "open"
    fault: str = ""
    kind: Literal["live", "replay", "stills"] = "live"
    width: int = 0
    height: int = 0
    frames: int = 0
    duration: float = 0.0
    constant: bool = False
    mean: float = 0.0
    brightest: int = 0
    burnt: float = 0.0
    sharpness: float | None = None
    view_share: float | None = None
    moved_lens: bool = False
    faces: int = 0
    face_side: int = 0
    face_fault: str = ""
    daemon: int = 0
    source: str = ""
    zoom: float = 1.0
    end: str = ""

    @property
    def fps(self) -> float:
        """Frames a second; 0 for fewer than two frames."""
        return (self.frames - 1) / self.duration if self.frames > 1 and self.duration > 0 else 0.0


class VisionFacts(msgspec.Struct):
    """What is known so far.

    step: what is being done; with it the last line of a probe that crashed shows where. The faults are sentences, empty
    where there is none. model: the file. own_model: it is not the one that comes with mien. runtime: its package and
    version. inference_ms: milliseconds of one inference. yunet: whether it is used, not there, damaged, or declined.
    learned, outdated: how many people were learned, and of these with another network. learned_fault: why what was
    learned cannot be used. end: how the probe ended, where that was not well.
    """

    step: Literal["model", "runtime", "detector", "done"] = "model"
    model: str = ""
    recipe: str = ""
    own_model: bool = False
    model_fault: str = ""
    runtime: str = ""
    runtime_fault: str = ""
    inference_ms: float = 0.0
    yunet: Literal["used", "missing", "damaged", "declined"] = "declined"
    detector_fault: str = ""
    learned: int = 0
    outdated: int = 0
    learned_fault: str = ""
    end: str = ""


class BrokerFacts(msgspec.Struct):
    """What a connection to the broker showed.

    configured: [mqtt] host is set. address: HOST:PORT. setup_fault: the password file or a certificate cannot be used.
    warnings: on the setup. fault: why there was no connection. refused: the broker refused the login. echoes: of the
    topics that were written, those that came back; expected: all of them. status: Home Assistant's retained birth
    message or last will. birth: when the daemon last received it, in seconds since 1970; 0 for never. discovery: the
    node's discovery is retained, from which Home Assistant makes the device.
    """

    configured: bool = False
    node: str = ""
    address: str = ""
    setup_fault: str = ""
    warnings: list[str] = []
    fault: str = ""
    refused: bool = False
    expected: list[str] = []
    echoes: list[str] = []
    status: str = ""
    birth: float = 0.0
    discovery: bool = False


class PlayerFacts(msgspec.Struct):
    """What Spotify replied.

    enabled: [music] enabled. wanted: [spotify] device. state, sentence: of the first request that failed; "ready" where
    none did. needs_person: only a person can end that state. days_left: of the consent. devices: their names and ids.
    """

    enabled: bool = False
    wanted: str = ""
    state: str = "ready"
    sentence: str = ""
    needs_person: bool = False
    days_left: int | None = None
    devices: list[tuple[str, str]] = []


class ServiceFacts(msgspec.Struct):
    """What systemd reports of mien.service. present: this machine runs systemd. properties: of `systemctl show`.

    daemon: the process id of a `mien run`, started by systemd or by a person; 0 for none. groups: of the service's
    user; None if there is no such user.
    """

    present: bool = False
    properties: dict[str, str] = {}
    daemon: int = 0
    groups: list[str] | None = None


class MachineFacts(msgspec.Struct):
    """What the machine reports of itself; None where it does not.

    wall: seconds since 1970. synchronized: by NTP. throttled: the bits of `vcgencmd get_throttled`. temperature: of the
    processor, in degrees Celsius. free, total: bytes of the state directory's file system. file_system_errors: that the
    kernel has counted. worn: the share of its life that an eMMC has used at most, in tenths.
    """

    wall: float = 0.0
    synchronized: bool | None = None
    throttled: int | None = None
    temperature: float | None = None
    free: int | None = None
    total: int | None = None
    file_system_errors: int | None = None
    worn: int | None = None


class SetupFacts(msgspec.Struct):
    """The installation itself. versions: by name. The faults are sentences, empty where there is none.

    library_end: how the probe of the libraries ended, where that was not well; numpy, opencv: how far it came.
    """

    versions: dict[str, str] = {}
    config_path: str = ""
    config_fault: str = ""
    state: str = ""
    state_fault: str = ""
    numpy: str = ""
    opencv: str = ""
    cascade: bool = False
    library_end: str = ""
