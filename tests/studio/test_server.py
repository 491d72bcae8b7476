"""The server: the HTTP interface, the password, and requests that must not read, write or run what they should not."""

from __future__ import annotations

import base64
import io
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synoptic.mesh.gltf_container import write_container
from synoptic.studio.server import MOST_BYTES
from tests.quick import slow_ones
from tests.studio.conftest import QUICK

SECRET = "the secret of this machine"
SHOWN = """
import sys, time
from fastapi.testclient import TestClient
from synoptic.options.studio import StudioOptions
from synoptic.studio.server import build

client = TestClient(build(StudioOptions(out=sys.argv[1])))
assert "paint-panorama" in client.get("/").text and client.get("/api/applications").status_code == 200
time.sleep(1)
print("torch" in sys.modules)
client.app.state.jobs.expect()
until = time.monotonic() + 100
while not hasattr(sys.modules.get("synoptic.runs.execute"), "execute") and time.monotonic() < until:
    time.sleep(0.1)
print("torch" in sys.modules)
"""


def png(size: tuple[int, int] = (64, 64)) -> bytes:
    data = io.BytesIO()
    Image.effect_noise(size, 80).convert("RGB").save(data, "PNG")
    return data.getvalue()


def basic(password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"anyone:{password}".encode()).decode()}


@pytest.mark.slow
def test_the_page_is_served_before_torch_is_imported(tmp_path: Path):
    environment = os.environ | {"GRADIO_TEMP_DIR": str(tmp_path / "served"), "GRADIO_ANALYTICS_ENABLED": "False"}
    command = [sys.executable, "-c", SHOWN, str(tmp_path / "outputs")]
    out = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert out.stdout.split() == ["False", "True"], out.stderr


def finished(client: Any, id: str) -> dict[str, Any]:
    job: dict[str, Any] = {}
    for _ in range(4000):
        job = client.get(f"/api/jobs/{id}").json()
        if job["state"] not in ("queued", "running"):
            return job
        time.sleep(0.03)
    raise AssertionError(job)


def test_a_job_by_http_is_a_picture_with_its_settings_inside(client):
    c = client()
    asked = c.post("/api/jobs", json={"application": "generate", "options": QUICK})
    assert asked.status_code == 201
    job = finished(c, asked.json()["id"])
    assert (job["state"], job["steps"], job["of_steps"]) == ("done", 2, 2)
    picture = c.get(job["pictures"][0])
    assert picture.headers["content-type"] == "image/png"
    text = getattr(Image.open(io.BytesIO(picture.content)), "text", {})
    assert text["parameters"].startswith("a photo of a horse")


@pytest.mark.slow
def test_an_uploaded_picture_is_edited(client):
    c = client()
    id = c.post("/api/uploads", content=png()).json()["id"]
    options = {"image": id, "prompt": "a photo of a dog", "steps": 3, "model": "bundled-if"}
    job = finished(c, c.post("/api/jobs", json={"application": "edit", "options": options}).json()["id"])
    assert job["state"] == "done", job


def test_the_interface_says_what_it_takes(listening):
    c, _ = listening
    found = c.get("/api/applications").json()
    assert "prompt" in [option["name"] for option in found["wide"]] and "out" not in [o["name"] for o in found["wide"]]
    assert "/api/jobs" in c.get("/openapi.json").json()["paths"]


def test_the_page_asks_for_nothing_from_outside(listening):
    page = listening[0].get("/")
    assert page.status_code == 200 and "default-src 'self'" in page.headers["content-security-policy"]
    assert "fonts.googleapis" not in page.text and "cdnjs" not in page.text


def test_a_password_is_asked_for_everywhere(client):
    c = client("open sesame")
    for path in ("/", "/config", "/api/applications", "/openapi.json", "/gradio_api/info", "/gradio_api/startup-events"):
        assert c.get(path).status_code == 401, path
        assert c.get(path, headers=basic("wrong")).status_code == 401, path
    assert c.get("/api/applications", headers=basic("open sesame")).status_code == 200
    assert c.post("/api/jobs", json={"application": "generate", "options": QUICK}).status_code == 401
    assert c.get("/", headers={"authorization": "Basic ????"}).status_code == 401


@pytest.mark.usefixtures("client")  # whose folders it has
def test_a_studio_of_one_machine_answers_no_other_name(tmp_path):
    from fastapi.testclient import TestClient

    from synoptic.options.studio import StudioOptions
    from synoptic.studio.server import build

    c = TestClient(build(StudioOptions(out=str(tmp_path / "own")).prepare()))
    assert c.get("/api/applications", headers={"host": "localhost:7860"}).status_code == 200
    assert c.get("/api/applications", headers={"host": "evil.example"}).status_code == 403
    for origin in ("https://evil.example", "http://[::1", "null"):
        foreign = {"host": "localhost:7860", "origin": origin}
        assert c.post("/api/jobs", json={"application": "generate", "options": QUICK}, headers=foreign).status_code == 403


SECRETS = ["secret.txt", "outputs/.studio/secret", "outputs/.studio/jobs", "/etc/passwd", "outputs"]
ESCAPES = ["{}", "../{}", "../../{}", "%2e%2e/{}", "..%2f{}", "....//{}", "./{}", "%00{}", "{}%00.png", "\\{}"]


@pytest.mark.parametrize("secret", slow_ones(SECRETS, ["secret.txt", "outputs/.studio/jobs", "outputs"]))
def test_no_path_reaches_a_file(listening, secret):
    c, folder = listening
    place = secret if secret.startswith("/") else str(folder / secret)
    (folder / "served").mkdir(exist_ok=True)
    for form in ESCAPES:
        for route in (
            "/gradio_api/file={}", "/file={}", "/gradio_api/file/{}", "/static/{}", "/assets/{}", "/custom_component/{}/a/b",
            "/gradio_api/proxy={}", "/theme.css/{}", "/api/jobs/{}", "/api/jobs/{}/pictures/0", "/{}", "/svelte/{}",
        ):  # fmt: skip
            for target in (place, place.lstrip("/"), secret):
                answer = c.get(route.format(form.format(target)))
                assert answer.status_code < 500, (route, form, target)
                assert SECRET not in answer.text and "root:x:" not in answer.text, (route, form, target)
                assert (folder / "outputs/.studio/secret").read_text() not in answer.text


@pytest.mark.slow
def test_a_link_in_a_run_leads_nowhere(client, tmp_path):
    c = client()
    job = finished(c, c.post("/api/jobs", json={"application": "generate", "options": QUICK}).json()["id"])
    (file,) = (tmp_path / "outputs" / "generate").rglob("a_photo*.png")
    file.unlink()
    file.symlink_to(tmp_path / "secret.txt")
    assert c.get(job["pictures"][0]).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'"x"', b'{"application": 1}', b'{"application": "../info"}',
        b'{"application": "train_controlnet", "options": {}}', b'{"application": "studio", "options": {}}',
        b'{"application": "generate", "options": []}', b'{"application": "generate", "options": {"prompt": {"a": 1}}}',
        b'{"application": "generate", "options": {"prompt": [["a"]]}}',
        b'{"application": "generate", "options": {"prompt": ["a"], "steps": 1e400}}',
        b'{"application": "generate", "options": {"prompt": ["a"], "seed": 99999999999999999999999}}',
        b'{"application": "generate", "options": {"prompt": ["a"], "steps": "7"}}',
        b'{"application": "generate", "options": {"prompt": ["a"], "model": {"x": 1}}}',
        b'{"application": "generate", "options": {"prompt": ["a"], "model": ["bundled"]}}',
        b'{"application": "generate", "options": {"prompt": ["a"], "out": "/tmp/x"}}',
        b'{"application": "generate", "options": {"prompt": ["a"], "trace": true}}',
        b'{"application": "generate", "options": {"prompt": ["a"], "__class__": 1}}',
        b'{"application": "generate", "options": {"prompt": ["\\ud800"]}}',
        b'{"application": "generate", "options": {"prompt": ["a\\u0000b"]}}',
        b'{"application": "edit", "options": {"prompt": "a", "image": 7}}',
        b'{"application": "edit", "options": {"prompt": "a", "image": {"path": "/etc/passwd"}}}',
        b'{"application": "edit", "options": {"prompt": "a", "image": "file:///etc/passwd"}}',
        b'{"application": "edit", "options": {"prompt": "a", "image": "http://169.254.169.254/"}}',
        b'{"application": "wide", "options": {"prompt": ["a"], "width": 100000000}}',
        b'{"application": "wide", "options": {"prompt": ["a"], "width": -5}}',
        b"[" * 20000 + b"]" * 20000, b"\xff\xfe\x00",
    ],
)  # fmt: skip
def test_a_hostile_job_is_refused(listening, body):
    c, folder = listening
    answer = c.post("/api/jobs", content=body, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text
    assert not list((folder / "outputs/.studio/jobs").iterdir())


@pytest.mark.parametrize(
    "body",
    [
        b"", b"%!PS\n(x) show", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"GIF89a" + b"\0" * 20, b"\x89PNG\r\n\x1a\n" + b"\0" * 40, png()[:200], b"<html>", b"PK\x03\x04" + b"\0" * 30,
        b"%PDF-1.4", b"\0" * 1000, b"BM" + b"\xff" * 60,
    ],
)  # fmt: skip
def test_a_hostile_upload_is_refused_and_not_kept(listening, body):
    c, folder = listening
    assert c.post("/api/uploads", content=body).status_code == 422
    assert not list((folder / "outputs/.studio/uploads").iterdir())


def test_an_uploaded_mesh_sees_no_file_beside_it(listening, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "places.bin").write_bytes(np.eye(3, dtype="<f4").tobytes())
    tree = {
        "asset": {"version": "2.0"},
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "buffers": [{"byteLength": 36, "uri": "places.bin"}],
    }
    c, _ = listening
    assert c.post("/api/uploads", content=write_container(tree, b"")).status_code == 422


def test_a_bomb_and_a_flood_are_refused(listening):
    data = io.BytesIO()
    Image.new("1", (20000, 20000)).save(data, "PNG")
    c, _ = listening
    assert c.post("/api/uploads", content=data.getvalue()).status_code == 422
    assert c.post("/api/uploads", content=b"x", headers={"content-length": str(MOST_BYTES + 1)}).status_code == 413
    flood = (b"\0" * 2**20 for _ in range(MOST_BYTES // 2**20 + 2))  # which does not say how long it is
    assert 400 <= c.post("/api/uploads", content=flood).status_code < 500


def test_ids_are_not_guessed(client):
    c = client()
    ids = {c.post("/api/jobs", json={"application": "generate", "options": QUICK}).json()["id"] for _ in range(3)}
    assert len(ids) == 3 and min(map(len, ids)) >= 20
    for id in ("0", "1", "..", "%2e%2e", "*", "null", " ", "a" * 5000):
        assert c.get(f"/api/jobs/{id}").status_code in (404, 405), id
    for id in ids:
        c.delete(f"/api/jobs/{id}")
