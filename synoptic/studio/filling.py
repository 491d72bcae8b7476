"""Filling in the fields of a page: from settings inside a picture, from an example, with a picture that is sent on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path

import gradio as gr

from synoptic.errors import InputError
from synoptic.io import read_settings
from synoptic.options import options_class
from synoptic.studio.access import Access
from synoptic.studio.fields import Field, MaskedPicture
from synoptic.studio.panel import SENT_TO
from synoptic.studio.tabs import Tab


def entries(tab: Tab, options: Mapping[str, object]) -> list[object]:
    """Return what is entered in a tab's fields for these options."""
    return [one.entry(options) for one in tab.fields]


def unchanged(tabs: Sequence[Tab]) -> list[object]:
    """Return updates of the choice of tab and of all fields that change nothing."""
    return [gr.skip() for _ in range(1 + sum(len(tab.fields) for tab in tabs))]


def filled(tabs: Sequence[Tab], tab: Tab, options: Mapping[str, object]) -> list[object]:
    """Return updates of the choice of tab and of all fields: of this tab's for these options, of the others none."""
    found: list[object] = [gr.update(selected=tab.application)]
    for other in tabs:
        found += entries(tab, options) if other is tab else [gr.skip()] * len(other.fields)
    return found


def restored(tabs: Sequence[Tab], file: Path) -> list[object]:
    """Return updates of the choice of tab and of all fields for the settings inside a picture."""
    try:
        found = read_settings(file)
    except OSError:
        found = {}
    tab = next((tab for tab in tabs if tab.application == found.get("application")), None)
    options = found.get("options")
    if tab is None or not isinstance(options, dict):
        raise gr.Error("this picture carries no settings of synoptic", title="Nothing restored", duration=8)
    try:
        cls = options_class(tab.application)
        names = {spec.name for spec in cls.specs() if not spec.option.picture}
        given = {name: value for name, value in options.items() if name in names and value is not None}
        for spec in cls.specs():  # what a file says must be valid before it is shown
            if spec.name in given:
                spec.checked(tuple(given[spec.name]) if isinstance(given[spec.name], list) else given[spec.name])
    except (InputError, TypeError) as e:
        raise gr.Error(escape(str(e)), title="Nothing restored", duration=8) from None
    return filled(tabs, tab, given)


def sender(access: Access, tabs: Sequence[Tab], application: str) -> Callable[[str, str, str], list[object]]:
    """Return what puts the chosen picture of a job, or its first, into another application."""

    def send(owner: str, id: str, chosen: str) -> list[object]:
        files = access.finished(owner, id)
        file = next((file for file in files if str(file) == chosen), files[0] if files else None)
        if file is None:
            raise gr.Error("paint a picture first, then send it on", title="Nothing to send", duration=6)
        picture = access.publish(file)
        found: list[object] = [gr.update(selected=application)]
        for tab in tabs:
            for one in tab.fields:
                own = tab.application == application
                if own and isinstance(one, MaskedPicture):
                    found.append(one.entry({"image": Path(picture)}))
                else:
                    wanted = own and isinstance(one, Field) and one.spec.name == SENT_TO[application]
                    found.append(picture if wanted else gr.skip())
        return found

    return send
