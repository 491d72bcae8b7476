"""A batch under `kill -9`: workers, the driver and, with Ray, one of two raylets, at random, until so many were killed.

python benchmarks/batch_kills.py [--engine local|ray] [--jobs 200] [--kills 30] [--every 12] [--folder DIR]

Then every job must be done, no picture that was once finished written again, no file left that a single run does not
write, and every picture bitwise that of a single run. Ends with 1 where anything of it fails. With Ray it starts two nodes
on this machine (ray_nodes.py), and ends no other process than theirs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil

import synoptic as syn
from benchmarks.ray_nodes import Nodes, children


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=["local", "ray"], default="local")
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--every", type=float, default=12.0, help="seconds between two kills")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/synoptic-kills"))
    args = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    args.folder.mkdir(parents=True, exist_ok=True)
    out, file, rng = args.folder / "batch", args.folder / "jobs.jsonl", random.Random(0)
    how = {"model": "bundled", "steps": args.steps, "dtype": "float32"}
    prompts = ["a photo of a horse", "a photo of a forest"]
    job = {"application": "generate", **how, "grid": {"prompt": prompts, "seed": f"0..{args.jobs // 2 - 1}"}}
    file.write_text(json.dumps(job))
    nodes = Nodes(args.folder / "ray") if args.engine == "ray" else None
    command = [sys.executable, "-m", "synoptic", "batch", str(file), "--exact", "--workers", "2", "--out", str(out)]
    call = nodes.command(*command, "--engine", "ray", "--address", nodes.address) if nodes else command
    kills, first_seen, rewritten = Counter[str](), dict[Path, tuple[int, int]](), set[Path]()

    def look() -> None:
        """Remember finished pictures; one that is written again is another file."""
        for manifest in out.glob("generate/*/run.json"):
            if json.loads(manifest.read_text())["state"] == "done":
                for picture in manifest.parent.glob("*.png"):
                    now = (picture.stat().st_ino, picture.stat().st_mtime_ns)
                    if first_seen.setdefault(picture, now) != now:
                        rewritten.add(picture)

    def drawn() -> str:
        return rng.choice(["worker"] * 4 + ["driver", "node" if nodes else "driver"])

    begin, code = time.time(), -9
    try:
        while code < 0:
            with (args.folder / "log.txt").open("a") as log:
                driver = psutil.Popen(call, stdout=log, stderr=log, env=nodes.environment if nodes else None)
                what, due = drawn(), time.time() + args.every
                while driver.poll() is None:
                    time.sleep(1)
                    look()
                    workers = (
                        nodes.actors() if nodes else [p for p in children(driver) if "--multiprocessing-fork" in p.cmdline()]
                    )
                    if time.time() < due or kills.total() >= args.kills or (what == "worker" and not workers):
                        continue
                    if what == "worker":
                        rng.choice(workers).kill()
                    elif what == "node" and nodes:
                        nodes.lose()
                        nodes.join()
                    else:
                        driver.kill()
                    kills[what] += 1
                    print(f"{time.time() - begin:.0f} s: {what} killed, {len(first_seen)} jobs done", flush=True)
                    what, due = drawn(), time.time() + args.every * rng.uniform(0.5, 1.5)
                code = driver.wait()
    finally:
        if nodes:
            nodes.stop()
    look()
    state = subprocess.run([*command[:4], "--status", str(out)], capture_output=True, text=True, check=True).stdout
    expected = {out / name for name in ("batch.tsv", "batch.parquet", "index.html", "jobs.jsonl", ".lock")}
    rows = (out / "batch.tsv").read_text().splitlines()[1:]
    different = unsteady = 0
    for seed in range(args.jobs // 2):
        for prompt in prompts:
            alone = syn.run("generate", prompt, **how, seed=seed, out=str(args.folder / "alone" / f"{prompt[-5:]}{seed}"))
            name = alone.pictures[0].file
            (there,) = out.glob(f"generate/*/{name}")
            expected |= {there.parent / file.name for file in alone.folder.iterdir()}
            if there.read_bytes() != (alone.folder / name).read_bytes():
                again = syn.run("generate", prompt, **how, seed=seed, out=str(args.folder / "again" / alone.folder.name))
                same = there.read_bytes() == (again.folder / name).read_bytes()
                print(f"{name}: not the single run's; {'it is' if same else 'nor'} that of a second single run")
                unsteady, different = unsteady + same, different + (not same)
    checks = {
        "every job done": f"{args.jobs} jobs: {args.jobs} done" in state,
        "the table is complete": len(rows) == args.jobs and all(row.split("\t")[2] == "done" for row in rows),
        "no finished picture written again": not rewritten and len(first_seen) == args.jobs,
        "no file that is none of a single run's": {path for path in out.rglob("*") if path.is_file()} <= expected,
        "bitwise the single runs": different == 0,
        "single runs repeat themselves": unsteady == 0,
        "exit code 0": code == 0,
    }
    print(f"{args.engine}: {args.jobs} jobs, killed: {dict(kills)}, {time.time() - begin:.0f} s")
    print("\n".join(f"{'ok' if good else 'FAILED'}\t{name}" for name, good in checks.items()))
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
