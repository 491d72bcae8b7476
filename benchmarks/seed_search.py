"""Does the search in two heats find the seed that painting all sixteen would? What does it cost?

python -m benchmarks.seed_search [--anagrams DIR]: on the pairs, seeds and settings of benchmarks/anagrams.py, which must
have run: its pictures are the full search. Prints how often the winner is the same, and how good both CLIP models find it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from benchmarks.anagrams import PAIRS, RUNS, STEPS, STYLES, alignment, cosines, prompts
from synoptic.io import to_pil
from synoptic.metrics.clip import Clip
from synoptic.models.load import load
from synoptic.sampling.joint_sampler import JointSampler, prompts_per_view
from synoptic.sampling.seed_search import FINALISTS_PER_IMAGE, SCREENING_STEPS, seed_search
from synoptic.sampling.step import Step

NAME = "rotate_cw, x0"


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--anagrams", type=Path, default=Path("outputs/benchmarks/anagrams"))
    p.add_argument("--pairs", type=int, default=len(PAIRS))
    a = p.parse_args()
    full = load_file(a.anagrams / "rotate_cw-x0.safetensors")["views"][: a.pairs]
    clip_model, other = Clip("bundled-grayscale"), Clip("bundled")
    by_search, by_report = alignment(cosines(clip_model, full)), alignment(cosines(other, full))
    run = RUNS[NAME]
    model = load(run.model)
    views = run.views(model)
    same, places, rows = 0, [], []
    for k in range(a.pairs):
        texts = clip_model.encode_texts(prompts(k))

        def score(step: Step, texts: Tensor = texts) -> Tensor:
            seen = clip_model.encode_images(to_pil(views.project(step.canvas))).view(-1, 2, texts.shape[1])
            return (seen * texts).sum(-1).amin(1)

        sampler = JointSampler(prompts_per_view(prompts(k), run.guidance), STEPS, **run.how)
        *_, last = seed_search(sampler, model, views, range(run.seeds), score)
        found, best = last.seeds[0], int(by_search[k].argmax())
        place = int((by_search[k] > by_search[k][found]).sum())
        same += found == best
        places.append(place)
        rows.append((STYLES[k % len(STYLES)], *PAIRS[k], best, found, place + 1))
    print("style\tfirst\tsecond\tbest of all\tfound\tits place", *("\t".join(map(str, row)) for row in rows), sep="\n")
    kept = torch.tensor([row[4] for row in rows])
    at = torch.arange(len(rows))
    cost = run.seeds * SCREENING_STEPS / STEPS + FINALISTS_PER_IMAGE
    print(f"same winner\t{same} of {len(rows)}\tmean place\t{sum(places) / len(places) + 1:.2f} of {run.seeds}")
    print(f"cost\t{cost:.1f} times one seed's")
    for name, scores in (("CLIP model that searches", by_search), ("CLIP model that reports", by_report)):
        means = scores.mean(), scores[at, kept].mean(), scores[at, by_search.argmax(1)].mean()
        print(f"alignment, {name}\tany seed {means[0]:.3f}\tfound {means[1]:.3f}\tfull search {means[2]:.3f}")


if __name__ == "__main__":
    main()
