"""Two Ray nodes on one machine, for what a cluster does when one of them is lost.

Each is in a network namespace of its own, with an address of its own, where this process may make one (root, with iproute2);
elsewhere both share the loopback.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

PORT = 6399
ACTOR = "ray::JobActor"
RAY = str(Path(sys.executable).with_name("ray"))


class Namespaces:
    """Two network namespaces, joined by a cable."""

    def __init__(self, number: int) -> None:
        self.names = [f"synoptic-{number}-{k}" for k in range(2)]
        self.addresses = [f"10.88.{number % 250}.{k + 1}" for k in range(2)]
        a, b = (f"syn{number}{letter}" for letter in "ab")
        for name in self.names:
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "link", "add", a, "netns", self.names[0], "type", "veth", "peer", "name", b, "netns", self.names[1])
        for name, device, address in zip(self.names, (a, b), self.addresses, strict=True):
            run("ip", "-n", name, "address", "add", f"{address}/24", "dev", device)
            run("ip", "-n", name, "link", "set", device, "up")

    def inside(self, k: int) -> list[str]:
        return ["ip", "netns", "exec", self.names[k]]

    def remove(self) -> None:
        for name in self.names:
            run("ip", "netns", "delete", name)


class Loopback:
    """Both nodes at 127.0.0.1."""

    addresses = ("127.0.0.1", "127.0.0.1")

    def inside(self, k: int) -> list[str]:
        return []

    def remove(self) -> None:
        pass


class Nodes:
    """Two nodes; `folder` has what Ray writes, and marks their processes. No other process is ended."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.raylets = folder, list[psutil.Process]()
        folder.mkdir(parents=True)
        (folder / "token").write_text(secrets.token_hex(32))
        self.environment = os.environ | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(folder / "token"),
            "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        }
        self.network = Namespaces(os.getpid()) if can_isolate() else Loopback()
        self.address = f"{self.network.addresses[0]}:{PORT}"
        try:
            self.start(0, "--head", f"--port={PORT}", f"--temp-dir={folder}", "--include-dashboard=false")
            self.join()
        except BaseException:
            self.stop()
            raise

    def start(self, k: int, *how: str) -> None:
        own = f"--node-ip-address={self.network.addresses[k]}", "--num-cpus=1", "--disable-usage-stats"
        run(*self.network.inside(k), RAY, "start", *how, *own, environment=self.environment)
        self.raylets.append(next(p for p in self.own() if p.name() == "raylet" and p not in self.raylets))

    def join(self) -> None:
        """Begin the second node."""
        self.start(1, f"--address={self.address}")

    def lose(self) -> None:
        """Kill the second node's raylet."""
        raylet = self.raylets.pop()
        raylet.kill()
        raylet.wait()

    def command(self, *words: str) -> list[str]:
        """Return a command as one that runs on the first node."""
        return [*self.network.inside(0), *words]

    def own(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            try:
                if any(str(self.folder) in word for word in process.cmdline()):
                    yield process
            except psutil.Error:
                continue

    def actors(self) -> list[psutil.Process]:
        """Return the processes that hold a model."""
        found = [p for raylet in self.raylets if raylet.is_running() for p in children(raylet)]
        return [p for p in found if p.cmdline()[:1] and ACTOR in p.cmdline()[0]]

    def stop(self) -> None:
        for process in [p for raylet in self.raylets for p in children(raylet)] + list(self.own()):
            if process.is_running():
                process.kill()
        self.network.remove()


def can_isolate() -> bool:
    return os.geteuid() == 0 and shutil.which("ip") is not None


def children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def run(*words: str, environment: dict[str, str] | None = None) -> None:
    """Run a command. Raises RuntimeError with what it said where it fails."""
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr or done.stdout}")
