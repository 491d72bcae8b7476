"""Records: what one evaluation found in a graded folder, noted beside it, with its table and its contact sheet."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from synoptic.io import atomic_write, load_image, write_whole
from synoptic.utils.counted import counted
from synoptic.utils.json_objects import JsonObject


@dataclass(frozen=True)
class Record:
    """One graded folder: what was measured by which CLIP model, its pictures by prompt, and how they were made."""

    folder: str
    set: str
    kind: str
    clip_model: str
    marks: bool  # whether the courses' pass marks mean anything for this CLIP model
    score: float
    measures: list[JsonObject]
    pictures: dict[str, list[str]]
    whole: dict[str, list[str]]  # the wide picture that crops were cut from
    missing: list[str]
    made: dict[str, JsonObject]
    options: JsonObject
    command: str
    versions: dict[str, str]


def read_records(out: Path) -> list[Record]:
    """Return what `synoptic evaluate` noted of each graded folder under `out`, in order of their names.

    Records of an older version, which have other fields, are left out.
    """
    found = [json.loads(path.read_text("utf-8")) for path in sorted((out / "report").glob("*.json"))]
    names = {f.name for f in fields(Record)}
    return [Record(**known) for known in found if known.keys() == names and (out / known["folder"]).is_dir()]


def write_record(out: Path, record: Record) -> tuple[Path, Path]:
    """Write out/report/FOLDER.json, from which the reports are made, and FOLDER.png, the contact sheet."""
    (out / "report").mkdir(parents=True, exist_ok=True)
    noted, page = (out / "report" / f"{record.folder}.{end}" for end in ("json", "png"))
    write_whole(noted, json.dumps(asdict(record), indent=2, ensure_ascii=False) + "\n")
    atomic_write(page, lambda f: sheet(out, record).save(f, "PNG"))
    return noted, page


def table(record: Record) -> list[list[str]]:
    """Return a header, a row per prompt, and the means with their standard errors."""
    measures = record.measures
    body = []
    for prompt, paths in record.pictures.items():
        cells = [number(m["items"][prompt]) if prompt in m["items"] else "" for m in measures]
        body.append([*cells, str(len(paths)), prompt])
    means = [number(m["mean"]) + (f" ± {m['error']:.3f}" if m["error"] is not None else "") for m in measures]
    count = sum(len(paths) for paths in record.pictures.values())
    header = [*(measure["name"] for measure in measures), "pictures", "prompt"]
    return [header, *body, [*means, str(count), f"mean of {counted(len(body), 'prompt')}"]]


def number(value: float | None) -> str:
    return "∞" if value is None else f"{value:.3f}"  # JSON knows no infinity: the PSNR of equal pictures


def sheet(out: Path, record: Record, width: int = 128) -> Image.Image:
    """Return a contact sheet: each prompt with its score, and under it all its pictures, `width` pixels wide each."""
    font, line, gap = ImageFont.load_default(13), 20, 4
    found = {p: [thumb(out / path, width) for path in paths] for p, paths in record.pictures.items()}
    across = max(4, *(len(some) for some in found.values()))
    heights = [line + max(picture.height for picture in some) + gap for some in found.values()]
    page = Image.new("RGB", (across * (width + gap) + gap, sum(heights) + gap), "white")
    draw, y = ImageDraw.Draw(page), gap
    for (prompt, some), height in zip(found.items(), heights, strict=True):
        score = record.measures[0]["items"][prompt]
        draw.text((gap, y), latin(f"{score:.3f}  {prompt}"), fill="black", font=font)
        for i, picture in enumerate(some):
            page.paste(picture, (gap + i * (width + gap), y + line))
        y += height
    return page


def thumb(path: Path, side: int) -> Image.Image:
    image = load_image(path)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image


def latin(text: str) -> str:
    """Return what the built-in fonts can write; other letters become question marks."""
    return text.encode("latin-1", "replace").decode("latin-1")
