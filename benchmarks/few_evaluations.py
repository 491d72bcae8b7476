"""What fewer or cheaper calls of the bundled networks cost in quality and save in time: `generate`, `wide`, `anagram`.

PYTHONPATH=. python benchmarks/few_evaluations.py [STUDY …] [--seeds 2] [--quick] [--out FILE]: each
way is a set of options beside the first one, of the same prompts and seeds. Seconds are of the CPU, of sampling and decoding
a picture, the least over the prompts; the score is the application's own by the bundled reference CLIP (of an anagram its
worst view's), its loss that of pairs of one prompt and seed, with standard errors over them. Pictures stay in outputs/.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

import synoptic as syn
from benchmarks.anagrams import PAIRS, STYLES
from benchmarks.quality import PROMPTS
from synoptic import io
from synoptic.metrics.base import mean_error
from synoptic.models.base import PretrainedModel
from synoptic.runs.manifest import versions

Way = Mapping[str, object]
EXACT = "exact"
HALF = {"sampler": "dpm++", "steps": 13}
END = {"guidance_interval": (0.0, 0.8)}
ON_ITS_OWN = {
    EXACT: {},
    "ddim, 13 steps": {"steps": 13},
    "dpm++, 13 steps": HALF,
    "dpm++, 10 steps": HALF | {"steps": 10},
    "interval 0 0.8": END,
    "deepcache 2": {"deepcache": 2},
    "dpm++, 13 steps, interval 0 0.8": HALF | END,
    "dpm++, 13 steps, deepcache 2": HALF | {"deepcache": 2},
    "dpm++, 13 steps, interval 0 0.8, deepcache 2": HALF | END | {"deepcache": 2},
}
ON_A_CANVAS = {
    EXACT: {},
    "stride 16": {"stride": 16},
    "dpm++, 13 steps, stride 16": HALF | {"stride": 16},
    "dpm++, 13 steps, stride 16, interval 0 0.8": HALF | END | {"stride": 16},
    "dpm++, 13 steps, stride 16, interval 0 0.8, deepcache 2": HALF | END | {"stride": 16, "deepcache": 2},
    "dpm++, 10 steps, stride 16, interval 0 0.8": HALF | END | {"stride": 16, "steps": 10},
}
AT_ONCE = {  # views of one canvas
    EXACT: {},
    "dpm++, 13 steps": HALF,
    "dpm++, 13 steps, interval 0 0.8": HALF | END,
    "dpm++, 13 steps, deepcache 2": HALF | {"deepcache": 2},
    "dpm++, 13 steps, interval 0 0.8, deepcache 2": HALF | END | {"deepcache": 2},
}
ENLARGED = {  # by the upscaler, which takes most of the time
    EXACT: {},
    "upscaler 5 steps": {"upscaler_steps": 5},
}
ENLARGED_AFTER_FEW = {
    "dpm++, 13 steps, upscaler 20": HALF,
    "dpm++, 13 steps, upscaler 10": HALF | {"upscaler_steps": 10},
    "dpm++, 13 steps, upscaler 5": HALF | {"upscaler_steps": 5},
}


class Study(NamedTuple):
    """An application, its prompts, what every way of it shares, and the ways, the exact one first."""

    application: str
    model: str
    prompts: Sequence[Sequence[str]]
    shared: Way
    ways: Mapping[str, Way]


ANAGRAMS = [[f"{STYLES[k % len(STYLES)]} {content}" for content in pair] for k, pair in enumerate(PAIRS[:10])]
STUDIES = {
    "generate": Study("generate", "bundled", [[prompt] for prompt in PROMPTS], {}, ON_ITS_OWN),
    "wide": Study("wide", "bundled", [[prompt] for prompt in PROMPTS], {"width": 512}, ON_A_CANVAS),
    "anagram": Study("anagram", "bundled-if", ANAGRAMS, {"upscalers": "none"}, AT_ONCE),
    "upscaling": Study("anagram", "bundled-if", ANAGRAMS[:6], {}, ENLARGED),
    "upscaling-few": Study("anagram", "bundled-if", ANAGRAMS, {}, ENLARGED_AFTER_FEW),
}


def measured(study: Study, way: Way, seeds: int, model: PretrainedModel, folder: Path) -> tuple[float, list[float]]:
    """Return the CPU seconds a picture of a way, and every picture's score, prompt after prompt."""
    spent, scores = list[float](), list[float]()
    for prompts in study.prompts:
        begin = time.process_time()
        result = getattr(syn, study.application)(model, *prompts, count=seeds, **{**study.shared, **way})
        spent.append((time.process_time() - begin) / seeds)
        scores += result.scores
        io.save_image(folder / f"{prompts[0].replace(' ', '_')}.png", result.images[0], {"prompts": list(prompts)})
    return min(spent), scores


def table(study: Study, name: str, seeds: int, folder: Path) -> list[dict[str, object]]:
    """Return a row a way, and print it."""
    rows, model, base, base_seconds = [], syn.load(study.model, device="cpu"), list[float](), 0.0
    getattr(syn, study.application)(model, *study.prompts[0], **{**study.shared, "steps": 2})  # to warm up
    for way, options in study.ways.items():
        seconds, scores = measured(study, options, seeds, model, folder / name / way.replace(" ", "_"))
        base, base_seconds = base or scores, base_seconds or seconds
        lost = mean_error([100 * (a - b) * len(base) / sum(base) for a, b in zip(base, scores, strict=True)])
        row = {"way": way, "score": mean_error(scores), "lost, %": lost, "seconds": seconds, "times": base_seconds / seconds}
        rows.append(row | {"pictures": len(scores), "options": {**study.shared, **options}})
        score, loss = (f"{mean:.{digits}f} ± {error:.{digits}f}" for (mean, error), digits in ((row["score"], 3), (lost, 2)))
        print(f"{name}\t{way}\t{score}\t{loss}\t{seconds:.2f}\t{row['times']:.2f}", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="*", default=list(STUDIES), metavar="STUDY")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="a trial of the script: two prompts, one seed, two ways")
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks/few-evaluations.json"))
    parser.add_argument("--pictures", type=Path, default=Path("outputs/benchmarks/few-evaluations"))
    args = parser.parse_args()
    found = json.loads(args.out.read_text()) if args.out.exists() else {"tables": {}}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    print("study\tway\tscore\tlost, %\tCPU s a picture\ttimes as fast")
    for name in args.studies:
        study = STUDIES[name]
        if args.quick:
            study = study._replace(prompts=study.prompts[:2], ways=dict(list(study.ways.items())[:2]))
        found["tables"][name] = table(study, name, 1 if args.quick else args.seeds, args.pictures)
        found["machine"] = {"threads": torch.get_num_threads(), "device": "cpu"} | versions()
        args.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
