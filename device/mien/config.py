"""The configuration's sections. Every key has a default that runs, and a description."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from mien.expression import Label

Share = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0, le=86400)]
Profile = Literal["eco", "balanced", "responsive"]
Rotation = Literal[0, 90, 180, 270]
PROFILES: tuple[Profile, ...] = get_args(Profile)
Intent = Literal["match", "lift", "calm"]
INTENTS: tuple[Intent, ...] = get_args(Intent)


class CameraConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[camera]"""

    source: Annotated[
        str,
        Meta(
            min_length=1,
            description="picamera (picamera:1 is the second), demo, a video device (0 or /dev/video0), a photo, a "
            "video file or a folder of photos",
        ),
    ] = "picamera"
    loop: Annotated[
        bool, Meta(description="repeat a video, photos or the demo without end, at the pace of the recording")
    ] = False
    rotation: Annotated[
        Rotation,
        Meta(description="degrees clockwise by which each picture is rotated to be upright: 0, 90, 180 or 270"),
    ] = 0
    mirror: Annotated[bool, Meta(description="exchange left and right, after the rotation")] = False
    max_fps: Annotated[
        float,
        Meta(
            ge=1,
            description="most frames a second from a live camera, where [vision] profile allows more; 15 is no limit",
        ),
    ] = 15.0
    zoom: Annotated[
        float, Meta(ge=1, le=4, description="1 shows the whole picture, 2 the middle half of its width and height")
    ] = 1.0
    focus: Annotated[
        Annotated[str, Meta(pattern="^(continuous|auto)$")] | Annotated[float, Meta(ge=0.05, le=100)],
        Meta(
            description="continuous, auto (once at the start) or a distance in metres, as in 1.5; for the Pi's cameras "
            "whose lens can be moved"
        ),
    ] = "continuous"
    exposure: Annotated[
        float,
        Meta(
            ge=-8,
            le=8,
            description="exposure compensation of the Pi's camera in EV: 1 is twice as bright, -1 half as bright",
        ),
    ] = 0.0
    on_fault: Annotated[
        Literal["auto", "exit", "retry"],
        Meta(
            description="exit ends with exit code 4; "
            "retry opens the camera again after 1 s, then up to every 60 s; auto retries where MQTT publishes the fault"
        ),
    ] = "auto"


class VisionConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[vision]"""

    detector: Annotated[
        Literal["auto", "haar", "yunet"],
        Meta(
            description="haar needs no file; yunet detects more faces and needs 'mien model fetch-yunet'; "
            "auto uses yunet where its file is"
        ),
    ] = "auto"
    yunet_file: Annotated[
        str, Meta(description="YuNet's model file; empty means where 'mien model fetch-yunet' puts it")
    ] = ""
    faces: Annotated[
        Literal["largest", "all"],
        Meta(description="whose expression counts: that of the largest face, or of all faces, weighted by their size"),
    ] = "largest"
    profile: Annotated[
        Profile,
        Meta(
            description="share of one core, and most frames a second: eco 5 %, 4; balanced 15 %, 8; responsive 40 %, 15"
        ),
    ] = "balanced"
    min_face: Annotated[
        int,
        Meta(
            ge=24,
            le=1080,
            description="side of the smallest face to detect, in pixels of the frame, and of the upright original "
            "of a photo in classify and recommend; larger is faster",
        ),
    ] = 60


class ModelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[model]"""

    file: Annotated[str, Meta(description="a model file; empty means the one that comes with mien")] = ""
    runtime: Annotated[Literal["auto", "litert", "tflite-runtime"], Meta(description="auto prefers litert")] = "auto"
    threads: Annotated[int, Meta(ge=1, le=4, description="threads of the network; one is enough")] = 1


class MoodConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[mood]"""

    threshold: Annotated[Share, Meta(description="probability that an expression must reach to become the mood")] = 0.97
    dwell: Annotated[Seconds, Meta(description="seconds for which it must lead before the mood changes")] = 0.0
    hold: Annotated[
        float,
        Meta(ge=1, le=86400, description="seconds that a mood lasts on average; longer makes changes rarer and slower"),
    ] = 120.0
    memory: Annotated[
        float,
        Meta(
            ge=0.05,
            le=60,
            description="seconds that a reading must last to count as one full piece of evidence; "
            "longer is steadier and slower",
        ),
    ] = 2.5
    absent_after: Annotated[
        Seconds, Meta(description="seconds without a face after which no one counts as present")
    ] = 10.0


Source = Literal["library", "catalogue", "playlists", "starter"]


class MusicConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[music]"""

    enabled: Annotated[
        bool, Meta(description="play music to the mood; needs [spotify] client_id and 'mien spotify login'")
    ] = False
    intent: Annotated[Intent, Meta(description="match the mood, lift it, or calm it")] = "match"
    sources: Annotated[
        tuple[Source, ...],
        Meta(
            min_length=1,
            description="where songs come from, the first choice first: library, catalogue, playlists, starter",
        ),
    ] = ("library", "catalogue", "playlists", "starter")
    playlists: Annotated[
        dict[Label, Annotated[str, Meta(pattern=r"^(spotify:playlist:|https://open\.spotify\.com/playlist/).+")]],
        Meta(
            description="your own playlist for each mood, for example "
            '{ happy = "https://open.spotify.com/playlist/..." '
            "}"
        ),
    ] = {}
    explicit: Annotated[bool, Meta(description="play songs that are marked explicit")] = True
    dwell: Annotated[Seconds, Meta(description="seconds for which a mood must hold before the music follows it")] = 20.0
    cooldown: Annotated[Seconds, Meta(description="the least seconds between two moods that the music follows")] = 120.0
    interrupt: Annotated[
        bool, Meta(description="let a new mood cut a song short; otherwise the next song follows it")
    ] = False
    takeover_pause: Annotated[
        Seconds,
        Meta(
            description="seconds for which mien leaves the music alone after a person changes track, context, "
            "volume or device"
        ),
    ] = 1200.0
    quiet_hours: Annotated[
        str,
        Meta(
            pattern=r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$",
            description='local time in which no song is started, for example "22:30-07:00"; empty for none',
        ),
    ] = ""
    pause_when_absent: Annotated[
        bool, Meta(description="pause while no one is in view, and resume when someone is")
    ] = False
    volume: Annotated[
        int,
        Meta(ge=-1, le=100, description="percent to set when music starts from silence; -1 leaves the volume alone"),
    ] = -1


class SpotifyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[spotify]"""

    client_id: Annotated[
        str,
        Meta(
            pattern=r"^([0-9A-Za-z]{8,64})?$",
            description="the client id of your own app from the Spotify Developer Dashboard",
        ),
    ] = ""
    device: Annotated[
        str,
        Meta(description="name or id of the device to play on ('mien spotify devices'); empty for the active one"),
    ] = ""
    redirect_port: Annotated[
        int,
        Meta(
            ge=1024,
            le=65535,
            description="your app's redirect URI must be http://127.0.0.1:8898/callback, with this port",
        ),
    ] = 8898


class MqttConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[mqtt]"""

    host: Annotated[str, Meta(description="the broker's name or address; empty turns MQTT off")] = ""
    port: Annotated[int, Meta(ge=0, le=65535, description="0 means 1883, or 8883 with TLS")] = 0
    node: Annotated[
        str,
        Meta(
            pattern=r"^([a-z0-9][a-z0-9_-]{0,31})?$",
            description="this machine's name in topics: lower-case letters, digits, - and _; empty means its host name",
        ),
    ] = ""
    name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=60,
            description="the device's name in Home Assistant, without the room: Home Assistant adds the area itself",
        ),
    ] = "Mien"
    area: Annotated[str, Meta(max_length=60, description="the area that Home Assistant suggests for the device")] = ""
    language: Annotated[Literal["en", "de", "es", "fr", "el"], Meta(description="language of the entities' names")] = (
        "en"
    )
    username: Annotated[str, Meta(description="empty for none")] = ""
    password_file: Annotated[
        str,
        Meta(
            description="a file that holds the password, mode 0600; "
            "empty means systemd's credential mqtt-password, or none"
        ),
    ] = ""
    tls: Annotated[bool, Meta(description="encrypt, and verify the broker's certificate")] = False
    ca_file: Annotated[
        str,
        Meta(description="your own certificate authority (PEM); empty means the system's authorities"),
    ] = ""
    cert_file: Annotated[str, Meta(description="this machine's certificate, where the broker requires one (PEM)")] = ""
    key_file: Annotated[str, Meta(description="the certificate's private key (PEM)")] = ""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. Every key has a default that runs."""

    camera: CameraConfig = CameraConfig()
    vision: VisionConfig = VisionConfig()
    model: ModelConfig = ModelConfig()
    mood: MoodConfig = MoodConfig()
    music: MusicConfig = MusicConfig()
    spotify: SpotifyConfig = SpotifyConfig()
    mqtt: MqttConfig = MqttConfig()
