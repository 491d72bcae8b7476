"""What comes of a painted mesh: its texture, fused of all views, the mesh that has it, pictures, a film and a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec

from PIL.Image import Image, composite
from torch import Tensor

from synoptic import io
from synoptic.io.html import encoded
from synoptic.mesh.fuse_texture import Fused, fuse, multi_view_psnr, render_texture
from synoptic.mesh.painted_sides import FPS, FRAME_SIDE, SIDES, save_page, sides_sheet, turned, turntable_film
from synoptic.mesh.painted_surface import PaintedSurface
from synoptic.mesh.texture_seams import CREASE, texture_seam_ratio
from synoptic.nerf.cameras import Camera
from synoptic.options.base import Item
from synoptic.options.texture import TextureOptions
from synoptic.pipelines.outputs import Content, Output
from synoptic.utils.picture import read_mask, read_picture

SHARPEST = {"seam_ratio": 180.0, "seam_ratio_smooth": CREASE}  # degrees of the folds that a seam ratio counts


@dataclass(frozen=True)
class TexturedOutput(Output):
    """What came of one item: `image` shows it from eight sides, `mesh` is {ending: data}, `textures` one per material."""

    mesh: Mapping[str, bytes] | None = None
    textures: tuple[Image, ...] = ()


def textured_output(
    o: TextureOptions, surface: PaintedSurface, camera: Camera, pictures: Tensor, item: Item
) -> TexturedOutput:
    """Return what comes of views (N, 3, s, s) of a surface."""
    fused, textures = fused_textures(o, surface, camera, pictures)
    data = {number: encoded(image, "PNG") for number, image in zip(surface.materials, textures, strict=True)}
    mesh = surface.file.textured(data, surface.unwrapped, item.stem)
    sheet = sides_sheet(io.to_pil(render_texture(surface, fused.texture, turned(surface, SIDES), FRAME_SIDE)))
    files: dict[str, Content] = {**mesh}
    if ".texture.png" not in files:
        files |= {f".texture{f'-{k}' if k else ''}.png": data[number] for k, number in enumerate(surface.materials)}
    views = io.to_pil(pictures)
    files[".views.png"] = io.image_grid(views, [""] * len(views), len(views), cell=pictures.shape[-1])
    film = cache(partial(turntable_film, surface, fused.texture))
    if find_spec("av"):
        files[".turntable.mp4"] = lambda file: io.save_video(file, film(), FPS)
    files[".viewer.html"] = partial(save_page, item.title, film)
    figures = {"view_agreement": multi_view_psnr(surface, fused.texture, camera, pictures), "texels_seen": fused.seen}
    ratios = {name: texture_seam_ratio(surface, fused.texture, sharpest) for name, sharpest in SHARPEST.items()}
    figures |= {name: ratio for name, ratio in ratios.items() if ratio is not None}
    return TexturedOutput(sheet, files, figures, mesh=mesh, textures=tuple(textures))


def fused_textures(
    o: TextureOptions, surface: PaintedSurface, camera: Camera, pictures: Tensor
) -> tuple[Fused, list[Image]]:
    """Return the texture that views are fused into, and its pictures, one a material; what a mask keeps is as it was."""
    fused = fuse(surface, camera, pictures, o.texture_size)
    textures = io.to_pil(fused.texture.view(3, -1, o.texture_size, o.texture_size).transpose(0, 1))
    if o.init_texture is not None and o.mask is not None:
        textures = [composite(textures[0], read_picture(o.init_texture), read_mask(o.mask))]
        fused = fused._replace(texture=io.from_pil(textures[0])[0])
    return fused, textures
