"""Options as fields of a page: each option's component, and what a person entered as the option's value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass
from pathlib import Path
from types import NoneType
from typing import Any, Literal, TypedDict, get_args, get_origin

import gradio as gr
from gradio.components import Component
from PIL import Image, ImageChops

from synoptic.commands.help import GROUPS, USUAL, group_of, place
from synoptic.errors import InputError, in_python
from synoptic.options.base import Options, escape, split_list
from synoptic.options.option import OptionSpec, alternatives
from synoptic.studio.permissions import MESH, MESHES, NOT_ASKED
from synoptic.utils.picture import PictureSource, check_mask_size

THE_MODELS = "the model's own"  # the placeholder of a number that `resolve` fills in
REGIONS = "Regions"  # a heading of their own: boxes are drawn there
HEADINGS = ("Input", USUAL, REGIONS, *GROUPS)  # in their order
SOURCES: tuple[Literal["upload"], Literal["clipboard"]] = ("upload", "clipboard")  # of pictures
Keep = Callable[[PictureSource], str]  # an uploaded file -> the name that it is kept by


class Labels(TypedDict):
    """What every component is given."""

    label: str
    info: str
    render: bool


@dataclass(frozen=True)
class Field:
    """An option on a page: its component, and the way from an entry to a value and back."""

    spec: OptionSpec
    component: Component

    def values(self, entered: Any, keep: Keep) -> dict[str, object]:
        """Return {option: value} for what was entered; {} where the default is meant. Raises InputError."""
        if entered is None or entered == "" or entered == []:
            return {}
        value: object = entered
        if uploaded(self.spec):
            value = keep(entered)
        elif self.spec.is_list:
            value = [typed(self.spec, word) for word in words(self.spec, entered)]
        elif isinstance(entered, str):
            value = typed(self.spec, entered.strip())
        return {self.spec.name: value} if value != [] else {}

    def entry(self, options: Mapping[str, object]) -> object:
        """Return what is entered for these options; a file is left empty but for one of this package's, a `Path`."""
        value = options.get(self.spec.name, None if self.spec.default is MISSING else self.spec.default)
        if uploaded(self.spec):
            return str(value) if isinstance(value, Path) else None
        if self.spec.is_list:
            every = [value] if isinstance(value, str) else list(value) if isinstance(value, Iterable) else []
            if isinstance(self.component, gr.Dropdown):
                return every
            return "\n".join(every) if not self.spec.option.separator else ", ".join(escape(str(v)) for v in every)
        return str("" if value is None else value) if isinstance(self.component, gr.Textbox) else value


@dataclass(frozen=True)
class MaskedPicture:
    """A picture on which a mask is painted: the option `image`, and `mask` with what a file gives of it."""

    component: Component

    def values(self, entered: Any, keep: Keep, given: PictureSource | None = None) -> dict[str, object]:
        """Return the picture, and the mask: white where it is painted or `given` is. {} before there is a picture.

        Raises InputError where the given mask does not fit.
        """
        if not entered or entered.get("background") is None:
            return {}
        picture = entered["background"].convert("RGB")
        mask = check_mask_size(given, picture.size, "picture") if given else Image.new("L", picture.size)
        for layer in (layer for layer in entered["layers"] if layer.mode == "RGBA"):
            mask = ImageChops.lighter(mask, layer.getchannel("A").resize(picture.size))
        return {"image": keep(picture), "mask": keep(mask)}

    def entry(self, options: Mapping[str, object]) -> object:
        """Return the picture of these options, nothing painted on it, where it is a `Path`; nothing for another's name."""
        picture = options.get("image")
        return {"background": str(picture), "layers": [], "composite": str(picture)} if isinstance(picture, Path) else None


def fields_of(options: type[Options], models: Sequence[str]) -> dict[str, list[Field | MaskedPicture]]:
    """Build the fields of an application by their headings, the usual ones first; a picture with a mask is painted on."""
    found: dict[str, list[Field | MaskedPicture]] = {}
    masked = {"image", "mask"} <= {spec.name for spec in options.specs()}
    for spec in sorted(options.specs(), key=place):
        if spec.name in NOT_ASKED:
            continue
        new: Field | MaskedPicture = Field(spec, component(spec, models))
        if masked and spec.name in ("image", "mask"):
            new = MaskedPicture(editor()) if spec.name == "image" else Field(spec, mask_file())
        found.setdefault(heading(spec), []).append(new)
    return dict(sorted(found.items(), key=lambda pair: HEADINGS.index(pair[0]) if pair[0] in HEADINGS else len(HEADINGS)))


def heading(spec: OptionSpec) -> str:
    """Return the heading under which an option stands: a picture beside those that it belongs to."""
    return REGIONS if spec.name == "region" else spec.group if uploaded(spec) else group_of(spec)


def editor() -> Component:
    """Build what a mask is painted with, in white."""
    brush = gr.Brush(colors=["#ffffff"], color_mode="fixed", default_size=24)
    title = "The picture: paint white over what is made anew"
    return gr.ImageEditor(
        label=title,
        type="pil",
        brush=brush,
        sources=list(SOURCES),
        transforms=(),
        layers=False,
        render=False,
        elem_id="masked",
    )


def mask_file() -> Component:
    """Build where a mask is dropped that a file has already."""
    title = "Mask, if a file has one: white is made anew"
    return gr.Image(label=title, type="filepath", image_mode=None, sources=list(SOURCES), height=150, render=False)


def component(spec: OptionSpec, models: Sequence[str]) -> Component:
    """Build an option's component, in its type, with its help and its default; it is not placed yet."""
    kind = next(k for k in alternatives(spec.kind) if k is not NoneType)
    default: Any = None if spec.default is MISSING else spec.default
    help = in_python(spec.option.help)
    how: Labels = {"label": label(spec), "info": help, "render": False}
    if spec.option.picture:
        title = upload_label(spec, help)
        return gr.Image(label=title, type="filepath", image_mode=None, sources=list(SOURCES), render=False)
    if spec.name == MESH:
        title = upload_label(spec, help)
        return gr.File(label=title, file_types=[*MESHES], height=110, elem_classes="drop", render=False)
    if spec.name == "model":
        return gr.Dropdown(list(models), value=default, allow_custom_value=True, **how)
    if kind is bool:
        return gr.Checkbox(bool(default), **how)
    if get_origin(kind) is Literal:
        return gr.Dropdown(list(get_args(kind)), value=default, **how)
    if get_origin(kind) is tuple:
        return list_component(spec, get_args(kind)[0], default, how)
    if kind in (int, float) and default is not None:
        return gr.Number(default, precision=0 if kind is int else None, **how)
    if kind in (int, float):
        return gr.Textbox("", placeholder=THE_MODELS, **how)
    return gr.Textbox(default or "", lines=2 if spec.option.positional else 1, **how)


def list_component(spec: OptionSpec, kind: object, default: Any, how: Labels) -> Component:
    """Build the component of a list: of choices, of lines, or of values between commas."""
    if get_origin(kind) is Literal:
        return gr.Dropdown(list(get_args(kind)), value=list(default or ()), multiselect=True, **how)
    how["info"] += "; separated by commas" if spec.option.separator else "; one per line"
    if spec.option.separator:
        return gr.Textbox(", ".join(map(str, default or ())), **how)
    return gr.Textbox("\n".join(default or ()), lines=2, max_lines=8, **how)


def uploaded(spec: OptionSpec) -> bool:
    """Return whether an option is a file that a person uploads."""
    return spec.option.picture or spec.name == MESH


def label(spec: OptionSpec) -> str:
    return spec.name.replace("_", " ")


def upload_label(spec: OptionSpec, help: str) -> str:
    """Return what lies upon the place of a file: the beginning of its help, which names what a tab is of by itself."""
    short = help.partition(";")[0]
    return short[0].upper() + short[1:] if spec.option.positional else f"{label(spec).capitalize()}: {short}"


def words(spec: OptionSpec, entered: Any) -> list[str]:
    """Return the values of a list as they were entered: chosen, one per line, or between commas."""
    if isinstance(entered, list):
        return [str(word) for word in entered]
    lines = split_list(entered) if spec.option.separator else entered.splitlines()
    return [line.strip() for line in lines if line.strip()]


def typed(spec: OptionSpec, word: str) -> object:
    """Return a word as the number that the option, or each value of its list, is; as it is where that is a text.

    Raises InputError.
    """
    kind = next(k for k in alternatives(spec.kind) if k is not NoneType)
    of = get_args(kind)[0] if get_origin(kind) is tuple else kind
    if of not in (int, float):
        return word
    try:
        return of(word)
    except ValueError:
        raise InputError(f"{label(spec)} takes numbers, {word!r} is none: correct it", rule=f"{spec.name}-type") from None


def values_of(fields: Sequence[Field | MaskedPicture], entered: Sequence[object], keep: Keep) -> dict[str, object]:
    """Return the options that were entered. Raises InputError."""
    pairs = list(zip(fields, entered, strict=True))
    given: Any = next((entry for one, entry in pairs if isinstance(one, Field) and one.spec.name == "mask"), None)
    found: dict[str, object] = {}
    masked: dict[str, object] = {}
    for one, entry in pairs:
        if isinstance(one, MaskedPicture):
            masked = one.values(entry, keep, given)
        else:
            found |= one.values(entry, keep)
    return found | masked
