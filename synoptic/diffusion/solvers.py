"""Solvers beside DDIM: how one step of a denoising loop is taken. A loop's views agree on x0, so every solver takes x0.

Times are numbers here, as the loops give them.
"""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor

from synoptic.diffusion.equations import Number, Schedule, Solver, Time, coefficients, ddim, ddim_solver

Variance = Literal["learned", "small", "large"]


def posterior(s: Schedule, xt: Tensor, x0: Tensor, t: Time, t_prev: Time) -> tuple[Tensor, Number, Number]:
    """Return q(x_t' | x_t, x0) over any stride: its mean (N, C, h, w), its variance and the stride's own.

    Ho et al. 2020, equations 6 and 7, with alpha = abar_t / abar_t' and beta = 1 - alpha, which are r² and
    sigma² - r² sigma'² for r = alpha_t / alpha_t' on any schedule. The variances are beta~ and beta.
    """
    a, sigma = coefficients(s, t, xt)
    a_prev, sigma_prev = coefficients(s, t_prev, xt)
    r = a / a_prev
    beta = sigma**2 - r**2 * sigma_prev**2
    mean = (a_prev * beta * x0 + r * sigma_prev**2 * xt) / sigma**2
    return mean, sigma_prev**2 / sigma**2 * beta, beta


def ancestral_solver(variance: Variance = "learned") -> Solver:
    """Return DDPM's ancestral sampling over strides (Ho et al. 2020, algorithm 2; Nichol & Dhariwal 2021, section 4).

    Variance "small" is beta~ (then it is DDIM of eta 1), "large" is beta. "learned" lies between them, where the network
    says: log var = f log beta + (1 - f) log beta~, f = (v + 1) / 2 (Nichol & Dhariwal, equation 15); a network that
    learned none has "small". The step that ends at the clean picture adds nothing. Raises ValueError for other names.
    """
    if variance not in ("learned", "small", "large"):
        raise ValueError(f"variance must be learned, small or large, not {variance!r}")

    def solve(s, xt, x0, t, t_prev, history, noise_sampler, var=None):
        mean, small, large = posterior(s, xt, x0, t, t_prev)
        if not s(t_prev)[1]:
            return mean, history
        share = (var + 1) / 2 if variance == "learned" and var is not None else float(variance == "large")
        return mean + small ** ((1 - share) / 2) * large ** (share / 2) * noise_sampler(), history

    return solve


def dpm_solver() -> Solver:
    """Return DPM-Solver++(2M) (Lu et al. 2022b, algorithm 2): second order, deterministic, one network call a step.

    In lambda = log(alpha / sigma) it is DDIM's step on x0 extrapolated along the line through the last two; `history` is the
    last (x0, t). The first step, with nothing to extrapolate from, is DDIM's; the last one ends at x0, as diffusers' class
    does, whatever `set_alpha_to_one` says, which it does not read.
    """

    def solve(s, xt, x0, t, t_prev, history, noise_sampler, var=None):
        if t_prev == s.final_time:
            return x0, (x0, t)
        ahead = x0
        if history:
            before, t_before = history
            now = half_log_snr(s, t)
            ahead = x0 + (half_log_snr(s, t_prev) - now) / (now - half_log_snr(s, t_before)) / 2 * (x0 - before)
        return ddim(s, xt, ahead, t, t_prev), (x0, t)

    return solve


def lcm_solver() -> Solver:
    """Return multistep consistency sampling (Luo et al. 2023, LCM, algorithm 3): x0 noised anew to the next time.

    x0 is tied to x_t at time 0: c_skip x_t + c_out x0, c_skip = d² / ((10 t)² + d²), c_out = 10 t / sqrt((10 t)² + d²),
    d = 1/2, as diffusers' LCMScheduler has it. The step that ends at the clean picture adds nothing.
    """

    def solve(s, xt, x0, t, t_prev, history, noise_sampler, var=None):
        scaled, d = 10 * t, 0.5
        clean = d**2 / (scaled**2 + d**2) * xt + scaled / math.hypot(scaled, d) * x0
        if t_prev == s.final_time:
            return clean, history
        a_prev, sigma_prev = coefficients(s, t_prev, xt)
        return a_prev * clean + sigma_prev * noise_sampler(), history

    return solve


def tcd_solver(gamma: float = 0.3) -> Solver:
    """Return trajectory consistency sampling (Zheng et al. 2024, TCD): past the next time by DDIM, then noised back to it.

    The time on the way is floor((1 - gamma) t_prev), as diffusers' TCDScheduler has it, which ends at time 0, not before.
    """

    def solve(s, xt, x0, t, t_prev, history, noise_sampler, var=None):
        between = math.floor((1 - gamma) * max(t_prev, 0))
        x = ddim(s, xt, x0, t, between)
        if t_prev == s.final_time:
            return x, history
        ratio = s(t_prev)[0] / s(between)[0]
        return ratio * x + (1 - ratio**2) ** 0.5 * noise_sampler(), history

    return solve


def half_log_snr(s: Schedule, t: Time) -> float:
    """Return lambda = log(alpha_t / sigma_t), half the log signal-to-noise ratio; -inf where there is no signal."""
    a, sigma = s(t)
    return math.log(a / sigma) if a else -math.inf


def timestep_pairs(name: str, s: Schedule, n: int) -> list[tuple[Time, Time]]:
    """Return the n steps that a sampler takes: dpm++'s, lcm's and tcd's of diffusers' classes,
    the others' of the model's own.
    """
    classes = {"dpm++": "DPMSolverMultistepScheduler", "lcm": "LCMScheduler", "tcd": "TCDScheduler"}
    return list(s.steps(n, classes.get(name)))


def get_solver(name: str, eta: float = 0.0) -> Solver:
    """Return the solver that a name stands for: ddim (of `eta`, in [0, 1]), ddpm, dpm++, lcm or tcd.

    Raises ValueError for another name, and where eta is given to one that is not ddim.
    """
    if eta and name != "ddim":
        raise ValueError(f"eta is the noise of ddim's steps, {name} has its own: leave eta at 0, not {eta}")
    match name:
        case "ddim":
            return ddim_solver(eta)
        case "ddpm":
            return ancestral_solver()
        case "dpm++":
            return dpm_solver()
        case "lcm":
            return lcm_solver()
        case "tcd":
            return tcd_solver()
    raise ValueError(f"sampler must be ddim, ddpm, dpm++, lcm or tcd, not {name!r}")
