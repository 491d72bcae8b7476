"""The style sheet of the page, which puts the buttons of its applications into groups."""

from __future__ import annotations

from pathlib import Path

import synoptic

GROUPS = {"From words": synoptic.FROM_WORDS, "From a picture": synoptic.OF_A_PICTURE, "To study a model": synoptic.STUDIES}
FIRST, *LATER = GROUPS  # headings: the first is an element of its own, the others are those that a style sheet adds
ADDED = ("before", "after")


def style() -> str:
    """Return the style sheet: what page.css says, then the order of buttons and of the headings among them."""
    buttons = "#applications > .tab-wrapper .tab-container"
    css = Path(__file__).with_name("page.css").read_text("utf-8")
    for place, names in enumerate(GROUPS.values()):
        for name in names:
            css += f'{buttons} [data-tab-id="{name}"] {{ order: {2 * place} }}\n'
    for place, (heading, element) in enumerate(zip(LATER, ADDED, strict=True)):
        css += f'{buttons}::{element} {{ order: {2 * place + 1}; content: "{heading}" }}\n'
    return css
