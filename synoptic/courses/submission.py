"""The zip that the courses want."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO

from synoptic.courses.files import distinct, file_name
from synoptic.courses.records import read_records
from synoptic.courses.report import pdf
from synoptic.io import atomic_write


def hand_in(out: Path, name: str, code: Path | None) -> Path:
    """Write out/NAME_SID.zip: NAME_SID.pdf, every graded folder as its course wants it placed, code, commands and settings.

    sds, pds and vsd lie under outputs/, the others at the top; a full panorama lies beside its crops, under its prompt. Of
    the code, hidden files, caches and `out` itself stay out.
    """
    records = read_records(out)
    commands = [command for r in records for command in [*(made["command"] for made in r.made.values()), r.command]]
    place = out / f"{name}.zip"

    def fill(f: IO[bytes]) -> None:
        with zipfile.ZipFile(f, "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr(f"{name}.pdf", pdf(out, records, name))
            for record in records:
                folder = record.folder
                top = f"outputs/{folder}" if folder in ("sds", "pds", "vsd") else folder
                files = [Path(path).name for paths in record.pictures.values() for path in paths]
                for file in [*files, "eval.json"]:
                    z.write(out / folder / file, f"{top}/{file}")
                names = distinct([*files, *map(file_name, record.whole)])
                for (path, *_), file in zip(record.whole.values(), names[len(files) :], strict=True):
                    z.write(out / path, f"{top}/{file}")
            z.writestr("commands.txt", "\n".join(dict.fromkeys(commands)) + "\n")
            z.writestr("settings.json", json.dumps([asdict(r) for r in records], indent=2, ensure_ascii=False) + "\n")
            if code is not None:
                for path in files_of(code, lambda folder: folder.resolve() == out.resolve()):
                    z.write(path, f"code/{path.relative_to(code)}")

    atomic_write(place, fill)
    return place


def files_of(folder: Path, skip: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield the files that a person wrote: no hidden ones, no caches, nothing behind a link."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in ("__pycache__", "node_modules") or path.is_symlink():
            continue
        if path.is_dir():
            if not skip(path):
                yield from files_of(path, skip)
        elif path.suffix != ".pyc":
            yield path
