"""Things that no emoji shows, drawn with PIL four times too large: (name, RGBA picture), a few colors of each."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from PIL import Image, ImageDraw

SIDE = 512
Colour = tuple[int, int, int]


def shade(colour: Colour, light: float) -> Colour:
    """The color towards black (light < 0) or white (light > 0)."""
    r, g, b = (round(c + (255 - c) * light if light > 0 else c * (1 + light)) for c in colour)
    return r, g, b


def drawn() -> Iterator[tuple[str, Image.Image]]:
    for colour in ((60, 130, 200), (80, 160, 80), (210, 70, 60), (165, 175, 185), (240, 190, 60)):
        yield "watering can", watering_can(colour)
    for colour in ((165, 105, 60), (200, 150, 95), (120, 75, 50)):
        yield "table", table(colour)
    yield "table", table((175, 115, 70), round_top=True)
    for colour in ((140, 90, 50), (110, 75, 50), (175, 120, 70)):
        yield "cabin", cabin(colour)
    for colour in ((248, 240, 225), (250, 215, 150), (235, 190, 170)):
        yield "villa", villa(colour)
    for colour in ((235, 228, 212), (225, 215, 200)):
        yield "pisa tower", pisa_tower(colour)
    for colour in ((250, 190, 25), (245, 175, 40)):
        yield "school bus", school_bus(colour)


def blank() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGBA", (SIDE, SIDE))
    return image, ImageDraw.Draw(image)


def watering_can(colour: Colour) -> Image.Image:
    image, draw = blank()
    dark, light = shade(colour, -0.35), shade(colour, 0.35)
    draw.arc((330, 150, 500, 390), -110, 110, dark, 30)  # the handle behind
    draw.arc((170, 60, 390, 300), 180, 360, dark, 26)  # the handle above
    draw.polygon([(190, 400), (190, 330), (70, 150), (35, 175)], fill=dark)  # the spout
    draw.polygon([(8, 190), (100, 110), (118, 132), (30, 214)], fill=shade(colour, -0.2))  # its rose
    draw.rectangle((165, 200, 395, 430), fill=colour)
    draw.ellipse((165, 395, 395, 465), fill=colour)
    draw.rectangle((190, 215, 235, 440), fill=light)
    draw.rectangle((350, 215, 395, 430), fill=shade(colour, -0.18))
    draw.rectangle((165, 330, 395, 350), fill=dark)
    draw.ellipse((165, 165, 395, 235), fill=dark)
    draw.ellipse((185, 180, 375, 225), fill=shade(colour, -0.65))
    return image


def table(colour: Colour, round_top: bool = False) -> Image.Image:
    image, draw = blank()
    dark, light = shade(colour, -0.35), shade(colour, 0.2)
    if round_top:
        draw.rectangle((232, 200, 280, 420), fill=dark)
        draw.ellipse((130, 390, 382, 450), fill=shade(colour, -0.2))
        draw.ellipse((20, 150, 492, 270), fill=dark)
        draw.ellipse((20, 130, 492, 250), fill=light)
        return image
    for left, top, bottom in ((90, 200, 380), (385, 200, 380)):
        draw.rectangle((left, top, left + 34, bottom), fill=shade(colour, -0.5))
    for left in (28, 446):
        draw.rectangle((left, 240, left + 40, 470), fill=dark)
    draw.rectangle((28, 240, 486, 290), fill=dark)
    draw.polygon([(100, 130), (412, 130), (506, 220), (6, 220)], fill=light)
    for k in range(1, 4):
        draw.line((100 + 78 * k, 130, 6 + 125 * k, 220), shade(colour, -0.1), 5)
    draw.rectangle((6, 220, 506, 252), fill=colour)
    return image


def cabin(colour: Colour) -> Image.Image:
    image, draw = blank()
    draw.rectangle((350, 60, 400, 180), fill=(120, 115, 115))  # the chimney
    for k in range(8):
        top = 225 + 30 * k
        draw.rounded_rectangle((60, top, 452, top + 28), 14, fill=shade(colour, 0.12 if k % 2 else -0.08))
        draw.line((70, top + 27, 442, top + 27), shade(colour, -0.5), 4)
    draw.polygon([(256, 95), (100, 225), (412, 225)], fill=shade(colour, -0.15))
    draw.polygon([(256, 50), (10, 240), (30, 268), (256, 100), (482, 268), (502, 240)], fill=shade(colour, -0.6))
    draw.rounded_rectangle((216, 320, 296, 464), 8, fill=shade(colour, -0.6))
    draw.ellipse((276, 388, 288, 400), fill=(235, 200, 90))
    for left in (98, 334):
        draw.rectangle((left, 310, left + 80, 385), fill=shade(colour, -0.6))
        draw.rectangle((left + 10, 320, left + 70, 375), fill=(255, 220, 120))
        draw.line((left + 40, 316, left + 40, 380), shade(colour, -0.6), 8)
    draw.ellipse((230, 165, 282, 217), fill=shade(colour, -0.6))
    draw.ellipse((238, 173, 274, 209), fill=(255, 220, 120))
    return image


def villa(colour: Colour) -> Image.Image:
    image, draw = blank()
    roof, glass = (200, 95, 60), (95, 155, 190)
    draw.rectangle((30, 250, 482, 450), fill=colour)
    draw.rectangle((130, 120, 382, 260), fill=shade(colour, -0.06))
    draw.polygon([(105, 130), (150, 70), (362, 70), (407, 130)], fill=roof)
    for left, right in ((8, 140), (372, 504)):
        draw.polygon([(left, 262), (left + 30, 212), (right - 30, 212), (right, 262)], fill=shade(roof, -0.1))
    for left in (165, 233, 301):
        draw.rectangle((left, 155, left + 46, 235), fill=shade(glass, -0.5))
        draw.rectangle((left + 6, 161, left + 40, 235), fill=glass)
    draw.rectangle((120, 250, 392, 266), fill=shade(colour, -0.3))  # the balcony
    for left in (60, 150, 330, 410):
        draw.rounded_rectangle((left, 305, left + 46, 400), 22, fill=shade(glass, -0.5))
        draw.rounded_rectangle((left + 6, 311, left + 40, 400), 18, fill=glass)
    draw.rounded_rectangle((222, 310, 290, 470), 30, fill=(125, 80, 50))
    draw.rectangle((222, 430, 290, 452), fill=(125, 80, 50))
    draw.rectangle((20, 446, 492, 466), fill=shade(colour, -0.35))
    rng = Random(3)
    for centre in (20, 95, 420, 490):
        for _ in range(8):
            x, y, r = centre + rng.randint(-24, 24), 440 + rng.randint(-28, 14), rng.randint(12, 24)
            draw.ellipse((x - r, y - r, x + r, y + r), fill=shade((70, 140, 60), rng.uniform(-0.25, 0.15)))
    return image


def pisa_tower(colour: Colour) -> Image.Image:
    image, draw = blank()
    for k in range(8):
        half = 62 if k == 7 else 88 - 2 * k
        bottom = 500 - 60 * k
        draw.rectangle((256 - half, bottom - 60, 256 + half, bottom), fill=shade(colour, -0.05))
        draw.rectangle((256 + half // 2, bottom - 60, 256 + half, bottom), fill=shade(colour, -0.17))
        arches = 4 if k == 7 else 6
        for i in range(arches):
            width = 2 * half / arches
            left = 256 - half + i * width
            box = (left + width * 0.22, bottom - 46, left + width * 0.78, bottom - 6)
            draw.rounded_rectangle(box, width * 0.27, fill=shade(colour, -0.6))
        draw.rectangle((256 - half - 8, bottom - 62, 256 + half + 8, bottom - 50), fill=shade(colour, 0.4))
        draw.rectangle((256 - half - 8, bottom - 51, 256 + half + 8, bottom - 48), fill=shade(colour, -0.35))
    return image.rotate(-7, Image.Resampling.BICUBIC)


def school_bus(colour: Colour) -> Image.Image:
    image, draw = blank()
    dark, glass = (45, 45, 50), (150, 205, 235)
    draw.rounded_rectangle((10, 120, 410, 390), 36, fill=colour)
    draw.rounded_rectangle((360, 240, 504, 390), 26, fill=colour)  # the hood
    draw.rectangle((24, 120, 396, 136), fill=shade(colour, 0.4))
    for k in range(4):
        draw.rounded_rectangle((34 + 72 * k, 160, 94 + 72 * k, 235), 8, fill=dark)
        draw.rounded_rectangle((39 + 72 * k, 165, 89 + 72 * k, 230), 6, fill=glass)
    draw.rounded_rectangle((328, 160, 398, 372), 8, fill=dark)
    draw.rounded_rectangle((335, 167, 391, 365), 6, fill=glass)
    draw.line((363, 160, 363, 370), dark, 6)
    for y in (262, 318):
        draw.rectangle((10, y, 322, y + 12), fill=dark)
    draw.rectangle((4, 372, 508, 394), fill=dark)
    draw.rounded_rectangle((478, 285, 506, 320), 8, fill=(255, 245, 190))
    for x in (110, 425):
        draw.ellipse((x - 54, 340, x + 54, 448), fill=dark)
        draw.ellipse((x - 26, 368, x + 26, 420), fill=(190, 190, 195))
    return image
