"""What a page or a request may ask for: sizes that are bounded, and no file that was not offered or uploaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

from synoptic.errors import InputError, user_path
from synoptic.io import save_image, write_whole
from synoptic.mesh import read_mesh
from synoptic.models.names import ALIASES, BUNDLED_MODELS, CONTROLNETS, UPSCALERS
from synoptic.models.registry import resolve
from synoptic.options import options_class
from synoptic.options.base import Options
from synoptic.options.input_image import InputImageOptions
from synoptic.options.panorama import PanoramaOptions
from synoptic.options.pretrained_model import ModelOptions
from synoptic.options.studio import StudioOptions
from synoptic.utils.picture import PictureSource, read_upload

MESH = "mesh"  # an option that takes an upload, though it is no picture
MESHES = (".glb", ".obj", ".ply", ".stl")  # kinds that need no file beside them
UPLOADED = re.compile(rf"[0-9a-f]{{64}}({'|'.join(map(re.escape, MESHES))})?")
FILES = (
    "model",
    "lora",
    "vae",
    "embeddings",
    "textual_inversion",
    "controlnet",
    "upscalers",
    "clip_model",
)  # options that open files by name
NOT_ASKED = ("out", "device", "compile", "trace", "animate")  # of the machine, or what the page does not show
NAMES = {*BUNDLED_MODELS, *ALIASES, *CONTROLNETS, *UPSCALERS, "auto", "none", "bundled"}
PLACED = ("region", "views")  # whose texts may name a file, where nobody else listens
BOX = re.compile(r"\s*-?[\d.]+\s*(,\s*-?[\d.]+\s*){3}:.*", re.DOTALL)
VIEW = re.compile(r"[a-z_0-9:+.]*")
BEGINNINGS = ("auto", "noise", "sketch")  # what `init` may be beside a picture


class Permissions:
    """The limits of one studio; `offered` are the models in its folder: {name: path}."""

    def __init__(self, options: StudioOptions, uploads: Path) -> None:
        self.options, self.uploads = options, uploads
        folder = user_path(options.models) if options.models else None
        self.offered = {p.name: str(p) for p in sorted(folder.iterdir()) if p.is_dir()} if folder else {}

    def prepared(self, application: str, values: Mapping[str, object]) -> ModelOptions:
        """Return an application's prepared options. Raises InputError for what is wrong, too much, or not allowed here."""
        cls = options_class(application)
        options = cls.from_arguments(**self.allowed(cls, values)).prepare()
        assert isinstance(options, ModelOptions)
        self.check_size(options)
        return options

    def allowed(self, options: type[Options], values: Mapping[str, object]) -> dict[str, object]:
        """Return the values of options as they may be used, uploads as files. Raises InputError."""
        found: dict[str, object] = {}
        for spec in options.specs():
            if spec.name in NOT_ASKED or spec.name not in values:
                continue
            value = values[spec.name]
            if spec.name == "init" and value in BEGINNINGS:
                found[spec.name] = value
            elif spec.option.picture:
                found[spec.name] = self.upload(value)
            elif spec.name == MESH:
                found[spec.name] = self.mesh(value)
            elif spec.name in FILES:
                found[spec.name] = [self.file(v) for v in value] if isinstance(value, list | tuple) else self.file(value)
            else:
                found[spec.name] = value
        if unknown := values.keys() - {spec.name for spec in options.specs()} | (values.keys() & set(NOT_ASKED)):
            raise InputError(f"{options.application()} has no option {min(unknown)} here: omit it", rule="unknown-option")
        self.check_texts(found)
        return found

    def upload(self, value: object) -> PictureSource | None:
        """Return the file of an upload, which is called by its hash. Raises InputError for any other name."""
        if value is None or value == "":
            return None
        if isinstance(value, str) and UPLOADED.fullmatch(value):
            file = self.uploads / (value if "." in value else f"{value}.png")
            if file.is_file():
                return str(file)
        raise InputError("a file must have been uploaded here, another was named: upload it first", rule="upload-unknown")

    def mesh(self, value: object) -> object:
        """Return the file of an uploaded mesh, or where nobody else listens of any. Raises InputError for another."""
        uploaded = isinstance(value, str) and UPLOADED.fullmatch(value)
        return self.upload(value) if uploaded or self.options.listen else value

    def file(self, value: object) -> object:
        """Return a model's name, or the path of one that is offered. Raises InputError for any other where others listen."""
        if not isinstance(value, str) or not value:
            return value or None
        name, _, scale = value.rpartition(":") if re.fullmatch(r".*:[\d.]+", value) else (value, "", "")
        if name in self.offered:
            return self.offered[name] + (f":{scale}" if scale else "")
        if self.options.listen and value not in NAMES:
            choices = ", ".join(["bundled", "bundled-if", *self.offered])
            raise InputError(f"a model must be one that is offered ({choices}), another was named", rule="model-offered")
        return value

    def offered_name(self, options: Mapping[str, object]) -> dict[str, object]:
        """Return recorded options with the model that is offered here by its name, not by its path."""
        names = {path: name for name, path in self.offered.items()}
        model = options.get("model")
        return {**options, "model": names[model]} if isinstance(model, str) and model in names else dict(options)

    def check_texts(self, values: Mapping[str, object]) -> None:
        """Raise InputError for a text that would open a file, where others listen: a region's mask, a permutation."""
        if not self.options.listen:
            return
        regions, views = (listed(values.get(name)) for name in PLACED)
        for text in regions:
            if not BOX.fullmatch(text):
                raise InputError('a region must be a box here, "x0,y0,x1,y1: prompt": masks are files', rule="region-box")
        for text in views:
            if not VIEW.fullmatch(text) or text.endswith((".npy", ".json")):
                raise InputError("a view must have a name here: permutations are files", rule="view-named")

    def check_size(self, options: Options) -> None:
        """Raise InputError for more work than this studio does at once; options are prepared."""
        asked = {
            "pixels": (pixels_of(options), self.options.max_pixels),
            "steps": (getattr(options, "steps", None) or 0, self.options.max_steps),
            "pictures": (len(options.items()), self.options.max_pictures),
        }
        for what, (amount, most) in asked.items():
            if amount > most:
                raise InputError(
                    f"this studio paints at most {most} {what} at once, {amount} were asked for: ask for less",
                    rule=f"{what}-at-most",
                )

    def keep_upload(self, source: PictureSource) -> str:
        """Keep a picture as a PNG of this studio, or a mesh; return its name, a hash. Raises InputError for neither."""
        if isinstance(source, str) and (kind := Path(source).suffix.lower()) in MESHES:
            read_mesh(Path(source))
            data = Path(source).read_bytes()
            return self.kept(sha256(data).hexdigest() + kind, lambda file: write_whole(file, data))
        image = read_upload(source)
        name = sha256(f"{image.mode} {image.size} ".encode() + image.tobytes()).hexdigest()
        self.kept(f"{name}.png", lambda file: save_image(file, image, {}))
        return name

    def kept(self, name: str, write: Callable[[Path], object]) -> str:
        """Return the name of an upload, written if it is new."""
        if not (file := self.uploads / name).exists():
            write(file)
        return name


def pixels_of(options: Options) -> int:
    """Return how many pixels a picture of prepared options has; 0 where the model alone decides."""
    if isinstance(options, InputImageOptions):
        width, height = options.sides(resolve(options.model))
    elif isinstance(options, PanoramaOptions):
        width, height = 2 * options.height, options.height
    else:
        width, height = (getattr(options, side, None) or 0 for side in ("width", "height"))
    return width * height


def listed(value: object) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list | tuple) else [] if value is None else [str(value)]
