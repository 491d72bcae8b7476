"""What each application shows at a click, on the bundled models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

EXAMPLES: Mapping[str, Sequence[Mapping[str, object]]] = {
    "generate": [
        {"prompt": ["an oil painting of a horse"]},
        {"prompt": ["a photo of an owl on a white background"], "seed": 3},
        {"prompt": ["a neon sign of a rabbit"]},
    ],
    "wide": [
        {"prompt": ["a photo of desert dunes at sunset"], "seed": 3},
        {"prompt": ["a watercolor of snowy mountains at sunrise"]},
        {"prompt": ["a photo of a beach", "a photo of a city skyline at night"], "prompt_travel": True},
    ],
    "panorama": [
        {"prompt": ["a dense forest in autumn"]},
        {"prompt": ["a photo of a green meadow"], "region": ["60,-30,-60,30: a photo of snowy mountains"]},
    ],
    "anagram": [
        {"prompt": ["a lion", "a sunflower"], "style": "a lithograph of"},
        {"prompt": ["a penguin", "a giraffe"], "views": ["identity", "rotate_180"]},
    ],
    "hybrid": [{"prompt": ["a photo of a lion", "a photo of a sunflower"]}],
    "text_to_3d": [{"prompt": ["a yellow house"]}],
    "distill": [{"prompt": ["a photo of a red mug"], "steps": 300}],
    "compare_sync": [{"prompt": ["a lion", "a sunflower"]}],
}
