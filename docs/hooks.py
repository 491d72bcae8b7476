"""Hooks of mkdocs: pages from the root of the repository join the site, and tables of options are written.

The documentation is read in the repository, too, so its links are those of the repository; in the site
`../CHANGELOG.md` is `changelog.md`. Notebooks are copied as they are. A page has the options of an application where
it says `<!-- options: wide -->`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File, Files

from synoptic.errors import in_python
from synoptic.options import options_class
from synoptic.options.signature import listed, python_type, shown_default

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES = {  # of the repository: their names in the site
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "bundled_training/README.md": "bundled-training.md",
    **{f"examples/{path.name}": f"examples/{path.name}" for path in sorted(ROOT.glob("examples/*.ipynb"))},
}
LINK = re.compile(r"\]\(([^)\s#]+)")
OPTIONS = re.compile(r"<!-- options: (\w+) -->")
SEARCH = '<div class="md-search" data-md-component="search" role="dialog"'
WITHOUT = ("model", "out", "trace")  # options of a command that a function does not take


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies outside of docs/ under its name in the site."""
    for path, name in PAGES.items():
        files.append(File.generated(config, name, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return a page whose links of the repository are those of the site, with its tables of options."""
    name = page.file.src_uri
    source = {site: path for path, site in PAGES.items()}.get(name, f"docs/{name}")
    linked = LINK.sub(lambda match: "](" + site_link(match[1], source, name), markdown)
    return OPTIONS.sub(lambda match: options_table(match[1]), linked)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Return a page whose dialog for searching has a name, for who hears it."""
    return output.replace(SEARCH, f'{SEARCH} aria-label="Search"')


def site_link(link: str, source: str, name: str) -> str:
    """Return a link of the file `source` of the repository as the page `name` of the site has it."""
    path = (ROOT / source).parent.joinpath(link).resolve()
    if "://" in link or not path.is_relative_to(ROOT):
        return link
    inside = path.relative_to(ROOT).as_posix()
    return "../" * name.count("/") + PAGES.get(inside, inside.removeprefix("docs/"))


def options_table(application: str) -> str:
    """Return the options of an application as a table in Markdown: names and types of Python, defaults, help."""
    rows = ["| argument | type | what |", "|---|---|---|"]
    for spec in listed(options_class(application), WITHOUT):
        kind = python_type(spec)
        name = kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "").replace("collections.abc.", "")
        text = f"{in_python(spec.option.help)}{shown_default(spec)}"
        rows.append(f"| `{spec.name}` | `{escaped(name)}` | {escaped(text).replace('<', '&lt;')} |")
    return "\n".join(rows)


def escaped(text: str) -> str:
    """Return a text that may stand in a cell of a table."""
    return text.replace("|", "\\|")
