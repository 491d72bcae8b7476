"""A ControlNet for a condition and pictures of one's own (Zhang et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from synoptic.controlnet.validation import NET, Fidelity, Row, rows_of, table
from synoptic.distributed import is_main_process
from synoptic.options.common import Model, Out, Seed
from synoptic.options.train_controlnet import (
    Accumulate,
    Captions,
    Checkpointing,
    Condition,
    Depths,
    Dtype,
    Every,
    HeldBack,
    Images,
    Init,
    Maps,
    Rate,
    Rows,
    Slim,
    Steps,
    Where,
    Wordless,
    settle,
)
from synoptic.pipelines.train_controlnet_data import accelerated, keep, lessons, networks, shelf
from synoptic.runs.manifest import Run, begun, earlier, folder_of


@dataclass(frozen=True)
class Training:
    """The net's folder, and what was measured: rows (step, mean loss since the row before, fidelity, to another's map)."""

    net: Path
    rows: list[Row]

    def __str__(self) -> str:
        return f"{table(self.rows)}\n{self.net}"


def train_control(
    *,
    images: Images,
    captions: Captions,
    condition: Condition = "canny",
    maps: Maps = None,
    depth: Depths = None,
    model: Model = "bundled",
    init: Init = None,
    slim: Slim = False,
    steps: Steps = 4000,
    batch: Rows = 4,
    accumulate: Accumulate = 1,
    lr: Rate = None,
    dtype: Dtype = "auto",
    checkpointing: Checkpointing = False,
    wordless: Wordless = 0.3,
    evaluate_every: Every = 500,
    held_back: HeldBack = 8,
    seed: Seed = 1,
    device: Where = "auto",
    out: Out = None,
) -> Training:
    """Train a ControlNet on pictures with captions: a killed training goes on to the bit, several GPUs share the rows.

    synoptic train-control --condition canny --images photos --captions captions.json --slim
    """
    source, settings, words, drawn = settle(locals())
    named = folder_of("train-control", settings | {"prompt": f"{condition} {Path(images).name}"})
    run = begun(Run("train-control", settings, Path(out or named).expanduser(), []))
    keep(run, words)
    if (earlier(run.folder) or {}).get("state") == "done":
        return Training(run.folder / NET, rows_of(run.folder))

    from synoptic.controlnet.train import train
    from synoptic.runs.loop_checkpoint import Saved
    from synoptic.runs.progress import bar

    accelerator = accelerated(settings)
    net, m = networks(source, settings, accelerator)
    run.model = {"name": source.name, "source": source.name if source.is_bundled else source.path_or_repo}
    run.model |= {"revision": source.revision, "device": str(m.device), "dtype": accelerator.mixed_precision}
    run.write()
    said, pictures = list(words.values()), shelf(run, words, drawn, source, m)
    held, batches = lessons(settings, said, pictures, m, accelerator)
    fidelity = Fidelity(run, source, m, pictures, held, [said[k] for k in held])
    saved = Saved(run.folder / "state.safetensors")
    state = saved.state()
    losses = list(state["losses"]) if state else []
    if not losses:
        fidelity.look(net, losses, accelerator.autocast())
    coming = train(net, m, batches, accelerator, steps=steps, lr=settings["lr"], state=state)
    with bar(run.recipe, steps - len(losses)) as tick:
        for step in saved.watch(coming, lambda step: step.state()) if is_main_process() else coming:
            losses.append(step.loss)
            fidelity.look(net, losses, accelerator.autocast())
            tick()
    saved.forget()
    run.state = "done"
    run.write()
    return Training(run.folder / NET, fidelity.rows)
