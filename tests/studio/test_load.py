"""Fifty clients at once: every job is done, every client gets its own picture, and memory stays as it is."""

from __future__ import annotations

import io
import json
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("gradio")

from PIL import Image

from tests.studio.browser import studio
from tests.studio.conftest import QUICK

CLIENTS = 50
GROWTH = 1.1  # of memory, from the first fifty jobs to the last
TINY = QUICK | {"steps": 1}


def ask(address: str, seed: int) -> int:
    """Paint a picture as a client does; return the seed that is inside the picture which came."""
    body = json.dumps({"application": "generate", "options": TINY | {"seed": seed}}).encode()
    request = urllib.request.Request(f"{address}/api/jobs", body, {"content-type": "application/json"})
    job = json.loads(urllib.request.urlopen(request).read())
    while job["state"] in ("queued", "running"):
        time.sleep(2)  # fifty that ask more often keep the studio from painting
        job = json.loads(urllib.request.urlopen(f"{address}/api/jobs/{job['id']}").read())
    (path,) = job["pictures"]
    picture = Image.open(io.BytesIO(urllib.request.urlopen(address + path).read()))
    return json.loads(getattr(picture, "text", {})["synoptic"])["options"]["seed"]


def resident(pid: int) -> int:
    """Return the memory of a process in KiB."""
    return next(int(line.split()[1]) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmRSS" in line)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc")
def test_fifty_clients_get_their_own_pictures_and_memory_is_flat(tmp_path: Path):
    with studio(tmp_path) as (address, process), ThreadPoolExecutor(CLIENTS) as clients:
        sizes = []
        for round in range(4):
            seeds = range(round * CLIENTS, (round + 1) * CLIENTS)
            assert list(clients.map(lambda seed: ask(address, seed), seeds)) == list(seeds)
            sizes.append(resident(process.pid))
    print("KiB after each fifty jobs:", sizes)
    assert sizes[-1] < GROWTH * sizes[0], sizes
