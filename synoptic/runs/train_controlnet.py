"""Carry out a ControlNet's training: its folder, its measurements now and then, exact resume."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from diffusers.models.controlnets.controlnet import ControlNetModel
from safetensors.torch import load_file
from torch import Tensor

from synoptic import io
from synoptic.controlnet.dataset import CachedPairs
from synoptic.controlnet.fidelity import control_fidelity
from synoptic.controlnet.train import train
from synoptic.controlnet.validation import ValidationRow, format_rows, parse_rows, sample_maps
from synoptic.distributed import is_main_process
from synoptic.errors import InputError, user_path
from synoptic.io.progress import progress_bar
from synoptic.models.base import PretrainedModel
from synoptic.models.load import load_controlnet
from synoptic.models.local_cache import file_hash
from synoptic.options.train_controlnet import TrainControlnetOptions
from synoptic.pipelines.train_controlnet import batches_of, build_accelerator, cached_pairs, load_networks, split
from synoptic.runs.folders import earlier
from synoptic.runs.manifest import Run, open_run
from synoptic.runs.resume import write_state
from synoptic.utils.timing import Interval

NET, TABLE, PLOT = "controlnet", "fidelity.tsv", "fidelity.png"
PREVIEWED = 8  # pictures at most


def execute(options: TrainControlnetOptions) -> Run:
    """Run prepared options: the trained net in controlnet/, what was measured in fidelity.tsv. Raises InputError."""
    captions = options.read_captions()
    run = open_run(options)
    keep_captions(run, user_path(options.images), captions, options.find_maps())
    is_done = (earlier(run.folder) or {}).get("state") == "done"
    accelerator = build_accelerator(options)
    net, model = load_networks(options, accelerator.device)
    run.take_model(model, is_begun=is_done)
    if is_done:
        return with_summary(run)
    run.model["dtype"] = accelerator.mixed_precision
    run.write()
    pairs = cached_pairs(options, model, run.folder / "pictures")
    held, rest = split(options, len(captions))
    validation = Validation(run.folder, options, model, pairs, held, [list(captions.values())[k] for k in held])
    file, interval = run.folder / "state.safetensors", Interval()
    state = load_file(file) if file.exists() else None
    losses = list(state["losses"]) if state else []
    if not losses:
        validation.measure(net, losses, accelerator.autocast())
    batches = batches_of(options, model, pairs, captions, rest, accelerator)
    steps = train(net, model, batches, accelerator, steps=options.steps, lr=options.lr, state=state)
    with progress_bar("train-controlnet", options.steps - len(losses)) as tick:
        for step in steps:
            losses.append(step.loss)
            validation.measure(net, losses, accelerator.autocast())
            tick()
            if is_main_process() and interval.is_over():
                with interval.writing():
                    write_state(file, step.state(), {})
    if is_main_process():
        file.unlink(missing_ok=True)
    run.state = "done"
    run.write()
    return with_summary(run)


def with_summary(run: Run) -> Run:
    """Return the run with what a person reads at the end: the table, and where the net is."""
    run.summary = f"{(run.folder / TABLE).read_text('utf-8').rstrip()}\n{run.folder / NET}" if is_main_process() else ""
    return run


def keep_captions(run: Run, images: Path, captions: dict[str, str], maps: dict[str, str] | None = None) -> None:
    """Put the captions into the run's folder. Raises InputError where that holds work on other pictures or maps."""
    found: dict[str, list[object]] = {name: [caption, file_hash(images / name)] for name, caption in captions.items()}
    for name, control_image in (maps or {}).items():
        found[name].append(file_hash(Path(control_image)))
    file = run.folder / "captions.json"
    if file.exists() and read_captions(file) != found:
        raise InputError(
            f"one folder holds one run, and {run.folder} holds work on other pictures, maps or captions: choose another"
            " --out or delete the old one",
            rule="run-differs",
        )
    io.write_whole(file, json.dumps(found, indent=1, ensure_ascii=False))


def read_captions(file: Path) -> object:
    """Return the captions that a run's folder keeps; None where they cannot be read."""
    try:
        return json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def read_table(file: Path) -> list[ValidationRow]:
    """Return what was measured before. Raises InputError where the table is not as it was written."""
    try:
        return parse_rows(file.read_text("utf-8")) if file.exists() else []
    except (OSError, ValueError):
        raise InputError(
            f"a training goes on from a whole {file.name}, {file} is none: choose another --out, or delete the folder",
            rule="run-table",
        ) from None


class Validation:
    """fidelity.tsv, fidelity.png and previews/ in a training's folder; the net as it then is, in controlnet/.

    It measures what it wrote: the net is read back and generates the maps of `held`, always from the same noise.
    """

    def __init__(
        self,
        folder: Path,
        options: TrainControlnetOptions,
        model: PretrainedModel,
        pairs: CachedPairs,
        held: Sequence[int],
        captions: Sequence[str],
    ) -> None:
        self.folder, self.options, self.model = folder, options, model
        self.pairs, self.held, self.captions = pairs, held, captions
        self.rows = read_table(folder / TABLE)

    def measure(self, net: ControlNetModel, losses: Sequence[Tensor], autocast: AbstractContextManager[object]) -> None:
        """Measure after step len(losses), if it is due and was not done before."""
        step, options = len(losses), self.options
        due = step % options.evaluate_every == 0 or step == options.steps
        if not due or not is_main_process() or step in [row.step for row in self.rows]:
            return
        net.save_pretrained(self.folder / NET)
        x0, maps = (torch.stack(part) for part in zip(*map(self.pairs, self.held), strict=True))
        written = load_controlnet(
            str(self.folder / NET), model=self.model.checkpoint, device=str(self.model.device), dtype="float32"
        )
        with torch.no_grad(), autocast:
            generated = sample_maps(self.model, written, maps, self.captions, options.seed, self.held).cpu().float()
            originals = self.model.decode(x0.to(self.model.device)).cpu().float()
        own, other = (control_fidelity(options.condition, generated, m).mean().item() for m in (maps, maps.roll(1, 0)))
        since = losses[self.rows[-1].step if self.rows else 0 :]
        loss = torch.stack([value.cpu() for value in since]).mean().item() if since else None
        self.rows.append(ValidationRow(step, loss, own, other))
        io.write_whole(self.folder / TABLE, f"{format_rows(self.rows)}\n")
        self._plot()
        self._preview(step, 2 * maps - 1, generated, originals)

    def _plot(self) -> None:
        lines = {
            "its own map": [(row.step, row.fidelity) for row in self.rows],
            "another's": [(row.step, row.to_another) for row in self.rows],
        }
        plot = io.plot_lines(lines, "step", f"how far pictures of held-out {self.options.condition} maps follow")
        io.save_image(self.folder / PLOT, plot, {"options": self.options.to_json()})

    def _preview(self, step: int, maps: Tensor, generated: Tensor, originals: Tensor) -> None:
        """Save each map, its picture, and the picture that it was drawn of."""
        n = min(len(generated), PREVIEWED)
        rows = [picture for part in (maps, generated, originals) for picture in io.to_pil(part[:n])]
        labels = ["map"] * n + list(self.captions[:n]) + ["held out"] * n
        (self.folder / "previews").mkdir(parents=True, exist_ok=True)
        io.save_image(self.folder / "previews" / f"{step}.png", io.image_grid(rows, labels, n), {"step": step})
