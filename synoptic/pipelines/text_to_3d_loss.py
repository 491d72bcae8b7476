"""From the settings of `synoptic dream` to a scene, to what pulls at it, and to how it grows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from synoptic.options.text_to_3d import Usual
from synoptic.pipelines.distill_objective import times_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from synoptic.distillation.base import Learner, Loss
    from synoptic.guidance.view_prompts import ViewConditions
    from synoptic.models.base import Cond, Denoiser
    from synoptic.nerf.scene import RadianceScene, ViewSample

COARSE = 4  # one in so many of the steps is taken with half the resolution
WARM_UP, COOLED = 50, 0.2  # steps to the peak of the rate; the share of it that is left at the end


def planted(settings: dict[str, Any], usual: Usual, rng: torch.Generator) -> RadianceScene:
    """A scene before its first step: coarse, without light, and little asked of; all that follows the steps."""
    import math

    from synoptic.nerf.cameras import Orbit
    from synoptic.nerf.regularizers import Penalties, constant, linear_ramp
    from synoptic.nerf.serialization import build_scene
    from synoptic.nerf.shading import Lighting

    n, side = settings["steps"], settings["resolution"]
    low, high = (math.radians(degrees) for degrees in usual.elevation)
    scene = build_scene(
        settings["encoding"],
        rng,
        full_levels_step=3 * n // 2,
        orbit=Orbit(elevation=(low, high)),
        lighting=Lighting(albedo_steps=int(usual.plain * n), ambient=usual.ambient),
        penalties=Penalties(
            opacity=constant(usual.opacity),
            entropy=linear_ramp(0, usual.entropy, n // 4, n),
            orientation=linear_ramp(0, usual.orientation, 0, n // 2),
        ),
        side=lambda step: side // 2 if COARSE * step < n else side,
        samples=samples(settings),
    )
    if settings["compile"] and settings["encoding"] == "hash":
        field: Any = scene.field
        field.encoding.compile_corners()
    return scene


def samples(settings: dict[str, Any]) -> int:
    """Along the ball's diameter: one a pixel."""
    return max(64, settings["resolution"])


def pulled(
    settings: dict[str, Any], usual: Usual, m: Denoiser, prompt: str, phrase: str, rng: torch.Generator
) -> tuple[Loss, Learner | None, Any]:
    """The loss that makes the scene what the prompt says, seen from everywhere, what learns beside it, and VSD's student."""
    from synoptic.distillation.lora_student import LoRAStudent
    from synoptic.distillation.losses import StudentTraining, csd, sds, vsd
    from synoptic.distillation.timesteps import linear_schedule
    from synoptic.distillation.weights import WEIGHTS
    from synoptic.guidance.view_prompts import view_branches, view_conditions, view_guidance, view_perp_neg

    loss, scale, negative, s = settings["loss"], settings["guidance"], settings["negative"], m.schedule
    apart = loss == "csd" and bool(negative)
    denies, insists = settings["perp_neg"], settings["view_guidance"] != 1
    asked = {
        "separate_negative": apart,
        "with_negative_views": denies,
        "with_complement": insists,
        "interpolate": settings["between"] == "mixed",
    }
    conds = view_conditions(m, prompt, phrase, negative_prompt=negative, **asked)
    student = learner = None
    if loss == "vsd":
        net: Any = m
        student = LoRAStudent(net.unet.net, [rng], features=3)
        conds = partial(with_student, student, conds)
        own = view_branches(m, lambda look, conds=conds: {"student": conds(look)["student"]})
        learner = StudentTraining(student, own, s, lr=settings["student_lr"])
    every = view_branches(m, conds)
    believe = view_guidance(every, settings["view_guidance"], settings["t_max"]) if insists else every
    believe = view_perp_neg(believe) if denies else believe
    how: dict[str, Any] = {"timesteps": times_of(settings), "weight": WEIGHTS[usual.weight]}
    match loss:
        case "vsd":
            made = vsd(believe, s, scale, **how)
        case "csd":
            made = csd(believe, s, scale, linear_schedule(0, scale, settings["steps"]) if apart else None, **how)
        case _:
            made = sds(believe, s, scale, **how)
    return made, learner, student


def with_student(student: Any, conds: ViewConditions, look: ViewSample) -> dict[str, Cond]:
    """The branches and that of the scene's one student, who is told where each view's eye is."""
    from synoptic.nerf.normals import normalize

    marked = student.add_student_branch(conds(look), normalize(look.camera.eye))
    return marked | {"student": marked["student"] | {"student": 0 * marked["student"]["student"]}}


def framed(m: Denoiser) -> Callable[[Tensor], Tensor]:
    """Renders (B, 3, side, side) of any size -> the model's x."""
    from torch.nn.functional import interpolate

    native = m.shape[-1] * m.factor

    def encode(image: Tensor) -> Tensor:
        if image.shape[-1] != native:
            image = interpolate(image, (native, native), mode="bilinear", antialias=image.shape[-1] > native)
        return m.encode(image)

    return encode


def rate(peak: float, steps: int) -> Callable[[int], float]:
    """Up to the peak in a few steps, then slowly down."""
    return lambda i: peak * min(1.0, (i + 1) / WARM_UP) * COOLED ** (i / steps)


def drawn(rng: torch.Generator, n: int) -> Sequence[torch.Generator]:
    """n generators of their own, out of one."""
    import torch

    return [torch.Generator().manual_seed(int(k)) for k in torch.randint(2**62, (n,), generator=rng)]
