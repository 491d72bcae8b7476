"""Events of the page, sent by hand: what a browser claims to have uploaded is opened only if it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("gradio")

from synoptic.io import save_image
from tests.studio.test_server import SECRET

FILE = {"meta": {"_type": "gradio.FileData"}}
CLAIMS = {  # the button or upload whose event is sent -> what it is sent as a file
    "dropped": lambda path: {"path": path, **FILE},
    "paint-edit": lambda path: {"path": path, **FILE},
    "paint-control": lambda path: {"path": path, **FILE},
    "paint-inpaint": lambda path: {"background": {"path": path, **FILE}, "layers": [], "composite": None},
    "paint-wide": lambda path: {"path": path, **FILE},
}


def event(config: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the first event of the component that is so named."""
    names = {one["id"]: one["props"].get("elem_id") for one in config["components"]}
    return next(one for one in config["dependencies"] if any(names.get(target) == name for target, _ in one["targets"]))


def answer(client: Any, config: dict[str, Any], name: str, file: object) -> str:
    """Send an event as a page does, with a file for each of its pictures; return all that comes back."""
    types, sent = {one["id"]: one for one in config["components"]}, event(config, name)
    data = [
        file if types[id]["type"] in ("file", "image", "imageeditor") else types[id]["props"].get("value")
        for id in sent["inputs"]
    ]
    body = {"data": data, "fn_index": sent["id"], "session_hash": name}
    joined = client.post("/gradio_api/queue/join", json=body)
    if joined.status_code != 200:
        return joined.text
    with client.stream("GET", f"/gradio_api/queue/data?session_hash={name}") as stream:
        return "".join(stream.iter_lines())


FORMS = [
    "{}/secret.png",
    *(pytest.param(form, marks=pytest.mark.slow) for form in ("{}/served/../secret.png", "file://{}/secret.png")),
]


@pytest.mark.parametrize("form", FORMS)
def test_no_event_opens_a_file_that_was_not_uploaded(client, tmp_path: Path, form):
    settings = {"application": "generate", "options": {"prompt": [SECRET]}}
    save_image(tmp_path / "secret.png", Image.effect_noise((64, 64), 80).convert("RGB"), settings)
    with client() as c:
        config = c.get("/config").json()
        for name, claim in CLAIMS.items():
            text = answer(c, config, name, claim(form.format(tmp_path)))
            assert SECRET not in text and '"success":true' not in text, (name, text[:400])
    assert not list((tmp_path / "outputs/.studio/uploads").iterdir())
