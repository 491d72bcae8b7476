"""What a GPU is given as graphs of fixed sizes, run as functions: room for more places than there are changes nothing."""

from __future__ import annotations

import gc

import pytest
import torch

from synoptic.nerf import graphed_render
from synoptic.nerf.graphed_render import GraphedRender, with_room
from synoptic.nerf.normals import analytic_normals
from synoptic.nerf.scene import RadianceScene
from tests.nerf.test_scene import generators, small


class Uncaptured(GraphedRender):
    """Calls functions as they are, and notes the names of the graphs that would have been captured."""

    def takes(self, scene, offset):
        return True

    def _graph(self, key, f, *inputs):
        self.graphs[key] = f
        return f(*inputs)


def image_and_gradients(scene: RadianceScene, graphed: GraphedRender | None, step: int) -> list[torch.Tensor]:
    sample = scene.camera(generators(), step)
    if graphed:
        scene.graphed = graphed
    done = scene.render(sample)
    loss = (done.image * torch.randn(done.image.shape, generator=torch.Generator().manual_seed(1))).sum() + done.penalty
    parameters = list(scene.parameters())
    return [done.image, *torch.autograd.grad(loss, parameters, allow_unused=True)]


@pytest.mark.parametrize("step", [0, 1, 5])
def test_room_for_more_places_changes_neither_picture_nor_gradients(step, monkeypatch):
    monkeypatch.setattr(graphed_render, "MIN_CAPACITY", 64)
    graphed = Uncaptured()
    both = (image_and_gradients(small(), how, step) for how in (None, graphed))
    for right, found in zip(*both, strict=True):
        assert (right is None) == (found is None)
        if right is not None:
            assert torch.allclose(right, found, rtol=1e-5, atol=1e-6 * float(right.detach().abs().max()))
    assert len(graphed.graphs) == 2


def test_normals_by_second_derivatives_too(monkeypatch):
    monkeypatch.setattr(graphed_render, "MIN_CAPACITY", 64)
    scenes = small(), small()
    for scene in scenes:
        scene.normal = analytic_normals
    right, found = (image_and_gradients(scene, how, 5) for scene, how in zip(scenes, (None, Uncaptured()), strict=True))
    assert torch.allclose(right[0], found[0], atol=1e-6)


def test_graphs_are_of_few_sizes_that_suffice():
    assert [with_room(n, 2**18) for n in (0, 1, 4096, 4097, 2**18 - 1, 2**18)] == [4096, 4096, 4096, 8192, 2**18, 2**18]
    assert with_room(5, 3000) == 3000


def test_no_garbage_is_collected_while_a_graph_is_captured(monkeypatch):
    """Another scene's graphs, freed in the middle of a capture, would end it."""
    seen = []
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 0))
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", lambda f, *given, **how: seen.append(gc.isenabled()) or f)
    render = GraphedRender()
    assert render._graph("a sum", torch.add, torch.ones(2), torch.ones(2)).tolist() == [2, 2]
    assert seen == [False] and gc.isenabled()


def test_a_cpu_records_nothing():
    scene = small()
    scene.render(scene.camera(generators(), 5)).image.sum().backward()
    assert not scene.graphed.graphs
