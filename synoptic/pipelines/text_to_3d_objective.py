"""From the options of `text_to_3d` to a scene, and to what it follows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from synoptic.distillation.base import Loss
from synoptic.distillation.lora_student import LoRAStudent
from synoptic.distillation.loss_defaults import SceneDefaults, losses_that_take
from synoptic.distillation.loss_table import LOSSES, Objective
from synoptic.distillation.timesteps import TimestepSampler, falling_timesteps, noisier_timesteps
from synoptic.guidance.batching import BranchPredict
from synoptic.guidance.view_prompts import (
    ViewConditions,
    quarter_turns,
    view_branches,
    view_conditions,
    view_guidance,
    view_perp_neg,
)
from synoptic.models.base import Conditioning, Denoiser, PretrainedModel
from synoptic.nerf.cameras import Orbit
from synoptic.nerf.normals import normalize
from synoptic.nerf.regularizers import Penalties, constant, linear_ramp
from synoptic.nerf.scene import RadianceScene, ViewSample
from synoptic.nerf.serialization import blob_scene
from synoptic.nerf.shading import Lighting
from synoptic.options.text_to_3d import TextTo3DOptions
from synoptic.pipelines.objective import LossBranches, build_objective

COARSE_FRACTION = 4  # one in so many of the steps is taken with half the resolution
WARM_UP_STEPS, FINAL_RATE = 50, 0.2  # steps to the peak of the learning rate; the share of it that is left at the end
MIN_SAMPLES = 64  # along the ball's diameter
FRONT = 5 / 9  # quarter turns to either side, 50 degrees, that show enough of a front to make it


def build_scene(o: TextTo3DOptions, usual: SceneDefaults, rng: torch.Generator) -> RadianceScene:
    """Return a scene before its first step: few levels, no light, small penalties; all of them follow the steps."""
    n, side = o.steps, o.resolution
    low, high = (math.radians(degrees) for degrees in usual.elevation)
    return blob_scene(
        o.encoding,
        rng,
        full_levels_step=3 * n // 2,
        darkest_ground=usual.darkest_ground,
        orbit=Orbit(elevation=(low, high)),
        lighting=Lighting(albedo_steps=int(usual.unlit * n), ambient=usual.ambient),
        penalties=Penalties(
            opacity=constant(usual.opacity),
            entropy=linear_ramp(0, usual.entropy, int(usual.undecided * n), n),
            orientation=linear_ramp(0, usual.orientation, 0, n // 2),
            midpoint=usual.midpoint,
        ),
        side=lambda step: side // 2 if COARSE_FRACTION * step < n else side,
        samples=max(MIN_SAMPLES, side),
    )


def scene_objective(
    o: TextTo3DOptions, usual: SceneDefaults, model: PretrainedModel, prompt: str, rng: torch.Generator
) -> Objective:
    """Return what a scene follows to be what the prompt says, seen from everywhere."""
    separate, sharpens = LOSSES[o.loss].separates(o.negative_prompt), o.view_guidance != 1
    conds = view_conditions(
        model,
        prompt,
        usual.template,
        negative_prompt=o.negative_prompt,
        separate_negative=separate,
        with_negative_views=o.perp_neg,
        with_complement=sharpens,
        interpolate=o.view_prompt_mix == "mixed",
    )
    student = LoRAStudent(model.network, [rng], features=3) if o.loss in losses_that_take("student") else None
    conds = partial(with_student, student, conds) if student else conds

    def alone(name: str) -> BranchPredict:
        return view_branches(model, lambda sample: {name: conds(sample)[name]})

    def objective(guidance: float, timesteps: TimestepSampler | None = None) -> Objective:
        every = view_branches(model, conds)
        every = view_guidance(every, guidance, o.t_max) if sharpens else every
        branches = LossBranches(view_perp_neg(every) if o.perp_neg else every, alone, separate, student)
        return build_objective(o, model.schedule, branches, usual.weight, timesteps=timesteps)

    if o.anneal != "fronts":
        return objective(o.view_guidance)
    usual_views = objective(o.view_guidance, falling_timesteps(o.t_max, o.t_min, o.steps, 0.5))
    fronts = objective(front_guidance(o.view_guidance), noisier_timesteps(o.t_max, o.t_min, o.steps))
    return replace(usual_views, loss=with_other_fronts(usual_views.loss, fronts.loss))


def front_guidance(view_guidance: float) -> float:
    """Return the guidance of a noisier front: three times as far from 1, which changes nothing, as that of other views."""
    return 1 + 3 * (view_guidance - 1)


def with_other_fronts(usual: Loss[ViewSample], of_fronts: Loss[ViewSample]) -> Loss[ViewSample]:
    """Return a loss that is another one in every second step for views at most FRONT to either side of the front.

    What makes a front forms in much noise alone; what all other views need is little.
    """

    def loss(x: Tensor, step: int, camera: ViewSample, rngs: Sequence[torch.Generator]) -> Tensor:
        front = (quarter_turns(camera.camera.azimuth) <= FRONT) & (step % 2 == 1)
        total = x.new_zeros(())
        for part, rows in ((usual, ~front), (of_fronts, front)):
            if rows.any():
                own = [rng for rng, is_there in zip(rngs, rows.tolist(), strict=True) if is_there]
                total = total + part(x[rows], step, camera.select(rows), own)
        return total

    return loss


def with_student(student: LoRAStudent, conds: ViewConditions, sample: ViewSample) -> dict[str, Conditioning]:
    """Return the branches and that of the scene's one student, which is conditioned on where each view's eye is."""
    branches = student.add_student_branch(conds(sample), normalize(sample.camera.eye))
    student_index = torch.full((len(branches["student"]),), student.first_index)
    return branches | {"student": replace(branches["student"], student_index=student_index)}


def encode_render(model: Denoiser) -> Callable[[Tensor], Tensor]:
    """Return what makes the model's x of renders (B, 3, side, side) of any size."""
    native = model.shape[-1] * model.factor

    def encode(image: Tensor) -> Tensor:
        if image.shape[-1] != native:
            image = interpolate(image, (native, native), mode="bilinear", antialias=image.shape[-1] > native)
        return model.encode(image)

    return encode


def learning_rate(peak: float, steps: int) -> Callable[[int], float]:
    """Return the rate by step: up to the peak in a few steps, then slowly down."""
    return lambda i: peak * min(1.0, (i + 1) / WARM_UP_STEPS) * FINAL_RATE ** (i / steps)


def split_generator(rng: torch.Generator, n: int) -> list[torch.Generator]:
    """Return n generators, seeded by one."""
    return [torch.Generator().manual_seed(int(k)) for k in torch.randint(2**62, (n,), generator=rng)]
