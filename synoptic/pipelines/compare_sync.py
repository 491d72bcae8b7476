"""The sync rules side by side: the same prompts and noises under eps, x0 and xt, per view and on the canvas."""

from __future__ import annotations

from collections.abc import Sequence

from synoptic import io
from synoptic.metrics.clip import Clip
from synoptic.metrics.concealment import alignment_and_concealment
from synoptic.options.base import Item
from synoptic.options.compare_sync import RULES, CompareSyncOptions
from synoptic.pipelines.base import Pipeline
from synoptic.pipelines.outputs import Comparison, Output
from synoptic.views.registry import get_view

HEADER = ("space", "sync", "alignment", "concealment", "alignment, grayscale", "concealment, grayscale")


class CompareSyncPipeline(Pipeline[CompareSyncOptions]):
    """Its variants are anagrams; what is left is to compare them, by both bundled CLIPs."""

    def compare(self, items: Sequence[Item], outputs: Sequence[Output]) -> Comparison:
        o = self.options
        views, prompts = [get_view(name) for name in o.views], o.prompts()
        clips = [Clip("bundled"), Clip("bundled-grayscale")]
        rows, shown, labels = [], [], []
        for space, sync in RULES:
            images = [out.image for i, out in zip(items, outputs, strict=True) if i.stem.startswith(f"{space}-{sync}/")]
            seen = [[io.to_pil(view.view(io.from_pil(image)))[0] for view in views] for image in images]
            scores = [m.mean for clip in clips for m in alignment_and_concealment(clip, seen, [prompts] * len(seen))]
            rows.append((space, sync, *scores))
            shown += [picture for pictures in seen for picture in pictures]
            labels += [f"{space} {sync}: {text}" for _ in seen for text in prompts]
        return Comparison(io.image_grid(shown, labels, len(views) * o.count), HEADER, rows)
