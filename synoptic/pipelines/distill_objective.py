"""From the options of `distill` to what a picture follows, and to where it begins."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from synoptic.diffusion.schedules import get_clip
from synoptic.distillation.lora_student import LoRAStudent
from synoptic.distillation.loss_defaults import losses_that_take
from synoptic.distillation.loss_table import LOSSES, Objective
from synoptic.distillation.on_windows import canvas_branches
from synoptic.guidance.batching import BranchPredict, predict_branches
from synoptic.guidance.cfg import cfg
from synoptic.guidance.perp_neg import perp_neg
from synoptic.models.base import Denoiser, PretrainedModel
from synoptic.options.distill import DistillOptions
from synoptic.pipelines.objective import LossBranches, build_objective
from synoptic.sampling.joint import joint_predict
from synoptic.sampling.sdedit import sdedit
from synoptic.views.base import Projection

SKETCH_STEPS, SKETCH_START = 10, 4  # steps of a sketch, and how many of them a source skips
SKETCH_GUIDANCE = 5.0


def picture_objective(
    o: DistillOptions,
    model: PretrainedModel,
    prompts: Sequence[str],
    rngs: Sequence[torch.Generator],
    views: Projection,
    source: Tensor | None,
) -> Objective:
    """Return what a batch of pictures, one a prompt, follows on the canvas of `views`; `source` (B, C, h, w) if edited."""
    rows = [*prompts, *[o.source_prompt] * len(prompts)] if o.loss in losses_that_take("source") else prompts
    separate = o.perp_neg or LOSSES[o.loss].separates(o.negative_prompt)
    texts = {"cond": rows, "null": ["" if separate else o.negative_prompt] * len(rows)}
    texts |= {"negative": [o.negative_prompt] * len(rows)} if separate else {}
    conds = {name: model.embed(some) for name, some in texts.items()}
    student = LoRAStudent(model.network, rngs) if o.loss in losses_that_take("student") else None
    conds = student.add_student_branch(conds) if student else conds

    def alone(name: str) -> BranchPredict:
        return canvas_branches(predict_branches(model, {name: conds[name]}), views)

    every = predict_branches(model, conds)
    every = canvas_branches(perp_neg(every) if o.perp_neg else every, views)
    weight = "one" if o.weight == "auto" else o.weight
    branches, edit = LossBranches(every, alone, separate, student), {"source": source, "stride": o.stride}
    return build_objective(o, model.schedule, branches, weight, student_steps=o.student_steps, **edit)


@torch.no_grad()
def sketch(
    model: Denoiser,
    prompts: Sequence[str],
    negative_prompt: str,
    rngs: Sequence[torch.Generator],
    views: Projection,
    source: Tensor | None,
) -> Tensor:
    """Return x (B, C, h, w) after a few steps of plain sampling, or of SDEdit from a source: where to begin from."""
    s = model.schedule
    guided = cfg(model, prompts, SKETCH_GUIDANCE, negative_prompt, clip=get_clip("auto", s))
    x0 = torch.zeros(len(rngs), *views.canvas, device=model.device) if source is None else source
    start, steps = 0 if source is None else SKETCH_START, s.steps(SKETCH_STEPS)
    *_, step = sdedit(joint_predict(guided, s, views), s, x0, start=start, steps=steps, rngs=rngs)
    return step.x
