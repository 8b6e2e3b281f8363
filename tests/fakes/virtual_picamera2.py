"""The real picamera2 on libcamera's virtual pipeline: no Pi, no camera, no kernel module, no device file.

Real are libcamera, its requests and event loop, and all of picamera2. Replaced is what the pipeline lacks: DMA heaps
(by memfd), pykms, a sensor's raw modes, the second plane of NV12, a frame rate and, in libcamera 0.4, a frame's status.

    python -m tests.fakes.virtual_picamera2     # as root: describe the camera to libcamera and draw its pictures
"""

from __future__ import annotations

import collections
import contextlib
import os
import sys
import threading
import time
import types
from pathlib import Path
from typing import Any

DESCRIPTION = Path("/usr/share/libcamera/pipeline/virtual/virtual.yaml")
"""Where libcamera looks for its virtual cameras; the path is compiled in."""

PICTURES = Path("/var/lib/mien-virtual-camera")
"""Folder of the pictures that the camera delivers one after the other, again and again."""

PICTURES_PER_SECOND = 2
"""Of the demo's scene; the pipeline delivers each picture several times."""


def draw_pictures() -> None:
    """Describe the camera to libcamera, and draw the demo camera's scene as its pictures."""
    import cv2

    from mien.vision.camera.demo import LENGTH, DemoCamera

    DESCRIPTION.parent.mkdir(parents=True, exist_ok=True)
    DESCRIPTION.write_text(
        f"""%YAML 1.1
---
"Virtual0":
  supported_formats:
  - width: 640
    height: 480
    frame_rates: [1, 60]
  frames:
    path: "{PICTURES}/"
  location: "CameraLocationFront"
  model: "Virtual"
""",
        encoding="utf-8",
    )
    PICTURES.mkdir(parents=True, exist_ok=True)
    for old in PICTURES.iterdir():
        old.unlink()
    scene = DemoCamera()
    for number in range(int(LENGTH * PICTURES_PER_SECOND)):
        picture = cv2.cvtColor(scene.draw(number / PICTURES_PER_SECOND), cv2.COLOR_GRAY2BGR)
        cv2.imwrite(str(PICTURES / f"{number}.jpg"), picture)


def reason_to_skip() -> str:
    """Return why the tests cannot run here, or an empty string."""
    try:
        import libcamera
    except ImportError:
        return "libcamera's Python module is missing (apt install python3-libcamera)"
    if not DESCRIPTION.is_file():
        return f"libcamera's virtual camera is not set up in {DESCRIPTION} (.ci/picamera2 does)"
    if not any("Virtual" in camera.id for camera in libcamera.CameraManager.singleton().cameras):
        return "libcamera lacks the virtual pipeline (Debian trixie's has it)"
    try:
        install()
    except ImportError as error:
        return f"picamera2 is missing or incomplete: {error}"
    return ""


def resources() -> dict[str, int]:
    """Count what this process holds: descriptors by kind, mapped buffers and threads."""
    counts: collections.Counter[str] = collections.Counter()
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the folder's own
            counts[str(descriptor.readlink()).split(":")[0].split(" ")[0]] += 1
    maps = Path("/proc/self/maps").read_text(encoding="utf-8")
    return {**counts, "maps": maps.count("/memfd:"), "threads": threading.active_count()}


def install() -> None:
    """Put the replacements in place; a second call does nothing."""
    if "pykms" in sys.modules:
        return
    kms: Any = types.ModuleType("pykms")
    kms.PixelFormat = type("PixelFormat", (), {"__getattr__": lambda _, name: name})()
    sys.modules["pykms"] = kms
    from picamera2 import Picamera2

    _replace_memory()
    Picamera2._get_raw_modes = _stream_as_mode
    _accept_unset_status()
    _pace(Picamera2)


class MemoryHeap:
    """In the place of picamera2's DmaHeap: descriptors of anonymous memory, and one for the heap itself."""

    isValid = True  # noqa: N815 (picamera2's name)

    def __init__(self) -> None:
        self._descriptor = os.open("/dev/null", os.O_RDWR)

    def alloc(self, name: str, size: int) -> Any:
        from picamera2.dma_heap import UniqueFD

        descriptor = os.memfd_create(name)
        os.ftruncate(descriptor, size)
        return UniqueFD(descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


def _replace_memory() -> None:
    import libcamera
    from picamera2.allocators import dmaallocator

    def make_buffer(_: type, planes: list[Any]) -> Any:
        """Describe a buffer as the pipeline needs it: NV12 has a plane of luma and one of chroma."""
        luma, chroma = planes[0], libcamera.FrameBuffer.Plane()
        chroma.fd, chroma.offset, chroma.length = luma.fd, luma.length * 2 // 3, luma.length // 3
        luma.length = chroma.offset
        return libcamera.FrameBuffer([luma, chroma])

    buffer = type("FrameBuffer", (), {"Plane": libcamera.FrameBuffer.Plane, "__new__": make_buffer})
    dmaallocator.libcamera = types.SimpleNamespace(FrameBuffer=buffer)
    dmaallocator.fcntl = types.SimpleNamespace(ioctl=lambda *_: 0)  # cache synchronisation, which memfd has not
    dmaallocator.DmaHeap = MemoryHeap


def _stream_as_mode(picamera: Any) -> list[dict[str, Any]]:
    """Return the pipeline's only stream as the sensor's only mode: it refuses the role of a raw stream."""
    import libcamera

    stream = picamera.camera.generate_configuration([libcamera.StreamRole.Viewfinder]).at(0)
    return [{"format": str(stream.pixel_format), "size": (stream.size.width, stream.size.height)}]


def _accept_unset_status() -> None:
    """Let picamera2 accept frames of libcamera 0.4's pipeline, which leaves their status unset."""
    import libcamera
    import picamera2.picamera2 as module

    if not libcamera.CameraManager.singleton().version.startswith("v0.4"):
        return
    status = libcamera.FrameMetadata.Status
    any_status: Any = type("AnyStatus", (status,), {"__eq__": lambda *_: True, "__hash__": status.__hash__})
    proxy: Any = types.ModuleType("libcamera")
    proxy.__getattr__ = lambda name: getattr(libcamera, name)
    proxy.FrameMetadata = types.SimpleNamespace(Status=types.SimpleNamespace(Success=any_status(0)))
    module.libcamera = proxy


def _pace(picamera2: Any) -> None:
    """Give the pipeline the frame rate that FrameDurationLimits asks for: it delivers frames as fast as it can."""
    configure, set_controls, process_requests = (
        picamera2.configure_,
        picamera2.set_controls,
        picamera2.process_requests,
    )

    def paced_configure(self: Any, configuration: Any) -> None:
        configure(self, configuration)
        self.frame_duration = self.camera_config["controls"].get("FrameDurationLimits", (33_333,))[0] / 1e6
        self.frame_due = time.monotonic()

    def paced_set_controls(self: Any, controls: Any) -> None:
        set_controls(self, controls)
        if "FrameDurationLimits" in controls:
            self.frame_duration = controls["FrameDurationLimits"][0] / 1e6

    def paced_process_requests(self: Any, display: Any) -> None:
        """Process one request when it is due, and leave the others for the next call."""
        with self._requestslock:
            later, self._requests = self._requests[1:], self._requests[:1]
        if self._requests:
            time.sleep(max(0.0, self.frame_due - time.monotonic()))
            self.frame_due = max(self.frame_due, time.monotonic() - self.frame_duration) + self.frame_duration
        process_requests(self, display)
        if later:
            with self._requestslock:
                self._requests = later + self._requests
            self._run_process_requests()

    picamera2.configure_ = paced_configure
    picamera2.set_controls = paced_set_controls
    picamera2.process_requests = paced_process_requests


if __name__ == "__main__":
    draw_pictures()
