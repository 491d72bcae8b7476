"""What runs take of a GPU against what was planned: Stable Diffusion 2 and SDXL at full size, with random weights.

python benchmarks/memory_gpu.py [--only sd2 sdxl] [--settings 0 1 …] [--tiny] [--budget 400] [--out FILE]: needs no hub. For
each model it paints four native pictures, and one six windows wide, with everything on the GPU, with text encoders that come
and go, with the network's layers streamed, and with weights in fp8; and under caps of 8, 12, 16 and 24 GiB, where it paints
or is refused before anything loads. What tells most is first. Prints one table, planned against measured: the peak of what
the process allocates, and the seconds of the steps with the decoding; those of the first run, which also chooses its
algorithms and learns the order of the streamed layers, apart. Seconds are predicted from the first setting's operations a
second, for streamed layers from the measured speed of the link too. --tiny: a few channels, on any device. Weights are
random: there is nothing to see.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import struct
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch

import synoptic
from synoptic.errors import InputError
from synoptic.models import load as loading
from synoptic.models import load_once, single_file
from synoptic.models.clip_tokenizer import clip_tokenizer
from synoptic.models.memory import CONTEXT_BYTES
from synoptic.models.network_classes import build_network, is_diffusers_class
from synoptic.options import options_class
from synoptic.options.pretrained_model import ModelOptions
from synoptic.pipelines.base import load_model
from synoptic.runs.plan import check_memory, make_plan
from synoptic.runs.run_cost import Plan
from synoptic.utils.out_of_memory import is_out_of_memory

GIB = 2**30
STEPS = 3
CLASSES = {
    "text_encoder": "CLIPTextModel",
    "text_encoder_2": "CLIPTextModelWithProjection",
    "unet": "UNet2DConditionModel",
    "vae": "AutoencoderKL",
}
LIBRARY = {True: "diffusers", False: "transformers"}
SETTINGS: list[dict[str, str] | int] = [  # or a cap, in GiB
    {"offload": "none"},
    12,
    {"offload": "group"},
    {"offload": "text"},
    8,
    {"offload": "none", "quantize": "fp8"},
    16,
    {"offload": "none", "quantize": "fp8-compute"},
    {"offload": "group", "quantize": "fp8"},
    24,
]
SIDES = {"sd2": 512, "sdxl": 1024}
PROMPT = "a mountain village in the evening"


class Row(NamedTuple):
    """One run: bytes and seconds as planned and as measured, or why there was none."""

    model: str
    setting: str
    run: str
    planned: float = 0.0
    measured: float = 0.0
    predicted_seconds: float = 0.0
    seconds: float = 0.0
    first_measured: float = 0.0
    first_seconds: float = 0.0
    said: str = "painted"

    def __str__(self) -> str:
        about = f"{self.planned:.2f} | {self.measured:.2f} | {self.predicted_seconds:.1f} | {self.seconds:.1f}"
        first = f"{self.first_measured:.2f} | {self.first_seconds:.1f}"
        return f"| {self.model} | {self.setting} | {self.run} | {about} | {first} | {self.said} |"


def shrink(configs: dict[str, Any]) -> None:
    """Give released configs few channels."""
    unet, levels = configs["unet"], len(configs["unet"]["block_out_channels"])
    width = 80 if "text_encoder_2" in configs else 48
    unet |= {"block_out_channels": [8, 16, 16, 16][:levels], "norm_num_groups": 4, "cross_attention_dim": width}
    unet |= {"attention_head_dim": [1, 2, 2, 2][:levels], "sample_size": 16}
    if levels == 3:
        unet |= {"transformer_layers_per_block": [1, 1, 2], "addition_time_embed_dim": 8}
        unet["projection_class_embeddings_input_dim"] = 48 + 6 * 8
    configs["vae"] |= {"block_out_channels": [8, 8, 16, 16], "norm_num_groups": 4, "sample_size": 128}
    for part, size in {"text_encoder": 32 if width == 80 else 48, "text_encoder_2": 48}.items():
        if part in configs:
            configs[part] |= {"hidden_size": size, "projection_dim": size, "intermediate_size": 64}
            configs[part] |= {"num_hidden_layers": 3, "num_attention_heads": 4}


def write_model(kind: str, folder: Path, change: Callable[[dict[str, Any]], None] | None = None) -> Path:
    """Write the directory of a released model's layout; its weight files hold nothing yet, and take no room.

    change: what is done to its configs first, as `shrink`.
    """
    configs = json.loads((single_file.CONFIGS / f"{kind}.json").read_text())
    if change:
        change(configs)
    index = configs["model_index"] | {"scheduler": ["diffusers", configs["scheduler"]["_class_name"]]}
    (folder / "scheduler").mkdir(parents=True)
    (folder / "scheduler/scheduler_config.json").write_text(json.dumps(configs["scheduler"]))
    for part, name in CLASSES.items():
        if part in configs:
            is_diffusers = is_diffusers_class(name)
            index[part] = [LIBRARY[is_diffusers], name]
            (folder / part).mkdir()
            named = {"_class_name": name} if is_diffusers else {}
            (folder / part / "config.json").write_text(json.dumps(configs[part] | named))
            stem = "diffusion_pytorch_model" if is_diffusers else "model"
            write_holes(name, configs[part], folder / part / f"{stem}.fp16.safetensors")
    for part in ("tokenizer", "tokenizer_2"):
        if part in configs:
            index[part] = ["transformers", "CLIPTokenizer"]
            clip_tokenizer(configs[part]["pad_token"]).save_pretrained(folder / part)
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def write_holes(name: str, config: dict[str, Any], file: Path) -> None:
    """Write a safetensors file of a network in float16 whose numbers are a hole in the file: zeros."""
    with torch.device("meta"):
        shapes = {key: list(value.shape) for key, value in build_network(name, config).state_dict().items()}
    header, end = {}, 0
    for key, shape in shapes.items():
        begin, end = end, end + 2 * torch.Size(shape).numel()
        header[key] = {"dtype": "F16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    with file.open("wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        f.truncate(8 + len(text) + end)


def fill(net: torch.nn.Module) -> None:
    """Give a network random numbers, small enough that what it computes stays finite; norms are left to be norms."""
    noise = torch.randn(2**20, generator=torch.Generator().manual_seed(0)) * 0.02
    for name, p in net.named_parameters():
        if "norm" in name:
            p.data.fill_(float(name.endswith("weight")))
            continue
        flat, source = p.data.view(-1), noise.to(p.device, p.dtype)
        for begin in range(0, len(flat), len(source)):
            part = flat[begin : begin + len(source)]
            part.copy_(source[: len(part)])


@contextmanager
def random_weights() -> Iterator[None]:
    """Load networks as always, then fill them."""
    usual = loading.load_network

    def load_and_fill(*args: Any) -> Any:
        net = usual(*args)
        fill(net)
        return net

    loading.load_network = load_and_fill
    try:
        yield
    finally:
        loading.load_network = usual


def link_speed(device: torch.device) -> float:
    """Return bytes a second from the CPU's memory to the device."""
    if device.type != "cuda":
        return float("inf")
    block = torch.empty(2**28, dtype=torch.uint8).pin_memory()
    block.to(device)
    torch.cuda.synchronize()
    start = time.perf_counter()
    block.to(device)
    torch.cuda.synchronize()
    return block.numel() / (time.perf_counter() - start)


def asked(folder: Path, run: str, side: int, device: str, setting: dict[str, str]) -> ModelOptions:
    """Return the prepared options of a run."""
    given: dict[str, Any] = {"model": str(folder), "steps": STEPS, "device": device, "dtype": "float16", **setting}
    if device == "cpu":
        given["dtype"] = "float32"
    if run == "wide":
        given |= {"width": 6 * side, "height": side, "stride": side // 16}
    else:
        given |= {"count": 4, "upscalers": ["none"]}
    options: Any = options_class(run).from_arguments(PROMPT, **given)
    return options.prepare()


def free(device: torch.device) -> None:
    """Forget the last model."""
    load_once._kept.clear()
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def count_anew(device: torch.device) -> None:
    """Count the peak from here."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()


def peak(device: torch.device) -> float:
    return torch.cuda.max_memory_allocated() / GIB if device.type == "cuda" else 0.0


class Bench:
    """All rows of the table, and the speed that seconds are predicted by, measured in the first run of each model."""

    def __init__(self, device: torch.device, budget: float) -> None:
        self.device, self.end, self.rows = device, time.monotonic() + budget, list[Row]()
        self.link, self.rate = link_speed(device), dict[str, float]()

    def predicted(self, plan: Plan, kind: str) -> float:
        """Return the seconds of the steps: the operations', or the streamed layers' where those take longer."""
        if kind not in self.rate:
            return 0.0
        calls = sum(
            STEPS * -(-plan.items * stage.work.rows() // stage.work.steps // stage.at_once) for stage in plan.stages.values()
        )
        streamed = plan.weights[plan.network] * calls / self.link if plan.offload == "group" else 0.0
        return max(plan.flops / self.rate[kind], streamed)

    def add(self, row: Row) -> None:
        self.rows.append(row)
        print(row, flush=True)

    def measure(self, kind: str, folder: Path, side: int, setting: dict[str, str], label: str = "") -> None:
        """Load a model once with a setting, and paint with it what is painted."""
        name = label or " ".join(setting.values())
        free(self.device)
        model: Any = None
        for size, options, plan in self.plans(kind, folder, side, setting, name):
            planned = (plan.peak - (CONTEXT_BYTES if self.device.type == "cuda" else 0)) / GIB
            count_anew(self.device)
            try:
                model = model or load_model(options)
                first_seconds = self.paint(model, options)
                first_peak = peak(self.device)
                count_anew(self.device)
                seconds = self.paint(model, options)
            except (RuntimeError, MemoryError) as e:
                if not is_out_of_memory(e):
                    raise
                self.add(Row(kind, name, size, planned, peak(self.device), said="OUT OF MEMORY"))
                continue
            predicted = self.predicted(plan, kind)
            self.rate.setdefault(kind, plan.flops / seconds)
            figures = planned, peak(self.device), predicted, seconds, first_peak, first_seconds
            self.add(Row(kind, name, size, *figures, said=said(plan)))

    def plans(self, kind: str, folder: Path, side: int, setting: dict[str, str], name: str) -> list[tuple[str, Any, Plan]]:
        """Return (size, options, plan) of what can be painted with a setting, all planned before anything loads."""
        found = []
        for run, size in (("generate", f"4 of {side}x{side}"), ("wide", f"{side}x{6 * side}")):
            if time.monotonic() > self.end:
                self.add(Row(kind, name, size, said="no time left"))
                continue
            options = asked(folder, run, side, self.device.type, setting)
            try:
                check_memory(options)
                found.append((size, options, make_plan(options)))
            except InputError as e:
                self.add(Row(kind, name, size, said=f"refused: {e}"[:200]))
        return found

    def paint(self, model: Any, options: Any) -> float:
        """Return the seconds that a run takes, its pictures decoded."""
        run, how = options.application(), dict[str, Any](count=4, upscalers=["none"])
        if run == "wide":
            how = {"width": options.width, "height": options.height, "stride": options.stride}
        start = time.perf_counter()
        images = getattr(synoptic, run)(model, PROMPT, steps=STEPS, **how).images
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        assert len(images) == options.count
        return time.perf_counter() - start


def said(plan: Plan) -> str:
    return f"painted, {plan.offload}" + ("" if plan.fits else ", though it was not to fit")


def main() -> None:
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--only", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--settings", nargs="+", type=int, choices=range(len(SETTINGS)), help="by number, from 0: all")
    parser.add_argument("--budget", type=float, default=400.0, help="seconds after which nothing new begins")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    bench = Bench(device, given.budget)
    print(f"{torch.cuda.get_device_name() if device.type == 'cuda' else 'cpu'}; link {bench.link / GIB:.1f} GiB/s\n")
    names = "planned GiB | measured GiB | predicted s | s | first GiB | first s"
    print(f"| model | setting | run | {names} | |\n|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as work, random_weights():
        models = {kind: write_model(kind, Path(work) / kind, shrink if given.tiny else None) for kind in given.only}
        chosen = [SETTINGS[k] for k in given.settings] if given.settings else SETTINGS
        for setting, (kind, folder) in product(chosen, models.items()):
            side = 128 if given.tiny else SIDES[kind]
            if isinstance(setting, dict):
                bench.measure(kind, folder, side, setting)
            elif device.type == "cuda":
                free(device)  # what lies there counts too
                total = torch.cuda.mem_get_info()[1]
                torch.cuda.set_per_process_memory_fraction(min(1.0, setting * GIB / total))
                bench.measure(kind, folder, side, {}, f"cap {setting} GiB")
                torch.cuda.set_per_process_memory_fraction(1.0)
    if given.out:
        about = {"device": str(device), "torch": torch.__version__, "link": bench.link}
        given.out.write_text(json.dumps(about | {"rows": [row._asdict() for row in bench.rows]}, indent=1))


if __name__ == "__main__":
    main()
