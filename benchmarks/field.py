"""How fast is the radiance field, what does it learn from posed pictures, and how good is the mesh of it?

PYTHONPATH=. python benchmarks/field.py [--steps 1000] [--views 60] [--out DIR]: a painted object, its pictures by ray
casting at 64 x 64, PSNR on pictures it was not shown, seconds a step (under daylight, and lit), and the mesh against the
field. Runs on the GPU where there is one. Needs the extra `mesh`.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median

import torch

from synoptic.io import image_grid, save_image, to_pil
from synoptic.mesh.export import export_mesh
from synoptic.mesh.marching_cubes import extract_mesh
from synoptic.mesh.texture import render_mesh
from synoptic.nerf.cameras import Camera, turntable_cameras
from synoptic.nerf.normals import analytic_normals, finite_difference_normals
from synoptic.nerf.scene import RadianceScene
from synoptic.nerf.shading import Lighting
from tests.nerf.posed import Posed, fitted, fresh, pictures, psnr, toy, views

LIGHTS = {
    "albedo": (Lighting(albedo_steps=10**9), finite_difference_normals()),
    "lit, finite differences": (Lighting(albedo_steps=0, shaded_probability=1.0), finite_difference_normals()),
    "lit, analytic": (Lighting(albedo_steps=0, shaded_probability=1.0), analytic_normals),
}


def seconds(scene: RadianceScene, repeats: int = 8) -> dict[str, float]:
    """The median of a render of 64 x 64 and its gradients, by the light it is under."""
    found = {}
    for name, (scene.lighting, scene.normal) in LIGHTS.items():
        rngs, times = [torch.Generator().manual_seed(3)], []
        for _ in range(repeats):
            look = scene.camera(rngs, 1)
            began = time.perf_counter()
            shot = scene.render(look)
            (shot.image.square().sum() + shot.penalty).backward()
            float(shot.image.detach().sum())  # waits for a GPU
            times.append(time.perf_counter() - began)
        found[name] = median(times)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--views", type=int, default=60)
    parser.add_argument("--out", type=Path, default=Path("outputs/field"))
    asked = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"

    mesh = toy()
    shown, held = (
        Posed(colour.to(device), mask.to(device), Camera(*(part.to(device) for part in camera)))
        for colour, mask, camera in (pictures(mesh, views(asked.views, 1)), pictures(mesh, views(20, 2)))
    )
    scene = fresh().to(device)
    for name, cost in seconds(scene).items():
        print(f"at birth, {name}: {cost:.3f} s a render with gradients")
    scene = fresh().to(device)
    began = time.perf_counter()
    for done in fitted(scene, shown, asked.steps):
        if (done.i + 1) % 250 == 0:
            print(
                f"{done.i + 1} steps, {time.perf_counter() - began:.0f} s: held out {psnr(scene, held):.2f} dB", flush=True
            )
    for name, cost in seconds(scene).items():
        print(f"fitted, {name}: {cost:.3f} s a render with gradients")

    began = time.perf_counter()
    made = extract_mesh(scene)
    print(f"mesh, {time.perf_counter() - began:.0f} s: {made}")
    export_mesh(made.textured, asked.out)
    camera = turntable_cameras(6)
    field, (colour, mask) = scene.render_views(camera, 128), render_mesh(made.textured, camera, 128)
    rows = torch.cat([(field.color + 1 - field.opacity).cpu(), colour + 1 - mask])
    save_image(
        asked.out / "field-and-mesh.png", image_grid(to_pil(2 * rows - 1), ["field"] * 6 + ["mesh"] * 6, 6, cell=128), {}
    )


if __name__ == "__main__":
    main()
