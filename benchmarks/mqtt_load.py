"""Measure many nodes and one player: `python benchmarks/mqtt_load.py --nodes 1000 --every 5 --seconds 60`.

The script starts a mosquitto, simulated nodes, each with a connection and regular mood changes of its own (the event
and the retained state, as a node publishes them), and one `mien play` that subscribes to all of them. It prints the
number of lost changes, the time from a node's publishing to the line of `mien play`, and the memory and processor time
of `mien play`. It fails if a change is lost. Needs mosquitto.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import resource
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from mien.events import Mood
from mien.expression import Expression
from mien.mqtt import payloads
from mien.mqtt.topics import ONLINE, Topics


@dataclass
class SimulatedNode:
    """A node that publishes moods without a camera."""

    name: str
    client: paho.Client
    changes: int = 0

    def announce(self) -> None:
        """Publish that the node is online and its camera open."""
        topics = Topics(self.name)
        self.client.publish(topics.of("camera"), payloads.encode(payloads.CameraPayload(state="open")), 1, retain=True)
        self.client.publish(topics.of("availability"), ONLINE, 1, retain=True)

    def publish_change(self) -> None:
        """Publish another mood, whose `at` is the time of sending."""
        self.changes += 1
        expression = Expression(self.changes % 7)
        probabilities = tuple(0.4 if e == expression else 0.1 for e in Expression)
        mood = Mood(expression, 0.4, probabilities, time.monotonic())
        state = payloads.to_state(mood, faces=1, since="2026-01-01T00:00:00Z", run=self.name, seq=self.changes)
        topics = Topics(self.name)
        self.client.publish(topics.of("event"), payloads.encode(payloads.to_event(state)), 2)
        self.client.publish(topics.of("state"), payloads.encode(state), 1, retain=True)


@dataclass
class DelayRecorder:
    """The delays of the moods that `mien play` prints, in seconds."""

    delays: list[float] = field(default_factory=list)

    def read(self, player: subprocess.Popen[str]) -> None:
        """Read the player's lines until it ends."""
        assert player.stdout is not None
        for line in player.stdout:
            now = time.monotonic()
            event = json.loads(line)
            if event["event"] == "mood":
                self.delays.append(now - event["at"])


def main() -> int:
    """Run the load and print the figures."""
    parser = argparse.ArgumentParser(description="Many simulated nodes against one mien play.")
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two changes of a node")
    parser.add_argument("--seconds", type=float, default=60.0)
    args = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder), args.nodes, args.every, args.seconds)


def measure(folder: Path, count: int, every: float, seconds: float) -> int:
    """Run the broker, the player and the nodes; return 0 if no change was lost."""
    port = free_port()
    (folder / "broker.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
    (folder / "mien.toml").write_text(f'[mqtt]\nhost = "127.0.0.1"\nport = {port}\n')
    mosquitto = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
    assert mosquitto, "needs mosquitto: apt install mosquitto"
    broker = subprocess.Popen([mosquitto, "-c", str(folder / "broker.conf")], stderr=subprocess.DEVNULL)
    names = [f"node{number}" for number in range(count)]
    play = [sys.executable, "-m", "mien.cli", "play", "--config", str(folder / "mien.toml"), "--json"]
    player = None
    try:
        wait_until_listening(port)
        player = subprocess.Popen(
            [*play, "--room", "all=" + ",".join(names)], stdout=subprocess.PIPE, text=True, bufsize=1
        )
        recorder = DelayRecorder()
        reader = threading.Thread(target=recorder.read, args=(player,))
        reader.start()
        print(f"connecting {count} nodes", flush=True)
        nodes = connect(names, port)
        print(f"a change of each every {every:g} s, for {seconds:g} s", flush=True)
        drive(nodes, every, seconds)
        sent = sum(node.changes for node in nodes)
        peak, used = memory(player.pid), processor_time(player.pid)
        player.terminate()
        player.wait(20)
        reader.join(5)
        return report(recorder.delays, sent, peak, used)
    finally:
        for process in (player, broker):
            if process is not None:
                process.kill()
                process.wait()


def connect(names: list[str], port: int) -> list[SimulatedNode]:
    """Return nodes, each with a connection of its own."""
    nodes = []
    for name in names:
        client = paho.Client(CallbackAPIVersion.VERSION2, f"load-{name}", protocol=MQTTProtocolVersion.MQTTv311)
        client.connect("127.0.0.1", port, keepalive=600)
        nodes.append(SimulatedNode(name, client))
    return nodes


def drive(nodes: list[SimulatedNode], every: float, seconds: float) -> None:
    """Serve all connections in one loop, and have each node publish its changes when they are due."""
    selector = selectors.DefaultSelector()
    for node in nodes:
        sock = node.client.socket()
        assert sock is not None
        selector.register(sock.fileno(), selectors.EVENT_READ, node)
    serve(selector, 1.0)
    for node in nodes:
        node.announce()
    serve(selector, 5.0)
    start = time.monotonic()
    due = [(start + every * number / len(nodes), number) for number in range(len(nodes))]
    heapq.heapify(due)
    while due:
        at, number = due[0]
        serve(selector, max(0.0, at - time.monotonic()))
        nodes[number].publish_change()
        if at + every < start + seconds:
            heapq.heapreplace(due, (at + every, number))
        else:
            heapq.heappop(due)
    serve(selector, 5.0)


def serve(selector: selectors.BaseSelector, seconds: float) -> None:
    """Have paho process what the broker sends, for so many seconds, once at least."""
    deadline = time.monotonic() + seconds
    while True:
        for key, _ in selector.select(max(0.0, deadline - time.monotonic())):
            key.data.client.loop_read()
        if time.monotonic() >= deadline:
            return


def report(delays: list[float], sent: int, peak: float, used: float) -> int:
    """Print the figures."""
    lost = sent - len(delays)
    ordered = sorted(delays)
    p99 = ordered[int(len(ordered) * 0.99)] if ordered else float("nan")
    print(f"changes sent {sent}, received {len(delays)}, lost {lost}")
    if ordered:
        median, slowest = statistics.median(ordered) * 1e3, ordered[-1] * 1e3
        print(f"latency median {median:.1f} ms, p99 {p99 * 1e3:.1f} ms, max {slowest:.1f} ms")
    print(f"mien play: {peak:.0f} MB at its peak, {used:.1f} s of processor time")
    return int(lost != 0)


def memory(pid: int) -> float:
    """Return the peak resident memory of a process, megabytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def processor_time(pid: int) -> float:
    """Return the processor time of a process, seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Return a port that is not in use now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_listening(port: int) -> None:
    """Return when the broker accepts connections."""
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            time.sleep(0.05)
        else:
            return


if __name__ == "__main__":
    sys.exit(main())
