"""Filling in the fields of a page: from settings inside a picture, from an example, with a picture that is sent on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import gradio as gr

from synoptic.errors import InputError
from synoptic.io import read_settings
from synoptic.options import options_class
from synoptic.studio.access import Access
from synoptic.studio.fields import Field, MaskedPicture, uploaded
from synoptic.studio.inputs import find_inputs, without
from synoptic.studio.onward import SENT_TO
from synoptic.studio.tabs import Tab


def entries(tab: Tab, options: Mapping[str, object]) -> list[object]:
    """Return what is entered in a tab's fields for these options."""
    return [one.entry(options) for one in tab.fields]


def unchanged(tabs: Sequence[Tab]) -> list[object]:
    """Return updates of the choice of tab, of what is said above it, and of all fields that change nothing."""
    return [gr.skip() for _ in range(2 + sum(len(tab.fields) for tab in tabs))]


def filled(tabs: Sequence[Tab], tab: Tab, options: Mapping[str, object], said: str = "") -> list[object]:
    """Return updates of the choice of tab, of what is said above it, and of all fields: of this tab's for these options."""
    found: list[object] = [gr.update(selected=tab.application), f"<p>{escape(said)}</p>" if said else ""]
    for other in tabs:
        found += entries(tab, options) if other is tab else [gr.skip()] * len(other.fields)
    return found


def restored(access: Access, owner: str, tabs: Sequence[Tab], file: Path) -> list[object]:
    """Return updates, as `filled`, for the settings inside a picture and the files that its run began with."""
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
        names = {spec.name for spec in cls.specs() if not uploaded(spec)}
        given = {name: value for name, value in options.items() if name in names and value is not None}
        for spec in cls.specs():  # what a file says must be valid before it is shown
            if spec.name in given:
                spec.checked(tuple(given[spec.name]) if isinstance(given[spec.name], list) else given[spec.name])
        files, missing = find_inputs(access, owner, cls, options)
        return filled(tabs, tab, given | files, without(missing))
    except (InputError, TypeError) as e:
        raise gr.Error(escape(str(e)), title="Nothing restored", duration=8) from None


def sent(access: Access, tabs: Sequence[Tab], application: str, file: Path) -> list[object]:
    """Return updates, as `filled`, that put a picture into another application, whose other entries stay."""
    picture = Path(access.publish(file))
    found: list[object] = [gr.update(selected=application), ""]
    for tab in tabs:
        for one in tab.fields:
            own = tab.application == application
            if own and isinstance(one, MaskedPicture):
                found.append(one.entry({"image": picture}))
            elif own and isinstance(one, Field) and one.spec.name in (SENT_TO[application], "mask"):
                found.append(one.entry({SENT_TO[application]: picture}))  # a mask was of another picture
            else:
                found.append(gr.skip())
    return found


def enlarged(tabs: Sequence[Tab], application: str, options: Mapping[str, object]) -> list[object]:
    """Return updates, as `filled`, for options that paint a picture larger."""
    return filled(tabs, next(tab for tab in tabs if tab.application == application), options)
