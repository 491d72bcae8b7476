"""What came of a job, as its folder says: the run's manifest, or why it failed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from math import isfinite
from typing import Literal, NamedTuple

from synoptic.runs.folders import MANIFEST, parse_manifest
from synoptic.utils.json_objects import JsonObject

FAILED = "failed.json"  # beside the manifest: why a job came to nothing, and what its run said
State = Literal["waiting", "done", "failed"]


class Record(NamedTuple):
    """What came of a job: its state, mean score, seconds, device with dtype and GPU, pictures, and why it failed.

    `shared_by` jobs shared the network's calls: 1 where the pictures are bitwise those of a run of its own.
    """

    state: State = "waiting"
    score: float | None = None
    seconds: float | None = None
    device: str = ""
    pictures: tuple[str, ...] = ()
    message: str = ""
    shared_by: int = 1


def read_record(read: Callable[[str], str | None], inputs: str | None = None) -> Record:
    """Return what a job's folder says; `read` returns the text of a file in it, None where there is none.

    A job waits whose run is done, but of other `inputs` than these.
    """
    manifest = parse_manifest(read(MANIFEST) or "") or {}
    if manifest.get("state") == "done":
        return describe(manifest) if inputs in (None, inputs_key(manifest.get("options", {}))) else Record()
    failed = parsed(read(FAILED))
    if not failed:
        return Record()
    return describe(manifest)._replace(state="failed", message=str(failed.get("message", "")))


def inputs_key(recorded: Mapping[str, object]) -> str:
    """Return a hash of the hashes of files and pictures among recorded options; "" where there are none."""
    hashes = {name: value for name, value in recorded.items() if name.endswith("_sha256")}
    return sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()[:16] if hashes else ""


def parsed(text: str | None) -> JsonObject:
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def describe(manifest: JsonObject) -> Record:
    """Return what a finished run's manifest says."""
    scores, timings, model = (manifest.get(name) or {} for name in ("scores", "timings", "model"))
    first = next(iter(scores.values()), None)
    return Record(
        "done",
        first if isinstance(first, float) and isfinite(first) else None,
        round(sum(timings.values()), 3) if timings else None,
        " ".join(filter(None, map(str, (model.get("device"), model.get("dtype"), manifest.get("gpu"))))),
        tuple(str(picture["file"]) for picture in manifest.get("pictures", [])),
        shared_by=manifest.get("shared_by", 1),
    )
