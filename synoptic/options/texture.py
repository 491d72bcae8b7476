"""The options of `texture`: a mesh of yours, painted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from synoptic.errors import InputError, install_command, user_path
from synoptic.mesh import TEXTURE_PACKAGES, mesh_files, read_mesh
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.names import CONTROLNET
from synoptic.options.controlnet import find_controlnets
from synoptic.options.instance import InstanceOptions
from synoptic.options.option import UNSET, Option
from synoptic.options.prompts import PromptOptions
from synoptic.utils.picture import PictureSource, check_mask_size, picture_name

if TYPE_CHECKING:
    from synoptic.mesh.mesh_file import Piece

Axis = Literal["x", "y", "z", "-x", "-y", "-z"]
TEXTURE_SIZE = 1024
PIXELS_FROM, STRENGTH = 0.6, 0.6  # shares of the steps


@dataclass(frozen=True, kw_only=True)
class TextureOptions(PromptOptions, InstanceOptions):
    """Paint a mesh: views from all around, denoised together along its depth, become its texture.

    synoptic texture bunny.glb "a brown rabbit"
    synoptic texture house.obj "a brick house" --up-axis z --front-axis=-y --open
    synoptic texture bunny.glb "a white rabbit" --init-texture bunny.png --strength 0.5
    """

    GROUP = "Mesh"
    INIT = "init_texture"

    mesh: Annotated[str, Option("the mesh: a GLB, glTF, OBJ, PLY or STL file", positional=True)]
    texture_size: Annotated[
        int,
        Option(
            f"texels of a texture's side (default: {TEXTURE_SIZE}, or that of --init-texture)", at_least=64, at_most=8192
        ),
    ] = UNSET
    init_texture: Annotated[
        PictureSource | None,
        Option(
            "a texture to begin with, in the mesh's own texture coordinates; the prompt says what it becomes", picture=True
        ),
    ] = None
    strength: Annotated[
        float,
        Option(
            f"of --init-texture: the share of the steps to take: near 0 keeps it, 1 makes it anew (default: {STRENGTH:g})",
            above=0,
            at_most=1,
        ),
    ] = UNSET
    mask: Annotated[
        PictureSource | None,
        Option(
            "of --init-texture, a picture of its size: painted anew where it is white, kept to the bit where black",
            picture=True,
        ),
    ] = None
    num_views: Annotated[
        int, Option("views at most, chosen one by one for what they add to what is seen", at_least=1, at_most=40)
    ] = 10
    up_axis: Annotated[Axis, Option("which way of the file is up")] = "y"
    front_axis: Annotated[Axis, Option("which way of the file its front looks")] = "z"
    condition: Annotated[Literal["depth", "normal"], Option("what of the mesh the views follow")] = "depth"
    controlnet: Annotated[
        tuple[str, ...],
        Option(
            "the ControlNet: bundled-depth, -normal, a hub id, a directory, FILE.safetensors (default: the bundled)",
            weights=CONTROLNET,
        ),
    ] = ()
    control_strength: Annotated[float, Option("how much it counts: 1 as trained, 0 not at all", at_least=0)] = 1.0
    view_words: Annotated[
        bool, Option("say from where each view looks, where the model knows words for it: a brown teapot, back view")
    ] = True
    pixels_from: Annotated[
        float,
        Option(
            f"share of the steps from which views agree in pixels, and not in latents; 1: never (default: {PIXELS_FROM:g})",
            at_least=0,
            at_most=1,
        ),
    ] = UNSET
    sync: Annotated[Literal["x0", "none"], Option("what the views agree on at each step; none: nothing")] = "x0"

    @property
    def file(self) -> Path:
        return user_path(self.mesh)

    def input_files(self) -> dict[str, list[Path]]:
        files = mesh_files(self.file)
        return super().input_files() | ({"mesh": files} if files else {})

    def resolve(self, checkpoint: Checkpoint) -> Self:
        if missing := [name for name in TEXTURE_PACKAGES if find_spec(name) is None]:
            raise InputError(
                f"a mesh needs {', '.join(missing)}, not installed here: {install_command('mesh')}", rule="missing-package"
            )
        if self.up_axis[-1] == self.front_axis[-1]:
            raise InputError(
                f"--up-axis and --front-axis are square to each other, {self.up_axis} and {self.front_axis} were given:"
                " change one",
                rule="mesh-axes",
            )
        self = self.filled(texture_size=self.checked_texture_size(read_mesh(self.file).pieces))
        self = replace(self, controlnet=find_controlnets(checkpoint, (self.condition,), self.controlnet))
        agrees = self.sync == "x0" and not self.adds_noise
        if self.pixels_from is not None and self.pixels_from < 1 and not agrees:
            raise InputError(
                f"--pixels-from needs views that agree and steps that add no noise, --sync {self.sync} --sampler"
                f" {self.sampler} --eta {self.eta:g} were given: omit it",
                rule="pixels-from",
            )
        self = self.filled(pixels_from=PIXELS_FROM if agrees else 1.0)
        if self.init_texture is not None:
            self = self.filled(strength=STRENGTH)
        return super().resolve(checkpoint)

    def checked_texture_size(self, pieces: Sequence[Piece]) -> int:
        """Return the texels of a side. Raises InputError where a texture to begin with, or its mask, does not fit."""
        size = self.init_size()
        if size is None or self.init_texture is None:
            return TEXTURE_SIZE if self.texture_size is None else self.texture_size
        (width, height), name = size, picture_name(self.init_texture)
        if width != height or self.texture_size not in (None, width):
            asked = "" if width != height else f", --texture-size {self.texture_size} was given: omit it"
            raise InputError(
                f"--init-texture is square and stays as large as it is, {name} is {width}x{height}{asked or ': resize it'}",
                rule="init-texture-size",
            )
        if len({piece.material for piece in pieces}) > 1:
            raise InputError(
                f"--init-texture is of a mesh of one material, {self.file.name} has more: paint its parts one by one",
                rule="init-texture-materials",
            )
        if any(piece.uv is None for piece in pieces):
            raise InputError(
                f"--init-texture needs a mesh's own texture coordinates, {self.file.name} has none: give what an earlier run"
                " wrote, its .glb or .obj and its .texture.png",
                rule="init-texture-coordinates",
            )
        if self.mask is not None:
            check_mask_size(self.mask, size, "texture")
        return width
