"""Pictures from specs, rendered by batched torch on any device: backgrounds, things pasted on them, then the style."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from bundled_training.render import glyphs_3d, solids, styles
from bundled_training.render.captions import Spec
from bundled_training.render.noise import Device, mix, uniform
from bundled_training.render.paste import LETTERED, LIGHT, dome, dye, paste, pyramid
from bundled_training.render.poles import POLES
from bundled_training.render.scenes import SCENES
from bundled_training.render.standing import STACKED, boxes, contact, shadow_of, studio
from bundled_training.render.standing import places as places_of
from bundled_training.render.words import COLOURS

BACKGROUNDS = SCENES | POLES
BACKDROP = 0.3  # the depth of a plain background


class Renderer:
    """Renders specs on one device; all randomness comes from torch's global generators (torch.manual_seed)."""

    def __init__(self, device: Device):
        self.device = torch.device(device)
        tiles, self.designs = glyphs_3d.load(self.device)
        self.boxes, self.levels = boxes(tiles), pyramid(tiles, 4)

    @torch.no_grad()
    def render(self, specs: Sequence[Spec], size: int) -> tuple[Tensor, Tensor]:
        """Images (B, 3, size, size) and their depths (B, 1, size, size), both in [0, 1]; depth 1 is at the lens."""
        image = torch.empty(len(specs), 3, size, size, device=self.device)
        depth = torch.empty(len(specs), 1, size, size, device=self.device)
        self._backgrounds(specs, image, depth)
        self._solids(specs, image, depth)
        self._things(specs, image, depth)
        for style, where in self._groups(specs, lambda spec: None if spec.kind == "solid" else spec.style):
            image[where] = styles.apply(style, image[where], depth[where])
        return image.clamp_(0, 1), depth.clamp_(0, 1)

    def _index(self, numbers: Iterable[int]) -> Tensor:
        return torch.tensor(list(numbers), dtype=torch.long).to(self.device, non_blocking=True)

    def _floats(self, numbers: Sequence) -> Tensor:
        return torch.tensor(numbers, dtype=torch.float32).to(self.device, non_blocking=True)

    def _groups(self, specs: Sequence[Spec], key: Callable[[Spec], object]) -> list[tuple]:
        """(what `key` says of a spec, the numbers of the specs of which it says so), without those of None."""
        groups: dict[object, list[int]] = defaultdict(list)
        for number, spec in enumerate(specs):
            groups[key(spec)].append(number)
        groups.pop(None, None)
        return [(value, self._index(numbers)) for value, numbers in groups.items()]

    def _backgrounds(self, specs: Sequence[Spec], image: Tensor, depth: Tensor) -> None:
        size = image.shape[-1]
        sun = torch.tensor([spec.sun for spec in specs]).to(self.device)
        for (scene, time), where in self._groups(specs, lambda spec: (spec.scene, spec.time) if spec.scene else None):
            image[where], depth[where] = BACKGROUNDS[scene](len(where), size, size, self.device, time, sun[where])
        plain = [number for number, spec in enumerate(specs) if not spec.scene]
        if not plain:
            return
        fixed = self._floats([specs[number].background is not None for number in plain])
        colours = self._floats([COLOURS[specs[number].background or "white"] for number in plain])
        where = self._index(plain)
        image[where] = studio(colours, fixed, size)
        depth[where] = BACKDROP

    def _solids(self, specs: Sequence[Spec], image: Tensor, depth: Tensor) -> None:
        numbers = [number for number, spec in enumerate(specs) if spec.kind == "solid"]
        if not numbers:
            return
        chosen = [specs[number] for number in numbers]
        jitter = uniform(len(chosen), 3, low=-0.04, high=0.04, device=self.device)
        colours = self._floats([COLOURS[spec.colour or "white"] for spec in chosen])
        stated = self._floats([[bool(spec.colour)] for spec in chosen])
        pale = uniform(len(chosen), 1, low=0.6, high=0.97, device=self.device)
        colours = mix(pale.expand_as(colours), colours, stated) + jitter
        rgb, alpha, near = solids.render(
            [spec.names[0] for spec in chosen],
            colours.clamp(0, 1),
            [spec.view for spec in chosen],
            image.shape[-1],
            self.device,
        )
        where = self._index(numbers)
        firm = self._floats([0.0 if spec.view == "overhead" else 0.36 for spec in chosen])
        image[where] *= 1 - contact(alpha, firm)
        image[where] = mix(image[where], rgb, alpha)
        depth[where] = mix(depth[where], near, (alpha > 0.5).float())

    def _things(self, specs: Sequence[Spec], image: Tensor, depth: Tensor) -> None:
        """Put each thing where its visible part ends on the ground, the farther ones first, each with its shadow."""
        slots: list[list[tuple]] = [[] for _ in range(max((len(spec.names) for spec in specs), default=0))]
        for number, spec in enumerate(specs):
            if not spec.layout:
                continue
            dice = torch.rand(len(spec.names), 6).tolist()
            things = [self._thing(spec, thing, row[3:]) for thing, row in enumerate(dice)]
            seen = [self._seen(tile, flip, turn) for tile, _, (turn, flip, *_) in things]
            at = places_of(spec.layout, spec.scene, seen, [row[:3] for row in dice])
            order = list(range(len(things)))
            if spec.layout in STACKED:
                order.reverse()
            elif spec.layout == "across":
                feet = [y + (box[3] - 0.5) * scale for (_, y, scale), box in zip(at, seen, strict=True)]
                order.sort(key=feet.__getitem__)
            for slot, k in enumerate(order):
                firm = shadow_of(spec.scene, spec.layout, k, spec.names[k])
                slots[slot].append((number, things[k], at[k], firm))
        for slot in slots:
            if slot:
                numbers, things, at, firm = zip(*slot, strict=True)
                self._layers(list(things), torch.tensor(at), list(numbers), image, depth, list(firm))

    def _seen(self, tile: int, flip: float, turn: float) -> tuple[float, float, float, float]:
        """What is visible of a tile, mirrored and turned as it will be."""
        left, top, right, bottom = self.boxes[tile]
        if flip < 0:
            left, right = 1 - right, 1 - left
        more = abs(turn) * 0.15  # a turn lowers a corner a little
        return left, top, right, bottom + more

    def _layers(
        self, things: list[tuple], places: Tensor, numbers: list[int], image: Tensor, depth: Tensor, firm: list[float]
    ) -> None:  # fmt: skip
        """Paste one thing on each of the pictures `numbers`, from the copy of its tile that is large enough."""
        size, side = image.shape[-1], self.levels[0].shape[-1]
        levels = (side / size / places[:, 2] / 1.4).log2().ceil().clamp(0, len(self.levels) - 1).int().tolist()
        for level in sorted(set(levels)):
            picked = [k for k, other in enumerate(levels) if other == level]
            shadows = self._floats([firm[k] for k in picked])
            self._layer([things[k] for k in picked], places[picked], self.levels[level],
                        self._index(numbers[k] for k in picked), image, depth, shadows)  # fmt: skip

    def _thing(self, spec: Spec, thing: int, dice: list[float]) -> tuple[int, str | None, tuple[float, ...]]:
        """The tile of one thing, the color it is dyed in, and its turn, mirror and light."""
        name = spec.names[thing]
        tile = self._tile(name, spec.style, dice[0])
        if name == "book" and spec.layout == "reading":
            tile = self.designs[name]["fluent"][1]  # the open one
        turn = (dice[1] - 0.5) * 0.10
        flip = -1.0 if dice[2] < 0.5 and name not in LETTERED else 1.0
        light = LIGHT.get(spec.time, (1.0, 1.0, 1.0)) if spec.scene and name != "campfire" else (1.0, 1.0, 1.0)
        return tile, spec.colour if thing == 0 else None, (turn, flip, *light)

    def _tile(self, name: str, style: str, share: float) -> int:
        """One of the thing's tiles; of two designs a photo shows the shaded one, the other styles either."""
        designs = self.designs[name]
        tiles = designs.get("noto") or designs["fluent"]
        if "fluent" in designs and "noto" in designs:
            solid = style == "photo" or share < 0.5
            tiles, share = designs["fluent" if solid else "noto"], share if style == "photo" else share * 2 % 1
        return tiles[int(share * len(tiles))]

    def _layer(
        self, things: list[tuple], places: Tensor, level: Tensor, where: Tensor, image: Tensor, depth: Tensor, firm: Tensor
    ) -> None:  # fmt: skip
        """Paste one thing on each of the pictures `where`, with its shadow."""
        tiles = level[self._index(tile for tile, _, _ in things)].float() / 255
        if dyed := [k for k, (_, colour, _) in enumerate(things) if colour]:
            names = [things[k][1] for k in dyed]
            colours = self._floats([COLOURS.get(name, (0.5, 0.5, 0.5)) for name in names])
            chosen = self._index(dyed)
            tiles[chosen] = dye(tiles[chosen], colours, self._floats([name == "rainbow" for name in names]))
        turn, flip, light = self._floats([row for _, _, row in things]).split([1, 1, 3], dim=1)
        places = places.to(self.device, non_blocking=True)
        rgb, alpha = paste(tiles, places, image.shape[-1], turn=turn, flip=flip, light=light)
        image[where] *= 1 - contact(alpha, firm)
        image[where] = (image[where] * (1 - alpha) + rgb).clamp_(0, 1)
        depth[where] = torch.where(alpha > 0.5, dome(alpha, places, self.device), depth[where])
