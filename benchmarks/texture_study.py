"""Do the views of painted meshes agree, in the texture too, and does a CLIP see what was asked for from all sides?

python -m benchmarks.texture_study [--only house …] [--ways agreeing …] [--colors red …] [--meshes DIR] [--seeds N]
    [--texture-size N] [--out DIR] [--budget SECONDS] [--tiny]
python -m benchmarks.texture_study --table --out DIR: the means of what such runs left, paired differences with them

Six prompts and their seeds per mesh, each painted in several ways: the figures of the run's report; the CLIP score, and from
how many of eight sides the right caption is among the first five of all of the bundled things in all colors (and the bunny),
as the run shows them, over white, and standing, with a soft shadow below as every thing has that the CLIP learned from;
how much of the texture's gray a distant light would explain (R² of its regression on the normals). Ways:
  agreeing    `synoptic texture MESH PROMPT`
  alone       the same noise, painted by views alone (`--sync none`)
  view words  agreeing, with words for the view also where the model knows no views of the thing
  unfused     the eight sides that are looked at, each painted alone, and looked at as it is painted: what the model and its
              ControlNet can show of the mesh, before there is a texture
Meshes: a cube, a house and a lamp of three materials, made here; of DIR, where they are, bunny.obj and teapot.obj (of npm's
packages of these names) and object.glb, the mesh.glb of `synoptic text-to-3d "a yellow house"`. Writes MESH.json as it goes,
and a JPEG per mesh and way. On the GPU where there is one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
import trimesh
from PIL import Image
from torch import Tensor
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

import synoptic
from benchmarks.study import Row, Study, averaged, by, differences, joined, labeled, parser
from bundled_training.render.captions import coloured
from bundled_training.render.objects import SOLIDS
from bundled_training.render.standing import contact
from bundled_training.render.words import DYES
from examples.texture import HOUSE
from synoptic import io
from synoptic.mesh.painted_sides import SIDES, side_boxes, sides_sheet, turned
from synoptic.mesh.painted_surface import PaintedSurface
from synoptic.mesh.surface_maps import ChosenViews
from synoptic.metrics.clip import Clip
from synoptic.metrics.retrieval import ranks
from synoptic.models.base import PretrainedModel
from synoptic.nerf.diagnostics import CAPTION_TEMPLATE
from synoptic.options.base import Item
from synoptic.options.texture import TextureOptions
from synoptic.pipelines.base import take_steps
from synoptic.pipelines.outputs import Output
from synoptic.pipelines.texture import TexturePipeline
from synoptic.pipelines.texture_views import TextureViews
from synoptic.pipelines.textured_output import TexturedOutput

COLORS = "yellow", "red", "blue", "green", "pink", "white"
FIVE, SHOWN, QUALITY = 5, 512, 82
FIRM, CLOSED = 0.36, 9  # of a solid's shadow in training; pixels that a gap in a thing's outline has at most


class Painted(NamedTuple):
    """A mesh's thing in the prompts, and which way of its file is the front."""

    thing: str
    front: str = "z"


MESHES = {
    "house": Painted("house"), "cube": Painted("house"), "lamp": Painted("lamp"), "teapot": Painted("teapot", "-z"),
    "bunny": Painted("bunny", "-x"), "object": Painted("house"),
}  # fmt: skip


class ViewWords(TexturePipeline):
    """The texture's pipeline, with words for the view whatever the thing is."""

    def _words_of_others(self, item: Item) -> str | None:
        return None


class EightSides(TextureViews):
    """The eight sides that are looked at, as the views."""

    @cached_property
    def chosen(self) -> ChosenViews:
        return ChosenViews(turned(self.surface, SIDES), 1.0, 1.0)


class Unfused(TexturePipeline):
    """The texture's pipeline, of the eight sides that are looked at, which are shown as they are painted."""

    @cached_property
    def views(self) -> TextureViews:
        return EightSides(self.model, self.options)

    def output(self, item: Item, pictures: Tensor) -> Output:
        return TexturedOutput(sides_sheet(io.to_pil(pictures)), {})


class Way(NamedTuple):
    """How a mesh is painted."""

    pipeline: type[TexturePipeline] = TexturePipeline
    sync: str = "x0"


WAYS = {
    "agreeing": Way(), "alone": Way(sync="none"), "view words": Way(ViewWords), "unfused": Way(Unfused, sync="none"),
}  # fmt: skip


def lamp() -> trimesh.Scene:
    """A foot, a pole and a shade, each a node with a material of its own."""
    profile = [[0.0, 1.0], [0.65, 1.0], [0.35, 1.7], [0.0, 1.7]]
    parts = {
        "foot": (trimesh.creation.cylinder(0.45, 0.1, 32), (0, 0, 0.05), (90, 60, 40, 255)),
        "pole": (trimesh.creation.cylinder(0.06, 1.0, 24), (0, 0, 0.6), (160, 160, 160, 255)),
        "shade": (trimesh.creation.revolve(profile, sections=32), (0, 0, 0), (230, 220, 180, 255)),
    }
    scene = trimesh.Scene()
    upright = trimesh.transformations.rotation_matrix(-torch.pi / 2, (1, 0, 0))
    for name, (part, at, color) in parts.items():
        part.apply_translation(at).apply_transform(upright)
        part.visual = TextureVisuals(material=PBRMaterial(name=name, baseColorFactor=color))
        scene.add_geometry(part, name, name)
    return scene


def mesh_file(name: str, folder: Path, given: Path) -> Path | None:
    """The mesh's file: made in a folder, or of those that are given."""
    file = folder / f"{name}.{'obj' if name == 'house' else 'glb'}"
    if name == "house":
        file.write_text(Path(HOUSE).read_text())
    elif name == "cube":
        trimesh.creation.box((1.0, 1.0, 1.0)).export(file)
    elif name == "lamp":
        lamp().export(file)
    else:
        file = given / f"{name}.{'glb' if name == 'object' else 'obj'}"
    return file if file.is_file() else None


class Sides:
    """The reference CLIP, and the captions among which a side should find its own."""

    def __init__(self) -> None:
        self.clip = Clip("bundled")
        self.captions = [CAPTION_TEMPLATE.format(coloured(dye, thing)) for thing in (*SOLIDS, "bunny") for dye in DYES]
        self.texts = self.clip.encode_texts(self.captions)

    def __call__(self, sides: Sequence[Image.Image], prompt: str, where: str = "") -> Row:
        cosines = self.clip.encode_images(sides) @ self.texts.T
        own = torch.full((SIDES,), self.captions.index(CAPTION_TEMPLATE.format(prompt)))
        found = ranks(cosines, own)
        figures: Row = {"score": cosines.gather(1, own[:, None]).mean().item(), "sides in 5": int((found < FIVE).sum())}
        figures |= {"mean rank": found.double().mean().item()}
        return {name + where: value for name, value in figures.items()}


def with_shadows(sides: Sequence[Image.Image]) -> list[Image.Image]:
    """Return pictures of a thing over white with the soft shadow of something that stands, as the CLIP's training has it."""
    shown = []
    for side in sides:
        x = io.from_pil(side.convert("RGB").crop((0, side.height - side.width, *side.size))) / 2 + 0.5
        thing = F.max_pool2d((x < 1).any(1, keepdim=True).float(), CLOSED, 1, CLOSED // 2)
        thing = -F.max_pool2d(-thing, CLOSED, 1, CLOSED // 2)
        shaded = x * (1 - contact(thing, torch.tensor([FIRM])))
        shown += io.to_pil(2 * torch.where(thing > 0, x, shaded) - 1)
    return shown


def baked_light(surface: PaintedSurface, textures: Sequence[Image.Image]) -> float:
    """R² of the gray of a surface's texels by their faces' normals, as of a light far away: 0 for none, 1 for that alone."""
    texels = surface.texels(textures[0].width)
    gray = torch.cat([io.from_pil(texture)[0].mean(0).flatten() for texture in textures])[texels.number].double()
    normals = surface.normals[texels.face].double()
    known = torch.cat([normals, torch.ones_like(normals[:, :1])], 1)
    rest = gray - known @ torch.linalg.lstsq(known, gray[:, None]).solution[:, 0]
    return 1 - (rest.var() / gray.var().clamp(min=1e-12)).item()


def painted(model: PretrainedModel, way: Way, file: Path, prompt: str, **how: object) -> list[tuple[Item, TexturedOutput]]:
    given = {"model": model.checkpoint.name, "device": str(model.device), "sync": way.sync, **how}
    options = TextureOptions.from_arguments(str(file), prompt, **given).resolve(model.checkpoint)
    items = options.items()
    outputs = take_steps(way.pipeline(model, options).steps(items))
    return [(item, output) for item, output in zip(items, outputs, strict=True) if isinstance(output, TexturedOutput)]


def table(rows: Sequence[Row]) -> str:
    """Means over prompts, ± their standard errors: a line per mesh and way, and per paired difference."""
    skip = "mesh", "way", "prompt", "seed"
    names = list(dict.fromkeys(name for row in rows for name in row if name not in skip))
    lines = []

    def line(title: str, some: Sequence[Row]) -> None:
        found = [(name, averaged(some, name)) for name in names]
        lines.append(f"{title} ({len(some)})\t" + "\t".join(f"{n} {v[0]:.3f} ± {v[1]:.3f}" for n, v in found if v))

    for mesh, own in by(rows, "mesh").items():
        for way, part in by(own, "way").items():
            line(f"{mesh}, {way}", part)
        for other in dict.fromkeys(row["way"] for row in own if row["way"] != "agreeing"):
            if found := differences(own, names, "agreeing", str(other)):
                line(f"{mesh}, agreeing - {other}", found)
    return "\n".join(lines)


def read(folder: Path) -> list[Row]:
    """The rows that runs left."""
    return [row for file in sorted(folder.glob("*.json")) for row in json.loads(file.read_text())["rows"]]


def main(given: Sequence[str] | None = None) -> list[Row]:
    p = parser(__doc__, "outputs/benchmarks/texture_study")
    p.add_argument("--only", nargs="+", default=list(MESHES), choices=MESHES)
    p.add_argument("--ways", nargs="+", default=["agreeing", "alone"], choices=WAYS)
    p.add_argument("--colors", nargs="+", default=list(COLORS), choices=DYES)
    p.add_argument("--meshes", type=Path, default=Path("meshes"), help="where bunny.obj, teapot.obj and object.glb are")
    p.add_argument("--seeds", type=int, default=2)
    p.add_argument("--texture-size", type=int, default=512)
    p.add_argument("--table", action="store_true", help="measure nothing")
    a = p.parse_args(given)
    if a.table:
        print(table(rows := read(a.out)))
        return rows
    colors, seeds, steps = (a.colors[:1], 1, 2) if a.tiny else (a.colors, a.seeds, a.steps)
    model, sides, rows, longest = synoptic.load("bundled"), Sides(), list[Row](), 0.0
    for name in a.only:
        study, own = Study(a.out, name, a.budget), MESHES[name]
        file = mesh_file(name, a.out, a.meshes)
        if file is None:
            print(f"# no {name} in {a.meshes}: left out", flush=True)
            continue
        surface = PaintedSurface.read(file, "y", own.front)
        sheets: dict[str, list[Image.Image]] = {way: [] for way in a.ways}
        for color in colors:
            prompt = coloured(color, own.thing)
            for way in a.ways:
                if study.over(longest):
                    break
                before = study.seconds()
                how = {"count": seeds, "texture_size": a.texture_size, "front_axis": own.front}
                how |= {"steps": steps} if steps else {}
                for item, output in painted(model, WAYS[way], file, prompt, seed=0, **how):
                    row: Row = {"mesh": name, "way": way, "prompt": prompt, "seed": item.seed, **output.figures}
                    looks = [output.image.crop(box) for box in side_boxes(output.image)]
                    row |= sides(looks, prompt)
                    if output.textures:
                        row |= sides(with_shadows(looks), prompt, ", standing")
                        row |= {"baked light": baked_light(surface, output.textures)}
                    study.add(row | {"seconds": (study.seconds() - before) / seeds})
                    label = f"{prompt}, {way}, seed {item.seed}: {row['sides in 5']} of 8"
                    small = output.image.convert("RGB").resize((SHOWN, SHOWN * output.image.height // output.image.width))
                    sheets[way].append(labeled(small, label))
                longest = max(longest, study.seconds() - before)
                print(f"# {name}: {prompt}, {way}, {study.seconds() - before:.0f} s", flush=True)
        for way, pictures in sheets.items():
            if pictures:
                lines = [joined(pictures[k : k + 2 * seeds]) for k in range(0, len(pictures), 2 * seeds)]
                joined(lines, down=True).save(a.out / f"{name}-{way.replace(' ', '-')}.jpg", quality=QUALITY)
        rows += study.rows
    print(table(rows))
    return rows


if __name__ == "__main__":
    main()
