"""What fewer or cheaper calls of the bundled networks cost in quality and save in time: whatever has `--fast`.

python -m benchmarks.few_evaluations [STUDY …] [--seeds 2] [--tiny] [--out FILE]: each way is a set of options beside the
first one, of the same prompts and seeds. Seconds are of the CPU, of sampling and decoding a picture, the least over the
prompts; the score is the application's own by the bundled reference CLIP (of anagrams and hybrids their worst view's), its
loss that of pairs of one prompt and seed, with standard errors over them. Pictures stay in outputs/.

Scores alone, of more pictures, on a GPU: --at-once [--prompts 60] [--seeds 4] [--budget SECONDS], a JSON after each way;
then --scores FILE puts them beside the seconds of --out.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from PIL.Image import Image

import synoptic as syn
from benchmarks.anagrams import PAIRS, STYLES
from benchmarks.anagrams import prompts as prompts_of
from benchmarks.looking_glass import all_pairs
from benchmarks.own_prompts import paint
from benchmarks.quality import PROMPTS, captions
from benchmarks.record import Record
from synoptic import io
from synoptic.metrics.base import mean_error
from synoptic.metrics.clip import Clip
from synoptic.metrics.concealment import alignment
from synoptic.models.base import PretrainedModel
from synoptic.pipelines.hybrid import FAR_SIDE, from_afar
from synoptic.runs.manifest import versions
from synoptic.views.registry import get_view

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
IN_PIXELS = {  # views of a latent model's pictures: what `--fast` takes
    EXACT: {},
    "dpm++, 13 steps": HALF,
}
ENLARGED = {  # by the upscaler, which takes most of the time
    EXACT: {"upscaler_steps": 20},
    "upscaler 5 steps": {"upscaler_steps": 5},
}
ENLARGED_AFTER_FEW = {
    "dpm++, 13 steps, upscaler 20": HALF | {"upscaler_steps": 20},
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
    "anagram-latent": Study("anagram", "bundled", ANAGRAMS[:4], {}, IN_PIXELS),
    "hybrid-latent": Study("hybrid", "bundled", ANAGRAMS[:4], {}, IN_PIXELS),
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
        row = {"way": way} | lost(base, scores) | {"seconds": seconds, "times": base_seconds / seconds}
        rows.append(row | {"options": {**study.shared, **options}})
        print(f"{name}\t{cells(row)}\t{seconds:.2f}\t{row['times']:.2f}", flush=True)
    return rows


def lost(base: Sequence[float], scores: Sequence[float]) -> dict[str, object]:
    """Return the mean score and what it lost of the exact way's, in percent of that, with standard errors."""
    losses = [100 * (a - b) * len(base) / sum(base) for a, b in zip(base, scores, strict=True)]
    return {"score": mean_error(scores), "lost, %": mean_error(losses), "pictures": len(scores)}


def cells(row: Mapping[str, object]) -> str:
    score, loss = row["score"], row["lost, %"]
    assert isinstance(score, tuple) and isinstance(loss, tuple)
    return f"{row['way']}\t{score[0]:.3f} ± {score[1]:.3f}\t{loss[0]:.2f} ± {loss[1]:.2f}"


def scores_at_once(study: Study, way: Way, seeds: int, model: PretrainedModel, clip: Clip) -> list[float]:
    """Return every picture's score, painted together: seconds would tell nothing."""
    options: dict[str, object] = {**study.shared, **way}
    if study.application not in OF_PAIRS:
        return getattr(syn, study.application)(
            model, *(prompt for (prompt,) in study.prompts), count=seeds, **options
        ).scores
    images, looks = paint(study.application, model, study.prompts, seeds, **options), OF_PAIRS[study.application]
    return [alignment(clip(looks(image), study.prompts[k // seeds])).item() for k, image in enumerate(images)]


def turned(image: Image) -> list[Image]:
    """Return an anagram as its two views show it."""
    return [io.to_pil(get_view(name).view(io.from_pil(image)))[0] for name in ("identity", "rotate_cw")]


def from_both(image: Image) -> list[Image]:
    """Return a hybrid from afar and from near."""
    return [from_afar(image, FAR_SIDE), image]


OF_PAIRS = {"anagram": turned, "hybrid": from_both}  # applications of two prompts: how each is looked at


def more_prompts(name: str, count: int) -> Study:
    """Return a study of so many prompts, or pairs; wide pictures keep their ten."""
    study = STUDIES[name]
    if study.application in OF_PAIRS:
        all_pairs(count)
        return study._replace(prompts=[prompts_of(k) for k in range(count)])
    return study._replace(prompts=[[caption] for caption in captions()[:count]]) if name == "generate" else study


def all_at_once(names: Sequence[str], count: int, seeds: int, record: Record, tiny: bool) -> None:
    """Measure the scores of every way of the studies while there is time."""
    clip, tables = Clip("bundled"), dict[str, list[dict[str, object]]]()
    for name in names:
        study, base = more_prompts(name, count), list[float]()
        if tiny:
            study = study._replace(
                prompts=study.prompts[:2], ways=dict(list(study.ways.items())[:2]), shared={**study.shared, "steps": 2}
            )
        model = syn.load(study.model)
        for way, options in study.ways.items():
            if not record.has_time():
                return
            scores = scores_at_once(study, options, seeds, model, clip)
            base = base or scores
            row = {"way": way} | lost(base, scores) | {"options": {**study.shared, **options}}
            tables.setdefault(name, []).append(row)
            print(f"{name}\t{cells(row)}", flush=True)
            record.keep(tables=tables)


def joined(
    found: dict[str, dict[str, list[dict[str, object]]]], scores: Mapping[str, Sequence[Mapping[str, object]]]
) -> None:
    """Put the scores of more pictures in the place of a study's own, whose seconds stay; not of one that ended early."""
    for name, rows in scores.items():
        by_way = {row["way"]: row for row in rows}
        if by_way.keys() >= {row["way"] for row in found["tables"][name]}:
            for row in found["tables"][name]:
                row |= {key: by_way[row["way"]][key] for key in ("score", "lost, %", "pictures")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="*", default=list(STUDIES), metavar="STUDY")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument(
        "--tiny", "--quick", action="store_true", help="a trial of the script: two prompts, one seed, two ways"
    )
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks/few-evaluations.json"))
    parser.add_argument("--pictures", type=Path, default=Path("outputs/benchmarks/few-evaluations"))
    parser.add_argument("--at-once", action="store_true", help="scores alone, of all prompts together")
    parser.add_argument("--prompts", type=int, default=60, help="of --at-once: captions of generate, pairs of anagrams")
    parser.add_argument("--budget", type=float, default=float("inf"), metavar="SECONDS", help="of --at-once")
    parser.add_argument("--scores", type=Path, help="what --at-once wrote: join it to --out")
    args = parser.parse_args()
    seeds = 1 if args.tiny else args.seeds
    if args.at_once:
        settings: dict[str, object] = {"prompts": args.prompts, "seeds": seeds}
        all_at_once(
            args.studies, args.prompts, seeds, Record(args.out.stem, args.out.parent, args.budget, settings), args.tiny
        )
        return
    found = json.loads(args.out.read_text()) if args.out.exists() else {"tables": {}}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    if args.scores:
        joined(found, json.loads(args.scores.read_text())["tables"])
        args.out.write_text(json.dumps(found, indent=1) + "\n")
        return
    print("study\tway\tscore\tlost, %\tCPU s a picture\ttimes as fast")
    for name in args.studies:
        study = STUDIES[name]
        if args.tiny:
            study = study._replace(prompts=study.prompts[:2], ways=dict(list(study.ways.items())[:2]))
        found["tables"][name] = table(study, name, seeds, args.pictures)
        found["machine"] = {"threads": torch.get_num_threads(), "device": "cpu"} | versions()
        args.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
