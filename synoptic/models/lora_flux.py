"""LoRAs of FLUX.1 in its first code's names, as kohya's scripts and ComfyUI write them: one layer there is several here.

Imports nothing heavy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from synoptic.models.lora_layers import Layer

WHOLE = (0, 1, 1)
DOUBLE = {  # a layer of a double block -> diffusers' layers, each with its share of the rows (begin, end, of so many)
    "img_attn_qkv": {f"attn_to_{part}": (k, k + 1, 3) for k, part in enumerate("qkv")},
    "txt_attn_qkv": {f"attn_add_{part}_proj": (k, k + 1, 3) for k, part in enumerate("qkv")},
    "img_attn_proj": {"attn_to_out_0": WHOLE},
    "txt_attn_proj": {"attn_to_add_out": WHOLE},
    "img_mlp_0": {"ff_net_0_proj": WHOLE},
    "img_mlp_2": {"ff_net_2": WHOLE},
    "txt_mlp_0": {"ff_context_net_0_proj": WHOLE},
    "txt_mlp_2": {"ff_context_net_2": WHOLE},
    "img_mod_lin": {"norm1_linear": WHOLE},
    "txt_mod_lin": {"norm1_context_linear": WHOLE},
}
SINGLE = {  # linear1 has q, k, v of the width and the rest of four times that
    "linear1": {f"attn_to_{part}": (k, k + 1, 7) for k, part in enumerate("qkv")} | {"proj_mlp": (3, 7, 7)},
    "linear2": {"proj_out": WHOLE},
    "modulation_lin": {"norm_linear": WHOLE},
}
BLOCKS = {"double_blocks": ("transformer_blocks", DOUBLE), "single_blocks": ("single_transformer_blocks", SINGLE)}


def in_diffusers_names(layers: Mapping[str, Layer]) -> dict[str, Layer]:
    """Return a LoRA's layers, by normalized names, those of the first code as diffusers' own, others as they are."""
    found: dict[str, Layer] = {}
    for name, layer in layers.items():
        parts = re.fullmatch(r"(double_blocks|single_blocks)_(\d+)_(\w+)", name)
        blocks, inside = BLOCKS[parts[1]] if parts else ("", {})
        if parts and parts[3] in inside:
            own = inside[parts[3]]
            found |= {f"{blocks}_{parts[2]}_{to}": layer._replace(rows=rows) for to, rows in own.items()}
        else:
            found[name] = layer
    return found
