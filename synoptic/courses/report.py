"""report.html and report.pdf: every graded folder with its pictures, scores, settings and commands."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Sequence
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from PIL import Image

from synoptic.courses.records import Record, latin, read_records, table, thumb
from synoptic.io import load_image, write_whole
from synoptic.utils.counted import counted

MARKS = ((0.28, "full marks"), (0.26, "half marks"))  # the courses', for OpenAI's ViT-B/32 only
MARKS_CLIP = "clip-vit-base-patch32"  # its hub id's last part
THUMB = 256  # pixels: the longest side of a crop in a report
STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:80rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse}td,th{padding:.1rem .8rem .1rem 0;text-align:left}td.n,th.n{text-align:right}
figure{margin:1.2rem 0}figcaption{margin-bottom:.3rem}figure img{height:9rem;margin:0 4px 4px 0}
figure img.wide{height:auto;width:100%}pre{white-space:pre-wrap;background:#f4f4f4;padding:.6rem}"""


def verdict(score: float, marks: bool) -> str:
    """Return what the courses give for the score; nothing for another CLIP model, whose cosines mean something else."""
    if not marks:
        return ""
    named = next((name for least, name in MARKS if score >= least), "no marks")
    return f"{named} ({', '.join(f'{name} from {least}' for least, name in MARKS)})"


def notes(record: Record) -> Iterator[tuple[str, str]]:
    """Yield what stands above the pictures: (name, value) pairs."""
    yield "CLIP model", record.clip_model
    yield "score", f"{record.score:.4f}"
    if record.marks:
        yield "pass marks", verdict(record.score, record.marks)
    yield "prompts", record.set
    if record.missing:
        yield "missing", f"{counted(len(record.missing), 'picture')}, not scored: {', '.join(record.missing)}"
    for name, made in record.made.items():
        yield f"{name} made by", made["command"]
        yield f"{name} model", ", ".join(f"{key} {value}" for key, value in made["model"].items() if value)
    yield "evaluated by", record.command
    yield "versions", ", ".join(f"{name} {version}" for name, version in record.versions.items())


def inline(path: Path) -> str:
    """Return a picture as a data URI: the file itself where it is small, else a JPEG of at most THUMB pixels high."""
    image = load_image(path)
    if image.height <= THUMB:
        return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
    image = image.resize((round(image.width * THUMB / image.height), THUMB), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def html(out: Path, records: Sequence[Record], title: str) -> str:
    """Return one page that needs nothing else: the pictures lie inside."""
    parts = [f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title><style>{STYLE}</style>"]
    parts.append(f"<h1>{escape(title)}</h1>")
    for record in records:
        parts.append(f"<h2>{escape(record.folder)}</h2><table>")
        parts += [f"<tr><th>{escape(k)}<td>{escape(v)}" for k, v in notes(record)]
        parts.append("</table><h3>Scores</h3><table>")
        for i, row in enumerate(table(record)):
            tag = "td" if i else "th"
            cells = (f"<{tag}{'' if j == len(row) - 1 else ' class=n'}>{escape(cell)}" for j, cell in enumerate(row))
            parts.append("<tr>" + "".join(cells))
        parts.append("</table><h3>Pictures</h3>")
        for prompt, paths in record.pictures.items():
            score = record.measures[0]["items"][prompt]
            parts.append(f"<figure><figcaption>{score:.3f} {escape(prompt)}</figcaption>")
            wide = record.whole.get(prompt, [])
            for path in [*wide, *paths]:
                kind = " class=wide" if path in wide else ""
                parts.append(f'<img{kind} src="{inline(out / path)}" alt="{escape(Path(path).name)}">')
            parts.append("</figure>")
        parts.append(f"<h3>Options</h3><pre>{escape(json.dumps(record.options, indent=2, ensure_ascii=False))}</pre>")
    return "\n".join(parts) + "\n</html>\n"


def pdf(out: Path, records: Sequence[Record], title: str) -> bytes:
    """Return the same as A4 pages; its fonts know Latin-1 only, other letters are question marks."""
    from fpdf import FPDF
    from fpdf.enums import XPos, YPos

    page = FPDF(format="A4")
    page.set_title(latin(title))
    page.set_auto_page_break(True, 15)
    page.set_margins(15, 15, 15)

    def write(text: str, size: int, style: Literal["", "B"] = "", height: float = 4.5) -> None:
        page.set_font("helvetica", style, size)
        page.multi_cell(0, height, latin(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    for record in records:
        page.add_page()
        write(title, 9)
        write(record.folder, 18, "B", 10)
        for name, value in notes(record):
            write(f"{name}: {value}", 9)
        page.ln(3)
        page.set_font("helvetica", "", 8)
        for *cells, last in table(record):
            for cell in cells:
                page.cell(24, 4, latin(cell))
            page.multi_cell(0, 4, latin(last), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        for prompt, paths in record.pictures.items():
            wide = record.whole.get(prompt, [])
            across = max(4, min(8, len(paths)))
            side = (page.epw - (across - 1)) / across
            strips = [thumb(out / path, 1024) for path in wide]
            deep = sum(page.epw * strip.height / strip.width + 1 for strip in strips)
            if page.will_page_break(min(220, 6 + deep + side)):
                page.add_page()
            page.ln(2)
            write(f"{record.measures[0]['items'][prompt]:.3f}  {prompt}", 9, "B")
            for strip in strips:
                page.image(strip, w=page.epw)
                page.ln(1)
            for i in range(0, len(paths), across):
                if page.will_page_break(side):
                    page.add_page()
                y = page.get_y()
                for j, path in enumerate(paths[i : i + across]):
                    box = page.l_margin + j * (side + 1), y, side, side
                    page.image(thumb(out / path, THUMB), *box, keep_aspect_ratio=True)
                page.set_y(y + side + 1)
    return bytes(page.output())


def write_report(out: Path, title: str = "synoptic evaluate") -> list[Path]:
    """Write out/report.html over every record and, with the extra `courses`, out/report.pdf."""
    records = read_records(out)
    page, printed = out / "report.html", out / "report.pdf"
    write_whole(page, html(out, records, title))
    if find_spec("fpdf") is None:
        return [page]
    write_whole(printed, pdf(out, records, title))
    return [page, printed]
