"""What each approximation of `wide` costs in quality and saves in time: ten prompts on the bundled model.

python -m benchmarks.approximations [--seeds 8] [--ways NAME …] [--tiny] [--out FILE]: each by name beside the exact path,
then combinations. Columns as in benchmarks/wide_methods.py; the loss of score is that of pairs of one prompt and seed,
with its standard error.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from benchmarks.quality import PROMPTS
from benchmarks.wide_methods import COLUMNS, Bench, measured
from synoptic.metrics.base import mean_error

STEPS = 25
INTERVAL, PLUS = {"guidance_interval": [0.2, 0.8]}, {"sampler": "dpm++"}
FAST = PLUS | {"steps": 13, "stride": 16, "guidance_interval": [0.0, 0.8]}
EXACT = "exact"
WAYS: dict[str, dict[str, Any]] = {
    EXACT: {},
    "stride 16": {"stride": 16},
    "stride 24": {"stride": 24},
    "shifted": {"windows": "shifted", "stride": 32},
    "thinning": {"windows": "thinning"},
    "interval 0.1 0.9": {"guidance_interval": [0.1, 0.9]},
    "interval 0 0.8": {"guidance_interval": [0.0, 0.8]},
    "interval 0.2 0.8": INTERVAL,
    "cache 2": {"cache": 2},
    "cache 3": {"cache": 3},
    "cache 5": {"cache": 5},
    "ddim 13": {"steps": 13},
    "dpm++ 13": PLUS | {"steps": 13},
    "dpm++ 10": PLUS | {"steps": 10},
    "dpm++ 8": PLUS | {"steps": 8},
    "dpm++ 13, stride 16": PLUS | {"steps": 13, "stride": 16},
    "dpm++ 10, stride 16": PLUS | {"steps": 10, "stride": 16},
    "dpm++ 13, stride 16, interval 0 0.8": FAST,
    "dpm++ 13, stride 16, interval 0 0.8, cache 2": FAST | {"cache": 2},
    "dpm++ 13, stride 16, interval 0 0.8, cache 3": FAST | {"cache": 3},
    "dpm++ 13, shifted": PLUS | {"steps": 13, "windows": "shifted", "stride": 32},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks/approximate.json"))
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), help="which, beside the exact one")
    parser.add_argument("--prompts", type=int, default=len(PROMPTS))
    parser.add_argument("--tiny", action="store_true", help="a trial of the script: two prompts, one seed, three ways")
    args = parser.parse_args()
    asked = [EXACT, *(name for name in args.ways if name != EXACT)]
    prompts, seeds, ways = (PROMPTS[:2], 1, asked[:3]) if args.tiny else (PROMPTS[: args.prompts], args.seeds, asked)
    bench = Bench(2 if args.tiny else STEPS)
    print("# " + "\t".join(["way", *COLUMNS[:-1], "seconds"]))
    tables = {name: measured(bench, name, WAYS[name], prompts, seeds)[0] for name in ways}
    print("# way\tscore lost, %\tstandard error")
    lost = {}
    exact = tables[EXACT]["score"]
    for name, table in tables.items():
        mean, error = mean_error([a - b for a, b in zip(exact, table["score"], strict=True)])
        lost[name] = [100 * v * len(exact) / sum(exact) for v in (mean, error)]
        print(f"{name}\t{lost[name][0]:+.2f}\t{lost[name][1]:.2f}", flush=True)
    about = {"device": str(bench.model.device), "dtype": str(bench.model.dtype), "torch": torch.__version__}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({"machine": about, "lost": lost, "tables": tables}, indent=1))


if __name__ == "__main__":
    main()
