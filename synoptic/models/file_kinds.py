"""Single weight files: found, checked, and named where they are something else than they were given as.

Imports nothing heavy.
"""

from __future__ import annotations

import re
from pathlib import Path

from synoptic.errors import InputError, user_path
from synoptic.models.hub import download
from synoptic.models.weights import check_weights
from synoptic.utils.json_objects import JsonObject

OTHER_KINDS = {  # of a tensor's name -> (what a file with such a tensor is, what to do with it)
    r"[._]lora(_A|_B|_down|_up|_linear_layer|\.down|\.up)|\.hada_|\.lokr_": ("a LoRA", "give it as --lora"),
    r"^(control_model\.|controlnet_|control_|input_hint_block)": ("a ControlNet", "give it as --controlnet of `control`"),
    r"^(emb_params|clip_[lg])$|^<[^>]*>$": ("a textual inversion", "give it as --textual-inversion"),
    r"double_blocks\.\d+\.img_|joint_blocks\.|double_stream_modulation|layers\.\d+\.adaLN|txt_in\.|\.cross_attn": (
        "a transformer, as of FLUX or Stable Diffusion 3",
        "choose a Stable Diffusion 1, 2 or XL",
    ),
    r"^conditioner\.embedders\.0\.model\.": ("SDXL's refiner", "choose the base model"),
    r"^model\.diffusion_model\.|^(down_blocks|input_blocks)\.": ("a U-Net alone", "choose the file of the whole model"),
    r"^(first_stage_model\.|vae\.)?(encoder|decoder)\.": ("a VAE", "give it as --vae"),
    r"^(text_model|transformer\.resblocks)\.": ("a text encoder alone", "choose the file of the whole model"),
}
HUB_FILE = re.compile(r"[\w-][\w.-]*/[\w.-]+/[^\\]+\.safetensors")


def weight_file(name: str, instead: str) -> Path | None:
    """Return the safetensors file of that name, or of the hub's `owner/repo/file.safetensors`, whole; None of other names.

    Raises InputError where it is missing, a pickle, quantized, or not whole; `instead` as `download`.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in (".safetensors", ".ckpt", ".gguf", ".bin", ".pt", ".pth", ".pkl"):
        return None
    path = user_path(name)
    if path.is_dir():
        return None
    if not path.is_file() and HUB_FILE.fullmatch(name) and not user_path(name.split("/")[0]).exists():
        owner, repo, file = name.split("/", 2)
        path = download(f"{owner}/{repo}", file, instead=instead)
    if not path.is_file():
        raise InputError(f"a weight file must be there, there is no {name[:200]!r}: check the path", rule="model-file")
    if suffix == ".gguf":
        raise InputError(
            f"weights must be safetensors, {name} holds quantized ones (GGUF): take the safetensors file",
            rule="weights-gguf",
        )
    if suffix != ".safetensors":
        raise InputError(
            f"weights must be safetensors, {name} is a pickle, which can run code: take the safetensors file, or convert it",
            rule="weights-pickle",
        )
    check_weights(path)
    return path.resolve()


def another_kind(name: str, header: JsonObject, wanted: str = "a Stable Diffusion 1, 2 or XL") -> InputError:
    """Return the error of a file that is not what it was given as, which says what it is."""
    for pattern, (what, cure) in OTHER_KINDS.items():
        if any(re.search(pattern, key) for key in header):
            if what == wanted:
                return InputError(
                    f"{name} is a part of {wanted}, by its tensors' names, or one for models of another kind: take the whole"
                    " file, or its directory in diffusers' format",
                    rule="model-file-kind",
                )
            return InputError(f"{name} is {what}, by its tensors' names, and not {wanted}: {cure}", rule="model-file-kind")
    return InputError(
        f"the file must be {wanted}, {name} has no tensor of anything that is known: choose another",
        rule="model-file-kind",
    )
