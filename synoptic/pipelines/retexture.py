"""An object's mesh painted anew by views that a model denoises together: what `text-to-3d --retexture` adds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from synoptic import io
from synoptic.options.texture import TextureOptions
from synoptic.pipelines.base import load_model, take_steps
from synoptic.pipelines.texture import TexturePipeline
from synoptic.pipelines.textured_output import TexturedOutput

NAME = "painted"


def retexture(mesh: Path, prompt: str, seed: int, *, device: str, dtype: str, log: Callable[[str], object]) -> None:
    """Write painted.glb, .png (from eight sides), .html (a page to turn it), and .json (command and figures) beside a mesh.

    It is what `synoptic texture MESH PROMPT` makes by its defaults. `log` is given a line when it begins and as it ends.
    """
    options = TextureOptions.from_arguments(str(mesh), prompt, seed=seed, device=device, dtype=dtype).prepare()
    pipeline = TexturePipeline(load_model(options), options)
    log(f"{prompt}: the mesh is painted, {pipeline.views_per_item} views, {pipeline.num_steps} steps")
    (output,) = take_steps(pipeline.steps(options.items()))
    assert isinstance(output, TexturedOutput) and output.mesh is not None
    page, about = output.files[".viewer.html"], {"command": options.command(), "figures": output.figures}
    assert callable(page)
    page(mesh.with_name(f"{NAME}.html"))
    io.save_image(mesh.with_name(f"{NAME}.png"), output.image, about)
    io.write_whole(mesh.with_name(f"{NAME}.glb"), output.mesh[".glb"])
    io.write_whole(mesh.with_name(f"{NAME}.json"), json.dumps(about, indent=2) + "\n")
    log(f"painted: views agree to {output.figures['view_agreement']:.1f} dB")
