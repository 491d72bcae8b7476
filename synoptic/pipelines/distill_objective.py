"""From the settings of `synoptic distill` to a loss, and to the scene that it moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from synoptic.distillation.base import Learner, Loss
    from synoptic.distillation.timesteps import TimestepSampler
    from synoptic.guidance.batching import BranchPredict
    from synoptic.models.base import Denoiser
    from synoptic.views.windows import Windows

SKETCH, KEPT = 10, 4  # steps of a sketch, and how many of them a source skips


def making(
    settings: dict[str, Any], m: Denoiser, prompts: Sequence[str], rngs: Sequence[torch.Generator], views: Windows
) -> tuple[Loss, Learner | None, Any]:
    """The loss that makes a picture of each prompt, what learns beside it, and VSD's student, to be removed at the end."""
    from synoptic.distillation.inversion_losses import ism, sdi
    from synoptic.distillation.lora_student import LoRAStudent
    from synoptic.distillation.losses import StudentTraining, csd, nfsd, sds, vsd
    from synoptic.distillation.on_windows import canvas_branches
    from synoptic.distillation.timesteps import linear_schedule
    from synoptic.distillation.weights import WEIGHTS
    from synoptic.guidance.batching import predict_branches
    from synoptic.guidance.perp_neg import cfg_predict, perp_neg

    loss, scale, negative, s = settings["loss"], settings["guidance"], settings["negative"], m.schedule
    apart = loss == "nfsd" or (negative and (loss == "csd" or settings["perp_neg"]))
    texts = {"cond": list(prompts), "null": ["" if apart else negative] * len(prompts)}
    texts |= {"negative": [negative] * len(prompts)} if apart else {}
    conds = {name: m.embed(some) for name, some in texts.items()}
    student = learner = None
    if loss == "vsd":
        net: Any = m
        student = LoRAStudent(net.unet.net, rngs)
        conds = student.add_student_branch(conds)
        own = canvas_branches(predict_branches(m, {"student": conds["student"]}), views)
        learner = StudentTraining(student, own, s, lr=settings["student_lr"], steps=settings["student_steps"])
    every = predict_branches(m, conds)
    believe: BranchPredict = canvas_branches(perp_neg(every) if settings["perp_neg"] else every, views)

    def alone(name: str):
        only = canvas_branches(predict_branches(m, {name: conds[name]}), views)
        return lambda x, t, camera=None: only(x, t, camera)[name]

    when: dict[str, Any] = {"timesteps": times_of(settings)}
    weigh: dict[str, Any] = when | {"weight": WEIGHTS["one" if settings["weight"] == "auto" else settings["weight"]]}
    match loss:
        case "sds":
            made = sds(believe, s, scale, **weigh)
        case "vsd":
            made = vsd(believe, s, scale, **weigh)
        case "csd":
            made = csd(believe, s, scale, linear_schedule(0, scale, settings["steps"]) if apart else None, **weigh)
        case "nfsd":
            made = nfsd(believe, s, scale, **weigh)
        case "sdi":
            made = sdi(believe, s, cfg_predict(believe, -scale), scale, **when)
        case _:
            made = ism(believe, s, alone("null"), scale, **when)
    return made, learner, student


def editing(settings: dict[str, Any], m: Denoiser, prompts: Sequence[str], source: Tensor, views: Windows) -> Loss:
    """The loss that turns x, at first `source` (B, C, h, w), to its prompts: source and target of each in one batch."""
    from synoptic.distillation.edit_losses import dds, pds
    from synoptic.distillation.on_windows import canvas_branches
    from synoptic.guidance.batching import predict_branches
    from synoptic.guidance.perp_neg import cfg_predict

    n = len(prompts)
    texts = {"cond": [*prompts, *[settings["source_prompt"]] * n], "null": [settings["negative"]] * (2 * n)}
    every = predict_branches(m, {name: m.embed(some) for name, some in texts.items()})
    predict = cfg_predict(canvas_branches(every, views), settings["guidance"])
    if settings["loss"] == "pds":
        return pds(predict, m.schedule, source, settings["stride"], timesteps=times_of(settings))
    return dds(predict, m.schedule, source, timesteps=times_of(settings))


def times_of(settings: dict[str, Any]) -> TimestepSampler:
    """The noise levels that are asked about."""
    from synoptic.distillation.timesteps import falling_timesteps, narrowing_timesteps, uniform_timesteps

    first, last, steps = settings["t_min"], settings["t_max"], settings["steps"]
    match settings["anneal"]:
        case "narrow":
            return narrowing_timesteps(first, last, min(last, max(first, 500)), steps)
        case "linear":
            return falling_timesteps(last, first, steps)
        case "sqrt":
            return falling_timesteps(last, first, steps, 0.5)
    return uniform_timesteps(first, last)


def sketched(
    settings: dict[str, Any],
    m: Denoiser,
    prompts: Sequence[str],
    rngs: Sequence[torch.Generator],
    views: Windows,
    source: Tensor | None,
) -> Tensor:
    """x (B, C, h, w) in a few steps of plain sampling, or from a source by SDEdit: where an optimisation may begin."""
    import torch

    from synoptic.diffusion.schedules import get_clip
    from synoptic.guidance.cfg import cfg
    from synoptic.sampling.joint import joint_predict
    from synoptic.sampling.sdedit import sdedit

    s = m.schedule
    predict = joint_predict(cfg(m, prompts, 5.0, settings["negative"], clip=get_clip("auto", s)), s, views)
    x0 = torch.zeros(len(rngs), *views.canvas, device=m.device) if source is None else source
    *_, step = sdedit(predict, s, x0, start=0 if source is None else KEPT, steps=s.steps(SKETCH), rngs=rngs)
    return step.x
