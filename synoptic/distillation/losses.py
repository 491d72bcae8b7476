"""SDS, CSD, NFSD and VSD: one formula, a weighted sum of noises at x_t (Yu et al. 2024, CSD). SDI and ISM share it.

grad = w(t) (a_cond eps_cond + a_null eps_null + a_negative eps_negative + a_student eps_student + a_noise eps)

loss        cond   null      negative      student   noise   x_t and eps
SDS         s      1 - s                             -1      drawn
CSD         w1     w2 - w1   -w2                             drawn
NFSD        s      1 - s     -[t >= 200]                     drawn
VSD         s      1 - s                   -1                drawn
SDI, ISM    s      1 - s                             -1      by inversion
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from synoptic.diffusion.equations import Number, Schedule, add_noise, coefficients, randn
from synoptic.distillation.base import Loss, loss_from_gradient
from synoptic.distillation.loss_spec import LossSpec
from synoptic.distillation.timesteps import TimestepSampler, uniform_timesteps
from synoptic.distillation.weights import WeightFunction, constant, variance, velocity
from synoptic.guidance.batching import BranchPredict
from synoptic.utils.arguments import typed
from synoptic.utils.state_dict import add_prefix, flatten_optimizer, load_optimizer, strip_prefix

BranchWeights = Callable[[int, Tensor], Mapping[str, Number]]  # (step, t) -> {branch: a number, or one a row (N,)}
NoiseFunction = Callable[
    [Tensor, Tensor, object, Sequence[torch.Generator]], tuple[Tensor, Tensor]
]  # -> x_t and its "noise"


def weighted_branches(
    branch_predict: BranchPredict,
    s: Schedule,
    branch_weights: BranchWeights,
    *,
    timesteps: TimestepSampler | None = None,
    weight: WeightFunction = constant,
    noise: NoiseFunction | None = None,
) -> Loss[object]:
    """Return the loss of the formula above. A branch whose amount is the number 0 need not exist.

    timesteps: 20 … 980 by default; weight: w(t); noise: (x, t, camera, rngs) -> (x_t, eps), drawn by default.
    """
    timesteps, noise = timesteps or uniform_timesteps(), noise or random_noise(s)

    @torch.no_grad()
    def gradient(x: Tensor, step: int, camera: object, rngs: Sequence[torch.Generator]) -> Tensor:
        t = timesteps(step, rngs)
        xt, eps = noise(x, t, camera, rngs)
        every = {name: p.eps for name, p in branch_predict(xt, t, camera).items()} | {"noise": eps}
        terms = [per_row(k, x) * every[name] for name, k in branch_weights(step, t).items() if isinstance(k, Tensor) or k]
        return weight(*coefficients(s, t, x)) * torch.stack(terms).sum(0)

    return lambda x, step, camera, rngs: loss_from_gradient(x, gradient(x, step, camera, rngs))


def random_noise(s: Schedule) -> NoiseFunction:
    """Return x_t = alpha_t x + sigma_t eps, as a function, with eps drawn from the rows' generators."""

    def noise(x: Tensor, t: Tensor, camera: object, rngs: Sequence[torch.Generator]) -> tuple[Tensor, Tensor]:
        eps = randn(x.shape[1:], rngs, x)
        return add_noise(s, x, eps, t), eps

    return noise


def per_row(k: Number, x: Tensor) -> Number:
    """Return a number as it is; one a row (N,) as (N, 1, …), in the dtype and on the device of x."""
    return k.to(x).view(-1, *[1] * (x.ndim - 1)) if isinstance(k, Tensor) else k


@typed
def sds(
    branch_predict: BranchPredict,
    s: Schedule,
    scale: float = 25.0,
    *,
    timesteps: TimestepSampler | None = None,
    weight: WeightFunction = constant,
) -> Loss[object]:
    """Return SDS, score distillation sampling (Poole et al. 2023, DreamFusion, equation 3).

    grad = w(t) (eps_null + scale (eps_cond - eps_null) - eps).

    Branches: cond and null. threestudio's eps_cond + scale (eps_cond - eps_null) is this with scale + 1.
    """
    return weighted_branches(
        branch_predict,
        s,
        lambda step, t: {"cond": scale, "null": 1 - scale, "noise": -1},
        timesteps=timesteps,
        weight=weight,
    )


@typed
def csd(
    branch_predict: BranchPredict,
    s: Schedule,
    w1: float = 1.0,
    w2: Callable[[int], float] | None = None,
    *,
    timesteps: TimestepSampler | None = None,
    weight: WeightFunction = constant,
) -> Loss[object]:
    """Return CSD, classifier score distillation: guidance alone (Yu et al. 2024).

    grad = w(t) (w1 (eps_cond - eps_null) + w2 (eps_null - eps_negative)).

    Branches: cond and null; negative where w2 is not 0. w2 is a function of the step: the paper's goes from 0 to 1,
    `linear_schedule(0, 1, 5000)`, which takes the null branch out and the negative one in.
    """

    def branch_weights(step, t):
        away = w2(step) if w2 else 0.0
        return {"cond": w1, "null": away - w1, "negative": -away}

    return weighted_branches(branch_predict, s, branch_weights, timesteps=timesteps, weight=weight)


@typed
def nfsd(
    branch_predict: BranchPredict,
    s: Schedule,
    scale: float = 7.5,
    late: int = 200,
    *,
    timesteps: TimestepSampler | None = None,
    weight: WeightFunction = constant,
) -> Loss[object]:
    """Return NFSD, noise-free score distillation (Katzir et al. 2024).

    grad = w(t) (delta_D + scale (eps_cond - eps_null)); delta_D is eps_null where t < late, else eps_null - eps_negative.

    Branches: cond, null and negative ("unrealistic, blurry, low quality, …"). eps_negative stands in for the noise that
    SDS subtracts: where t is small there is little of it, and the domain's own score is left.
    """

    def branch_weights(step, t):
        return {"cond": scale, "null": 1 - scale, "negative": -(t >= late).double()}

    return weighted_branches(branch_predict, s, branch_weights, timesteps=timesteps, weight=weight)


@typed
def vsd(
    branch_predict: BranchPredict,
    s: Schedule,
    scale: float = 7.5,
    *,
    timesteps: TimestepSampler | None = None,
    weight: WeightFunction = variance,
) -> Loss[object]:
    """Return VSD, variational score distillation (Wang et al. 2023, ProlificDreamer, algorithm 1).

    grad = w(t) (eps_null + scale (eps_cond - eps_null) - eps_student).

    Branches: cond, null and student, the score of the renders themselves, which `StudentTraining` trains beside the scene.
    """
    return weighted_branches(
        branch_predict,
        s,
        lambda step, t: {"cond": scale, "null": 1 - scale, "student": -1},
        timesteps=timesteps,
        weight=weight,
    )


class StudentTraining:
    """The student's half of the algorithm: min |eps_student(x_t, t) - eps|², `steps` steps of AdamW for each render.

    Of a flow the error is that of the velocity, eps - x, which is 1/alpha of this one.

    `student` is the module whose parameters learn; `branch_predict` needs no other branch than "student" and is
    differentiable in them. A row's loss is its mean, and rows are summed: what one student learns does not depend on the
    batch.

    Raises ValueError where steps is below 1.
    """

    def __init__(
        self,
        student: torch.nn.Module,
        branch_predict: BranchPredict,
        s: Schedule,
        *,
        lr: float = 1e-4,
        steps: int = 1,
        timesteps: TimestepSampler | None = None,
    ) -> None:
        if steps < 1:
            raise ValueError(f"a student takes at least 1 step for each render, not {steps}: it would never learn")
        self.student, self.branch_predict, self.steps = student, branch_predict, steps
        self.timesteps, self.noise = timesteps or uniform_timesteps(0, 999), random_noise(s)
        self.s, self.weight = s, velocity if s.prediction == "flow" else constant
        self.optimizer = torch.optim.AdamW(student.parameters(), lr, betas=(0.9, 0.99), eps=1e-15)

    def learn(self, x: Tensor, camera: object, rngs: Sequence[torch.Generator]) -> None:
        for _ in range(self.steps):
            self._step(x, camera, rngs)

    def _step(self, x: Tensor, camera: object, rngs: Sequence[torch.Generator]) -> None:
        t = self.timesteps(0, rngs)
        xt, eps = self.noise(x, t, camera, rngs)
        with torch.enable_grad():
            wrong = self.weight(*coefficients(self.s, t, x)) * (self.branch_predict(xt, t, camera)["student"].eps - eps)
            self.optimizer.zero_grad()
            wrong.square().flatten(1).mean(1).sum().backward()
            self.optimizer.step()

    def state_dict(self) -> dict[str, Tensor]:
        return add_prefix("student", self.student.state_dict()) | add_prefix("optimizer", flatten_optimizer(self.optimizer))

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.student.load_state_dict(strip_prefix("student", state))
        load_optimizer(self.optimizer, strip_prefix("optimizer", state))


LOSSES = {
    "sds": LossSpec(lambda f: sds(*f.guided, timesteps=f.timesteps, weight=f.weight)),
    "vsd": LossSpec(lambda f: vsd(*f.guided, timesteps=f.timesteps, weight=f.weight)),
    "csd": LossSpec(
        lambda f: csd(*f.guided, f.negative_weight, timesteps=f.timesteps, weight=f.weight), negative_branch="given"
    ),
    "nfsd": LossSpec(lambda f: nfsd(*f.guided, timesteps=f.timesteps, weight=f.weight), negative_branch="always"),
}
