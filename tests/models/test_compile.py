"""Networks whose calls are captured, on a CPU: what replays the network on a graph's own tensors stands in for the graph."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from synoptic.models.compile import CALLS_BEFORE_CAPTURE, MAX_GRAPHS, GraphedNet, map_tensors, tensors_in


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight, self.runs = nn.Parameter(torch.tensor(2.0)), 0

    def forward(self, x: Tensor, added: dict[str, Tensor] | None = None) -> tuple[Tensor]:
        self.runs += 1
        return (self.weight.detach() * x + (added["text"] if added else 0),)


class Replayed(GraphedNet):
    def _has_room(self, device: torch.device, num_bytes: int) -> bool:
        return len(self.graphs) < MAX_GRAPHS

    def _capture(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        args, kwargs = map_tensors(torch.clone, (args, kwargs))
        out = self.net(*args, **kwargs)[0]
        return SimpleNamespace(replay=lambda: out.copy_(self.net(*args, **kwargs)[0])), list(tensors_in((args, kwargs))), out


def test_answers_are_the_networks_of_each_call_and_stay():
    graphed, plain, kept = Replayed(Net()), Net(), []
    for k in range(CALLS_BEFORE_CAPTURE + 4):
        x, text = torch.full((2, 3), float(k)), torch.full((3,), 10.0 * k)
        kept.append((graphed(1, 0, x, added={"text": text}), plain(x, {"text": text})[0]))
    assert len(graphed.graphs) == 1 and all(torch.equal(answer, right) for answer, right in kept)


def test_calls_that_differ_in_more_than_numbers_have_graphs_of_their_own():
    graphed = Replayed(Net())
    calls: list[tuple[int, Tensor, dict[str, Any]]] = [
        (1, torch.ones(2, 3), {}),
        (2, torch.ones(2, 3), {}),  # another key
        (1, torch.ones(4, 3), {}),  # another shape
        (1, torch.ones(2, 3).double(), {}),
        (1, torch.ones(2, 3), {"added": {"text": torch.ones(3)}}),
    ]
    for _ in range(CALLS_BEFORE_CAPTURE + 1):
        for key, x, more in calls:
            right = 2 * x + (1 if more else 0)
            assert torch.equal(graphed(key, 0, x, **more), right)
    assert len(graphed.graphs) == len(calls)
    graphed.net.weight.data = torch.tensor(3.0)  # elsewhere: as when a network goes to another device and comes back
    assert torch.equal(graphed(1, 0, calls[0][1]), 3 * calls[0][1])


def test_graphs_are_few():
    graphed = Replayed(Net())
    for n in range(1, MAX_GRAPHS + 4):
        for _ in range(CALLS_BEFORE_CAPTURE + 1):
            assert torch.equal(graphed(1, 0, torch.ones(n)), 2 * torch.ones(n))
    assert len(graphed.graphs) == MAX_GRAPHS
