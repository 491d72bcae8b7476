"""What a sphere's views and its panorama are said to take, against what they take."""

from __future__ import annotations

import subprocess
import sys

import pytest

from synoptic.views.sphere_bytes import sphere_bytes

MEASURE = """
import sys
from pathlib import Path
import torch
from synoptic import io
from synoptic.views.directions import spread_directions
from synoptic.views.equirectangular import Equirectangular, matching_height
from synoptic.views.sphere import stitch

count, fov, side, height = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
peak = lambda: int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
torch.set_num_threads(1)
io.to_pil(stitch(torch.rand(6, 3, 8, 8), spread_directions(6), 100.0, 16))
before, directions, rows = peak(), spread_directions(count), matching_height(fov, side)
views, x = Equirectangular((3, rows, 2 * rows), directions, fov, side), torch.rand(count, 3, side, side)
views.project(views.unproject(x))
io.to_pil(stitch(x, directions, fov, height))
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.slow
@pytest.mark.parametrize(("num_views", "fov", "side", "height"), [(18, 80.0, 256, 2048), (50, 45.0, 256, 1024)])
def test_the_memory_that_is_planned_is_what_is_taken(num_views, fov, side, height):
    command = [sys.executable, "-c", MEASURE, *map(str, (num_views, fov, side, height))]
    taken = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert 0.8 < sphere_bytes(num_views, fov, side, height, 1) / taken < 1.2
