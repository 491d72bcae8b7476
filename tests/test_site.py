"""The documentation as a whole: its links, its navigation, what it quotes, and that pictures lie where pages show them."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlparse

import pytest
import yaml

from benchmarks import memory_by_card
from docs import hooks
from examples import gallery
from synoptic import APPLICATIONS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "bundled_training/README.md")),
    *DOCS.rglob("*.md"),
]
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"|(?<![\(\"`])(https?://[^\s)\"`>]+)")
HEADING = re.compile(r"^#+ +(.+)$", re.M)


def text_of(page: Path) -> str:
    """Return a page without its code."""
    return CODE.sub("", page.read_text())


def links(page: Path) -> list[str]:
    return [found for groups in LINK.findall(text_of(page)) for found in groups if found]


def anchors(page: Path) -> set[str]:
    """Return the names of a page's headings as GitHub and Python-Markdown both make them."""
    headings = HEADING.findall(re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S))
    return {re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip()) for heading in headings}


LINKS = [(page, link) for page in PAGES for link in links(page)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in links(page):
        path, _, anchor = link.partition("#")
        if "://" in link:
            parts = urlparse(link)  # outside ones by their form only
            assert parts.hostname == "localhost" or (parts.scheme == "https" and "." in parts.netloc), link
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists() and target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


def test_there_are_links():
    assert len(LINKS) > 200 and len({page for page, _ in LINKS}) > 25


def test_every_page_is_in_the_navigation_once():
    def leaves(node):
        if isinstance(node, str):
            return [node]
        children = node.values() if isinstance(node, dict) else node
        return [leaf for child in children for leaf in leaves(child)]

    listed = leaves(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    outside = {name for name in hooks.PAGES.values() if name.endswith(".md")}
    assert sorted(listed) == sorted({str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} | outside)


def test_every_picture_is_shown_somewhere():
    shown = {(page.parent / link).resolve() for page, link in LINKS if "://" not in link}
    assert [path for path in (DOCS / "pictures").rglob("*.*") if path not in shown] == []


def test_the_messages_that_the_faq_quotes_are_the_programs_own():
    quoted = re.findall(r'^\*\*"([^"]+)"\.\*\*', (DOCS / "faq.md").read_text(), re.M)
    source = "\n".join(path.read_text() for path in (ROOT / "synoptic").rglob("*.py"))
    assert len(quoted) >= 4 and [message for message in quoted if message not in source] == []


def test_the_api_reference_has_every_public_name():
    pages = "\n".join(path.read_text() for path in (DOCS / "api").glob("*.md"))
    loops = (
        "load",
        "run",
        "Windows",
        "cfg",
        "sample",
        "canonical",
        "instance",
        "optimize",
        "InputError",
        "sds",
        "vsd",
        "pds",
    )
    assert [name for name in loops if f"::: synoptic.{name}\n" not in pages] == []
    assert [name for name in APPLICATIONS if f"<!-- options: {name} -->" not in pages] == []


def test_a_table_of_options_has_names_types_and_defaults():
    table = hooks.options_table("wide").splitlines()
    assert any(line.startswith("| `sync` | ") and "x0" in line for line in table)
    assert all(line.count("|") - line.count("\\|") == 4 for line in table)


def test_links_of_the_repository_become_those_of_the_site():
    assert hooks.site_link("../CHANGELOG.md", "docs/wide.md", "wide.md") == "changelog.md"
    assert hooks.site_link("docs/wide.md", "CHANGELOG.md", "changelog.md") == "wide.md"
    assert hooks.site_link("../wide.md", "docs/concepts/views.md", "concepts/views.md") == "../wide.md"
    assert hooks.site_link("https://gradio.app", "docs/studio.md", "studio.md") == "https://gradio.app"


def test_the_gallery_has_every_entry_with_its_command_and_its_picture():
    page = (DOCS / "gallery.md").read_text()
    entries = [entry for title in gallery.ORDER for entry in gallery.SECTIONS[title]]
    assert len({entry.name for entry in entries}) == len(entries) >= 60
    for entry in entries:
        assert entry.command in page and f"pictures/gallery/{entry.name}.jpg" in page


def test_what_the_wall_is_made_of_is_painted_where_it_is_not_there_and_its_originals_before_it(tmp_path):
    entries = [entry for entries in gallery.SECTIONS.values() for entry in entries]
    rows = {entry.name: gallery.Row(entry.command, 0, 1.0, 0.5, 1.0) for entry in entries}
    names = [entry.name for entry in gallery.to_paint(rows, tmp_path)]
    assert set(names) == {*gallery.SHOWN, "lake-at-sunrise"} and names[:2] == ["lake-at-sunrise", "lake-boat"]
    for name in names:
        (tmp_path / f"{name}.png").touch()
    assert gallery.to_paint(rows, tmp_path) == []
    del rows["guitar-neon"]
    assert [entry.name for entry in gallery.to_paint(rows, tmp_path)] == ["guitar", "guitar-neon"]


@pytest.mark.slow
def test_an_entry_of_the_gallery_is_painted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    entry = gallery.Entry("owl", "generate", ("a photo of an owl",), {"model": "bundled", "seed": 7, "steps": 2})
    row = gallery.paint(entry, tmp_path / "pictures")
    assert entry.command == 'synoptic generate "a photo of an owl" --model bundled --seed 7 --steps 2'
    assert row.seed == 7 and row.seconds > 0 and (tmp_path / "pictures/owl.jpg").is_file() and Path("owl.png").is_file()


@pytest.mark.slow
def test_the_site_is_built_strictly_and_asks_nothing_of_another_server(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr[-800:]
    pages = {path.relative_to(tmp_path).as_posix(): path.read_text() for path in tmp_path.rglob("*.html")}
    assert (
        len(pages) > 40
        and "synoptic.Windows" in pages["api/sampling.html"]
        and "Keep a Changelog" in pages["changelog.html"]
    )
    assert all('role="dialog" aria-label="Search"' in text for name, text in pages.items() if name != "404.html")
    assert 'class="language-text highlight"' in pages["wide.html"]  # by which long commands are wrapped
    asked = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*(?:src|href)=\"?(?:https?:)?//")
    assert [name for name, text in pages.items() if asked.search(text)] == []


def test_the_page_of_memory_is_by_its_script():
    page = (DOCS / "memory-by-card.md").read_text()
    assert memory_by_card.HEAD in page and memory_by_card.TAIL in page
    rows = [line for line in page.splitlines() if line.startswith("| Stable Diffusion")]
    assert len(rows) == len(memory_by_card.MODELS) * (1 + len(memory_by_card.SETTINGS))


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["version"] == project["version"] and citation["license"] == project["license"]
    assert citation["cff-version"] == "1.2.0" and citation["authors"] == [{"name": "the synoptic developers"}]
