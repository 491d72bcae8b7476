"""Names: every one that means nothing is answered at once, in one line with its cure; mirrors are tried in order."""

from __future__ import annotations

import multiprocessing
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError
from PIL import Image

from synoptic.errors import InputError
from synoptic.models.hub import is_online, relative_files
from synoptic.models.load import load
from synoptic.models.names import ALIASES
from synoptic.models.registry import resolve, resolve_clip, resolve_depth_model, resolve_upscaler
from synoptic.options import options_class
from tests.models.directories import SD, linked, refused


@pytest.mark.parametrize("name", ["nosuch", "./nosuch", "/no/such/directory", "a/b/c", "org/na me"])
def test_an_unknown_name_lists_the_known_ones(name):
    refused(lambda: resolve(name), repr(name), "bundled", *ALIASES, "hub id", "directory")


@pytest.mark.parametrize(("find", "cure"), [(resolve, "--model bundled"), (resolve_depth_model, "--depth bundled")])
def test_a_file_or_a_folder_of_another_kind_is_no_hub_model(find, cure, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("org").mkdir()
    Path("org/name.png").write_text("no model")
    refused(lambda: find("org/name.png"), "is a file of another kind", cure)
    refused(lambda: find("org"), "json", "check it", cure)


def denied(top: str) -> None:
    if os.geteuid() == 0:  # who may read everything
        os.setuid(65534)
    for find in (resolve, resolve_upscaler, resolve_depth_model, resolve_clip):
        with pytest.raises(InputError, match=r"folder' may not \(Permission denied\): allow it"):
            find(f"{top}/folder")
    for file in ("m.safetensors", "model"):
        with pytest.raises(InputError, match=r"(m.safetensors|model_index.json) may not \(Permission denied\): allow it"):
            resolve(f"{top}/{file}")


def test_what_may_not_be_read_is_told_so_and_not_said_to_be_unknown():
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o755)
        places = [Path(top, name) for name in ("folder", "m.safetensors", "model/model_index.json")]
        places[0].mkdir()
        places[2].parent.mkdir()
        for place in places[1:]:
            place.write_text("{}")
        for place in places:
            place.chmod(0)
        process = multiprocessing.get_context("fork").Process(target=denied, args=(top,))
        process.start()
        process.join()
        places[0].chmod(0o700)
    assert process.exitcode == 0


@pytest.fixture
def offline(monkeypatch, tmp_path) -> Iterator[Path]:
    """No network, and an empty cache of the hub: its path."""

    def unreachable(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    for proxy in [key for key in os.environ if key.lower().endswith("_proxy")]:
        monkeypatch.delenv(proxy)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    is_online.cache_clear()
    yield tmp_path
    is_online.cache_clear()


@pytest.mark.parametrize("name", ["org/name", "sd2", "if"])
def test_offline_a_hub_model_is_refused_at_once(offline, name, monkeypatch):
    asked, unreachable = list[object](), socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **how: asked.append(args) or unreachable(*args, **how))
    refused(lambda: resolve(name), ALIASES.get(name, [name])[-1], "connect", "--model bundled")
    assert len(asked) <= 1  # no second try, and none by the hub's own client


@pytest.mark.parametrize("name", ["org/name", "nosuch", "nosuch/with/levels", "org/name/x.safetensors"])
@pytest.mark.parametrize(
    ("option", "instead"),
    [
        ("depth", "bundled"),
        ("controlnet", None),
        ("vae", None),
        ("lora", None),
        ("textual_inversion", None),
        ("upscalers", "none"),
        ("model", "bundled"),
        ("clip_model", "bundled"),
    ],
)
def test_offline_the_cure_of_a_name_is_of_its_option_and_works(option, instead, name, offline, tmp_path):
    Image.new("RGB", (256, 256), "teal").save(picture := str(tmp_path / "a.png"))
    applications = {
        "depth": ("control", {"image": picture, "prompt": "a fox", "condition": "depth"}),
        "controlnet": ("control", {"image": picture, "prompt": "a fox", "condition": "canny"}),
        "clip_model": ("text_to_3d", {"prompt": "a mug"}),
    }
    application, given = applications.get(option, ("generate", {"prompt": "a fox"}))

    def prepared(**more: object) -> object:
        return options_class(application).from_arguments(**given, **more).prepare()

    flag = f"--{option.replace('_', '-')}"
    with pytest.raises(InputError) as e:
        prepared(**{option: name})
    said = str(e.value)
    cure = f"use {flag} {instead} or a local directory" if instead else f"omit {flag}"
    assert cure in said or "check the path" in said or "give the directory that save_pretrained writes" in said
    assert cure in said or name != "org/name"
    assert "\n" not in said and (option == "model" or "--model" not in said)
    prepared(**{option: instead} if instead else {})


def test_offline_a_hub_model_in_the_cache_loads(offline, monkeypatch):
    cached = offline / "models--org--name"
    commit = "0123456789" * 4
    linked(cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs/main").write_text(commit)
    assert resolve("org/name").revision == commit

    def unreachable(*args, **kwargs):
        raise OSError("Name or service not known")

    monkeypatch.setattr(huggingface_hub, "list_repo_files", unreachable)  # which would retry for half a minute
    assert load("org/name", device="cpu", dtype="float32").shape == (8, 32, 32)


def answer(kind: Any) -> Exception:
    """The hub's refusal, as huggingface_hub raises it."""
    return kind("two\nlines", response=SimpleNamespace(headers={}, request=None))


@pytest.fixture
def hub(monkeypatch, offline) -> dict[str, Any]:
    """A pretended hub, {repo: exception or directory}; any other repo does not exist. Key "asked" lists who was asked."""
    repos: dict[str, Any] = {"asked": []}

    def download(repo: str, file: str, **how) -> str:
        repos["asked"].append(repo)
        found = repos.get(repo) or answer(RepositoryNotFoundError)
        if isinstance(found, Exception):
            raise found
        return str(found / file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.setattr(huggingface_hub, "list_repo_files", lambda repo, **how: relative_files(repos[repo]))
    monkeypatch.setattr("synoptic.models.hub.is_online", lambda: True)
    return repos


def test_a_gated_model_names_its_license_and_the_login(hub):
    hub["org/name"] = answer(GatedRepoError)
    refused(lambda: resolve("org/name"), "gated", "https://huggingface.co/org/name", "hf auth login", "--model bundled")


def test_a_missing_model_may_be_private(hub):
    refused(lambda: resolve("org/name"), "no public model org/name", "private", "hf auth login", "--model bundled")


@pytest.mark.parametrize("alias", [name for name, places in ALIASES.items() if len(places) > 1])
@pytest.mark.parametrize("gone", [RepositoryNotFoundError, GatedRepoError])
def test_an_alias_tries_its_sources_in_order(hub, alias, gone):
    first, second = ALIASES[alias]
    hub |= {first: answer(gone), second: SD}
    assert resolve(alias).path_or_repo == second
    assert list(dict.fromkeys(hub["asked"])) == [first, second]
    hub |= {first: SD, "asked": []}
    assert resolve(alias).path_or_repo == first
    assert set(hub["asked"]) == {first}
    hub |= {first: None, second: None}
    refused(lambda: resolve(alias), second, "--model bundled")
