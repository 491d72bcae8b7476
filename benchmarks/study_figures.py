"""Tables of the studies that a GPU ran whole: panoramas, textures, streamed weights, SDXL's windows."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.study import averaged, by, differences, numbers
from benchmarks.tables import markdown, read

WAYS = {
    "default": "by default",
    "independent": "views that share no start noise",
    "own words": "poles with words of their own",
    "at once": "such poles, from the first step on",
    "plain": "plain pictures",
}
PANORAMA = {
    "wrap_seam": ("`wrap_seam`", 2),
    "pole_pinch": ("`pole_pinch`", 2),
    "agreement": ("`agreement`, dB", 1),
    "score ring": ("score around the horizon", 3),
    "score seam": ("over the closing edge", 3),
    "first ring": ("first of 200 around", 2),
    "first seam": ("over the edge", 2),
    "first up": ("up", 2),
    "first down": ("down", 2),
    "low ring": ("low-band contrast", 3),
}


def panorama() -> str:
    """Return the means over prompts of every way, ± their standard errors."""
    ways = by(read("panorama-study-h200")["rows"], "way")
    lines = []
    for way, title in WAYS.items():
        cells = [(averaged(ways[way], name), digits) for name, (_, digits) in PANORAMA.items()]
        lines.append([title, *(f"{v[0]:.{n}f} ± {v[1]:.{n}f}" if v else "" for v, n in cells)])
    return markdown(["", *(title for title, _ in PANORAMA.values())], lines)


POLES = {
    "recognized ring": ("recognized around", 2),
    "recognized seam": ("over the closing edge", 2),
    "recognized up": ("above", 2),
    "recognized down": ("below", 2),
    "levelness down": ("levelness below", 2),
    "wrap_seam": ("`wrap_seam`", 2),
    "pole_pinch": ("`pole_pinch`", 2),
    "agreement": ("`agreement`, dB", 1),
}


def panorama_poles() -> str:
    """Return what is recognized of panoramas whose poles have words that fit, and of plain pictures, ± standard errors."""
    ways = by(read("panorama-poles-h200")["rows"], "way")
    lines = []
    for way, title in (("panorama", "panoramas"), ("plain", "plain pictures of the same words")):
        cells = [(averaged(ways[way], name), digits) for name, (_, digits) in POLES.items()]
        lines.append([title, *(f"{v[0]:.{n}f} ± {v[1]:.{n}f}" if v else "" for v, n in cells)])
    return markdown(["", *(title for title, _ in POLES.values())], lines)


TEXTURE = {
    "view_agreement": ("`view_agreement`, dB", 1),
    "seam_ratio": ("`seam_ratio`", 2),
    "score": ("CLIP score", 3),
    "sides in 5": ("sides of 8 that show it", 1),
    "baked light": ("baked light, R²", 2),
}


def texture() -> str:
    """Return the means over prompts of every mesh by views that agree and by views alone, ± their standard errors."""
    lines = []
    for mesh, rows in by(read("texture-study-h200")["rows"], "mesh").items():
        for way, own in by(rows, "way").items():
            cells = [(averaged(own, name), digits) for name, (_, digits) in TEXTURE.items()]
            lines.append([mesh, way, *(f"{v[0]:.{n}f} ± {v[1]:.{n}f}" if v else "" for v, n in cells)])
    return markdown(["mesh", "views", *(title for title, _ in TEXTURE.values())], lines)


def texture_asked() -> str:
    """Return, for every mesh by views that agree, how many pictures are as asked, and the one that is the least so."""
    lines = []
    for mesh, rows in by(read("texture-study-h200")["rows"], "mesh").items():
        own = by(rows, "way")["agreeing"]
        agreement, seams, sides = (numbers(own, name) for name in ("view_agreement", "seam_ratio", "sides in 5"))
        line = [
            f"{sum(x >= 24 for x in agreement)}, {min(agreement):.1f} the least",
            f"{sum(x <= 1.2 for x in seams)}, {max(seams):.2f} the most",
            f"{sum(x >= 6 for x in sides)}, {min(sides):.0f} the fewest",
        ]
        lines.append([mesh, str(len(own)), *line])
    return markdown(
        ["mesh", "pictures", "`view_agreement` ≥ 24 dB", "`seam_ratio` ≤ 1.2", "found from ≥ 6 of 8 sides"], lines
    )


def texture_differences() -> str:
    """Return what views that agree have more than views alone, of the same prompts and seeds, ± standard errors."""
    names = {name: TEXTURE[name] for name in ("view_agreement", "seam_ratio", "score")}
    names |= {"score, standing": ("CLIP score with a shadow", 3)}
    lines = []
    for mesh, rows in by(read("texture-study-h200")["rows"], "mesh").items():
        found = differences(rows, list(names), "agreeing", "alone")
        cells = [(averaged(found, name) or (0.0, 0.0), digits) for name, (_, digits) in names.items()]
        lines.append([mesh, str(len(found)), *(f"{mean:+.{n}f} ± {error:.{n}f}" for (mean, error), n in cells)])
    return markdown(["mesh", "pairs", *(title for title, _ in names.values())], lines)


def streamed() -> str:
    """Return a call's seconds with weights on the GPU and with weights that come layer by layer."""
    before = {(row["model"], row["rows"]): row for row in read("streamed-h200-before")["table"]}
    rows = [
        [
            {"flux": "FLUX.1", "sd3.5-medium": "SD 3.5 medium"}[row["model"]],
            str(row["rows"]),
            f"{row['resident s']:.3f}",
            f"{row['streamed s']:.3f}",
            f"**{row['ratio']:.2f}**",
            f"{before[row['model'], row['rows']]['ratio']:.2f}",
            f"{row['resident peak']:.1f}, {row['streamed peak']:.1f}",
        ]
        for row in read("streamed-h200")["table"]
    ]
    header = ["network", "rows a call", "s, all on the GPU", "s, streamed", "times", "times, before", "peak GiB, both"]
    return markdown(header, rows)


def scaling() -> str:
    """Return what a window costs, and the memory, of pictures so many times as wide or as high as the model's own."""
    lines = [
        [
            f"{row['times']} times as {word}",
            str(row["windows"]),
            f"{1000 * row['seconds a step'] / row['windows']:.2f}",
            f"{row['seconds a step']:.3f}",
            f"{row['decoding']:.2f}",
            f"{row['MB'] / 1000:.1f}",
        ]
        for along, word in (("width", "wide"), ("height", "high"))
        for row in read(f"scaling-{along}-h200")["rows"]
    ]
    return markdown(
        ["", "windows", "ms a window and step", "s a step", "decoding, s", "GPU memory beyond the weights, GB"], lines
    )


def sdxl_windows() -> str:
    """Return seconds a step and peaks of SDXL's windows, ours and diffusers'."""
    found = read("sdxl-windows-h200")
    default = found["diffusers, 1 a call"]["step"]
    rows = [
        [name, f"{row['step']:.3f}", f"{row['peak']:.1f}", f"{default / row['step']:.2f}"]
        for name, row in found.items()
        if name.startswith(("diffusers, ", "synoptic, "))
    ]
    return markdown(["side", "s a step", "peak GiB", "× one window a call"], rows)


STUDIES: dict[str, Callable[[], str]] = {
    "panorama": panorama,
    "panorama-poles": panorama_poles,
    "texture": texture,
    "texture-asked": texture_asked,
    "texture-differences": texture_differences,
    "streamed": streamed,
    "scaling": scaling,
    "sdxl-windows": sdxl_windows,
}
