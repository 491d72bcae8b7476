"""outputs/index.html: every run, newest first, and nothing that a person typed becomes markup."""

from __future__ import annotations

import json
import os
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from PIL import Image

import synoptic
from synoptic.runs.index import entry, write_index

QUICK: dict[str, Any] = {"steps": 1, "dtype": "float32", "device": "cpu", "model": "bundled"}
EVIL = "\"><script>alert(1)</script> & 'x'"


class Page(HTMLParser):
    """The tags of a page, its links and its titles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.titles: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [unquote(value or "") for name, value in attrs if name in ("href", "src")]
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "h2" and data.strip():
            self.titles.append(data)


@pytest.mark.slow
def test_every_run_is_there_the_newest_first_and_escaped(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = synoptic.run("generate", "a photo of a horse", **QUICK)
    os.utime(first.folder / "run.json", (1, 1))
    synoptic.run("generate", EVIL, **QUICK)
    page = Page(Path("outputs/index.html").read_text())
    assert page.titles[:1] == [EVIL] and page.titles[-1] == "a photo of a horse"
    assert "script" not in page.tags and page.tags.count("article") == 2 == page.tags.count("img")
    assert all((Path("outputs") / link).exists() for link in page.links)


def test_what_a_manifest_says_is_not_trusted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (4, 4)).save(tmp_path / "secret.png")
    for name, files in {
        "a": ["../../secret.png", str(tmp_path / "secret.png"), "javascript:alert(1)"],
        EVIL.replace("/", ""): [],
    }.items():
        folder = tmp_path / "outputs" / name
        folder.mkdir(parents=True)
        pictures = [{"file": file, "prompt": EVIL} for file in files]
        (folder / "run.json").write_text(json.dumps({"application": EVIL, "command": EVIL, "pictures": pictures}))
    for name, text in {
        "list": "[]",
        "broken": "{",
        "old": '{"recipe": "x"}',
        "odd": '{"application": 1, "pictures": 3}',
    }.items():
        (tmp_path / "outputs" / name).mkdir()
        (tmp_path / "outputs" / name / "run.json").write_text(text)
    write_index(tmp_path / "outputs/a")
    page = Page(Path("outputs/index.html").read_text())
    assert "script" not in page.tags and "img" not in page.tags and page.tags.count("article") == 3
    assert all(
        link.startswith("./") and (tmp_path / "outputs" / link).resolve().is_relative_to(tmp_path / "outputs")
        for link in page.links
    )


def test_elsewhere_no_page_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_index(tmp_path / "mine")
    assert not list(tmp_path.iterdir())


def test_a_page_that_cannot_be_written_costs_no_result(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs/a").mkdir(parents=True)
    (tmp_path / "outputs/index.html").mkdir()
    write_index(tmp_path / "outputs/a")
    assert "warning: outputs/index.html" in capsys.readouterr().err


def test_a_run_is_listed_by_its_command(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"application": "text_to_3d", "state": "finished"}))
    listed = entry(tmp_path, tmp_path)
    assert listed is not None and "text-to-3d, finished" in listed
