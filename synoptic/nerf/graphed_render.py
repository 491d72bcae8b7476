"""Renders of a scene that learns on a GPU as CUDA graphs: some 500 kernels, whose launches take longer than they do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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
from synoptic.utils.capture import undisturbed_capture

if TYPE_CHECKING:
    from synoptic.nerf.scene import RadianceScene, ViewSample

MIN_CAPACITY = 2**12  # places; a graph has room for a power of two, of which a run needs few


class GraphedRender:
    """What `RadianceScene.render` computes, as two graphs: before the second, the places that light comes from are counted.

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

    def __call__(self, scene: RadianceScene, sample: ViewSample) -> tuple[Tensor, Tensor]:
        """Return the pixels (B, N, 3) in [-1, 1] and the penalty."""
        owner = _Learned(scene)
        parameters = list(owner.parameters())
        memory = parameters[0].data_ptr()  # elsewhere when the scene has moved
        key = len(sample.offset), sample.side, scene.samples, scene.normal, scene.field.visible_levels, memory

        def see(camera: Camera, offset: Tensor) -> tuple[Tensor, Samples, Tensor, Tensor, Tensor]:
            origin, direction = camera_rays(camera, sample.side)
            rays = Rays(origin.flatten(0, 1), direction.flatten(0, 1), offset.flatten())
            at = sample_rays(rays, scene.samples, scene.occupancy)
            seen, weight = find_seen(scene.field.density, at, ask_everywhere=True)
            return direction, at, seen, weight, torch.stack([seen.sum(), (seen & (weight > MIN_NORMAL_WEIGHT)).sum()])

        direction, at, seen, weight, counts = self._graph(("see", *key), see, sample.camera, sample.offset)
        room, normals = (with_room(n, len(at.x)) for n in counts.tolist())
        normals = min(room, normals) if sample.needs_normals else None

        def render(light: Light, uniforms: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
            emit = scene.emission(direction.flatten(0, 1), light, sample.needs_normals, normals)
            traced = integrate_rays(emit, at, seen, weight, room)  # where the first graph writes them
            return scene.finish(traced, direction, uniforms, weights)

        f, inputs = partial(owner.call, render, 3), (sample.light, sample.uniforms, sample.weights)
        rows, penalty = self._graph(("render", *key, room, normals), f, *inputs, *parameters)
        self.waits = True
        rows.register_hook(self._came_back)
        return rows.clone(), penalty.clone()  # the next call writes over them

    def _came_back(self, gradient: Tensor) -> None:
        self.waits = False

    def _graph(self, key: Any, f: Callable[..., Any], *inputs: Any) -> Any:
        """Call f, captured for inputs of these sizes and for the gradients of those that are parameters."""
        if key not in self.graphs:
            self.pool = self.pool or torch.cuda.graph_pool_handle()
            like = tuple(_clone(value) for value in inputs)
            with undisturbed_capture():
                self.graphs[key] = torch.cuda.make_graphed_callables(f, like, allow_unused_input=True, pool=self.pool)
        return self.graphs[key](*inputs)


class _Learned(torch.nn.Module):
    """What of a scene has parameters, in place of which a function takes others: a graph's own, which no step has used."""

    def __init__(self, scene: RadianceScene) -> None:
        super().__init__()
        self.field, self.background = scene.field, scene.background

    def call(self, f: Callable[..., Any], count: int, *inputs: Any) -> Any:
        """Call f of so many inputs, those behind them in place of the parameters."""
        names = [name for name, _ in self.named_parameters()]
        self.forward = f
        return functional_call(self, dict(zip(names, inputs[count:], strict=True)), inputs[:count])


def _clone(value: Any) -> Any:
    """Return a copy of a tensor or a named tuple of tensors; of a parameter, another one with the same memory."""
    if isinstance(value, torch.nn.Parameter):
        return torch.nn.Parameter(value.detach())
    return value.clone() if isinstance(value, Tensor) else type(value)(*(_clone(part) for part in value))


def with_room(count: int, most: int) -> int:
    """Return the next power of two, of at most so many."""
    return min(most, max(MIN_CAPACITY, 1 << (count - 1).bit_length()))
