"""Renders of a scene that learns on a GPU as CUDA graphs: some 500 kernels, whose launches take longer than they do."""

from __future__ import annotations

from collections.abc import Callable
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.func import functional_call

from synoptic.nerf.cameras import Camera, camera_rays
from synoptic.nerf.shading import Light
from synoptic.nerf.volume_rendering import (
    MAX_RAYS,
    MIN_NORMAL_WEIGHT,
    Rays,
    Samples,
    find_seen,
    integrate_rays,
    sample_rays,
)

if TYPE_CHECKING:
    from synoptic.nerf.scene import RadianceScene

MIN_CAPACITY = 2**12  # places; a graph has room for a power of two, of which a run needs few


class GraphedRender:
    """What `RadianceScene.render` computes, as three graphs: before the second and third, places that are left are counted.

    A graph is captured when one of its size is first needed, in which it runs a few times. All of them share their memory.
    """

    def __init__(self) -> None:
        self.graphs: dict[Any, Callable[..., Any]] = {}
        self.pool: Any = None
        self.waits = False  # for gradients, until which the last graph's memory is in use

    def takes(self, scene: RadianceScene, offset: Tensor) -> bool:
        """Return whether it can render rays with these offsets: gradients pass, on a GPU, and none are being summed up."""
        if not offset.is_cuda or not torch.is_grad_enabled() or offset.numel() > MAX_RAYS or self.waits:
            return False
        return current_thread() is main_thread() and all(p.grad is None for p in scene.parameters())

    def __call__(
        self,
        scene: RadianceScene,
        side: int,
        needs_normals: bool,
        camera: Camera,
        light: Light,
        uniforms: Tensor,
        offset: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the pixels (B, N, 3) in [0, 1], and of all B N rays the opacity and how much they see from behind."""
        weights = next(iter(scene.parameters())).data_ptr()  # elsewhere when the scene has moved
        key = len(offset), side, scene.samples, scene.normal, scene.field.visible_levels, weights

        def sample(camera: Camera, offset: Tensor) -> tuple[Tensor, Samples, Tensor]:
            origin, direction = camera_rays(camera, side)
            rays = Rays(origin.flatten(0, 1), direction.flatten(0, 1), offset.flatten())
            at = sample_rays(rays, scene.samples, scene.occupancy)
            return direction, at, at.live.sum()

        direction, at, count = self._graph(("sample", *key), sample, camera, offset)
        capacity = with_room(int(count), len(at.x))

        def see(at: Samples) -> tuple[Tensor, Tensor, Tensor]:
            seen, weight = find_seen(scene.field.density, at, capacity=capacity)
            return seen, weight, torch.stack([seen.sum(), (seen & (weight > MIN_NORMAL_WEIGHT)).sum()])

        seen, weight, counts = self._graph(("see", *key, capacity), see, at)
        room, normals = (with_room(n, len(at.x)) for n in counts.tolist())
        normals = min(room, normals) if needs_normals else None

        def render(
            direction: Tensor, at: Samples, seen: Tensor, weight: Tensor, light: Light, uniforms: Tensor
        ) -> tuple[Tensor, Tensor, Tensor]:
            emit = scene.emission(direction.flatten(0, 1), light, needs_normals, normals)
            traced = integrate_rays(emit, at, seen, weight, room)
            return scene.before_background(traced, direction, uniforms), traced.opacity, traced.aux.sum(1)

        call = _OfParameters(scene, render)
        inputs = direction, at, seen, weight, light, uniforms
        found = self._graph(("render", *key, room, normals), call.of, *inputs, *call.parameters())
        self.waits = True
        found[0].register_hook(self._came_back)
        return tuple(part.clone() for part in found)  # the next call writes over them

    def _came_back(self, gradient: Tensor) -> None:
        self.waits = False

    def _graph(self, key: Any, f: Callable[..., Any], *inputs: Any) -> Any:
        """Call f, captured for inputs of these sizes and for the gradients of those that are parameters."""
        if key not in self.graphs:
            self.pool = self.pool or torch.cuda.graph_pool_handle()
            like = tuple(_clone(value) for value in inputs)
            self.graphs[key] = torch.cuda.make_graphed_callables(f, like, allow_unused_input=True, pool=self.pool)
        return self.graphs[key](*inputs)


class _OfParameters(torch.nn.Module):
    """A function of a scene's parameters, as which it takes any tensors: a graph's own, which no earlier step has used."""

    def __init__(self, scene: RadianceScene, f: Callable[..., Any]) -> None:
        super().__init__()
        self.field, self.background, self.forward = scene.field, scene.background, f

    def of(self, *inputs: Any) -> Any:
        """Call the function, the last inputs in place of the parameters."""
        names = [name for name, _ in self.named_parameters()]
        given, parameters = inputs[: -len(names)], inputs[-len(names) :]
        return functional_call(self, dict(zip(names, parameters, strict=True)), given)


def _clone(value: Any) -> Any:
    """Return a copy of a tensor or a named tuple of tensors; of a parameter, another one with the same memory."""
    if isinstance(value, torch.nn.Parameter):
        return torch.nn.Parameter(value.detach())
    return value.clone() if isinstance(value, Tensor) else type(value)(*(_clone(part) for part in value))


def with_room(count: int, most: int) -> int:
    """Return the next power of two, of at most so many."""
    return min(most, max(MIN_CAPACITY, 1 << (count - 1).bit_length()))
