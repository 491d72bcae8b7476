"""Flat designs of things: glyphs of Noto Color Emoji (OFL) and a few drawn ones, 128 x 128 RGBA, on one lossless sheet.

    python -m bundled_training.render.glyphs NotoColorEmoji.ttf

cuts them out of the font (Debian's fonts-noto-color-emoji) into glyphs.webp and glyphs.json, {name: [numbers of its tiles]}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

HERE = Path(__file__).parent
TILE, ACROSS = 128, 20

NAMES = """
horse 🐴 🐎; dog 🐶 🐕 🐩; golden retriever 🦮; cat 🐱 🐈 🐈‍⬛; rabbit 🐰 🐇; duck 🦆; deer 🦌; owl 🦉; fish 🐟 🐠 🐡;
lion 🦁; tiger 🐯 🐅; bear 🐻; panda 🐼; koala 🐨; monkey 🐵 🐒; gorilla 🦍; elephant 🐘; giraffe 🦒; zebra 🦓; rhino 🦏;
hippo 🦛; camel 🐫 🐪; cow 🐮 🐄; pig 🐷 🐖; sheep 🐑 🐏; goat 🐐; llama 🦙; wolf 🐺; fox 🦊; raccoon 🦝; mouse 🐭 🐁;
hamster 🐹; squirrel 🐿️; hedgehog 🦔; bat 🦇; frog 🐸; turtle 🐢; snake 🐍; crocodile 🐊; dragon 🐉 🐲; dinosaur 🦕 🦖;
whale 🐳 🐋; dolphin 🐬; shark 🦈; octopus 🐙; crab 🦀; lobster 🦞; shrimp 🦐; snail 🐌; butterfly 🦋; bee 🐝;
ladybug 🐞; ant 🐜; spider 🕷️; chicken 🐔 🐓; chick 🐤 🐥; penguin 🐧; bird 🐦; eagle 🦅; swan 🦢; flamingo 🦩;
peacock 🦚; parrot 🦜; turkey 🦃; unicorn 🦄; teddy bear 🧸

man 👨 👨🏻 👨🏽 👨🏾; woman 👩 👩🏻 👩🏽 👩🏾; boy 👦 👦🏻 👦🏽; girl 👧 👧🏻 👧🏽; baby 👶 👶🏻 👶🏽;
old man 👴 👴🏻 👴🏽 👴🏼 🧓🏻; old woman 👵 👵🏻 👵🏽; man with a beard 🧔 🧔🏻 🧔🏽; man wearing a hat 🤠 👲 💂 👷‍♂️;
hipster barista 🧔🏻 🧔🏼 🧔; student 🧑‍🎓 👩‍🎓 👨‍🎓 👩🏻‍🎓 👨🏽‍🎓; astronaut 👨‍🚀 👩‍🚀; chef 👨‍🍳 👩‍🍳;
police officer 👮 👮‍♀️; wizard 🧙‍♂️ 🧙; mermaid 🧜‍♀️; vampire 🧛 🧛‍♂️; princess 👸 👸🏻; queen 👸🏼 👸🏽 👸🏻;
king 🤴 🤴🏻; santa claus 🎅 🎅🏻; couple 👫; hand ✋ ✋🏻; eye 👁️; brain 🧠; bone 🦴; tooth 🦷; skull 💀 ☠️; clown 🤡;
devil 👿; ghost 👻; alien 👽; robot 🤖; smiling face 😀 😊 😃; crying face 😢 😭; face with sunglasses 😎

tree 🌳; pine tree 🌲; palm tree 🌴; flower 🌸 🌼 🌺; rose 🌹; sunflower 🌻; tulip 🌷; cactus 🌵; leaf 🍁 🍂; clover 🍀;
mushroom 🍄; feather 🪶; shell 🐚; coral 🪸; nest 🪺; pumpkin 🎃; fire 🔥; campfire 🔥; volcano 🌋; moon 🌝 🌕 🌙;
sun 🌞 ☀️; star ⭐ 🌟; cloud ☁️; rainbow 🌈; lightning ⚡; snowflake ❄️; comet ☄️; snowman ⛄ ☃️; globe 🌍 🌎 🌏

apple 🍎 🍏; orange 🍊; lemon 🍋; banana 🍌; watermelon 🍉; grapes 🍇; strawberry 🍓; cherries 🍒; peach 🍑; pear 🍐;
pineapple 🍍; coconut 🥥; avocado 🥑; tomato 🍅; eggplant 🍆; carrot 🥕; corn 🌽; broccoli 🥦; bread 🍞; croissant 🥐;
pizza 🍕; hamburger 🍔; hot dog 🌭; taco 🌮; pancakes 🥞; cake 🎂 🍰; cupcake 🧁; donut 🍩; cookie 🍪; ice cream 🍦 🍨;
egg 🥚 🍳; cheese 🧀; cup of coffee ☕; teapot 🫖; glass of wine 🍷; bottle 🍾

car 🚗 🚙; sports car 🏎️; truck 🚚 🚛 🛻; bus 🚌 🚍; taxi 🚕; fire truck 🚒; ambulance 🚑; police car 🚓;
tractor 🚜; train 🚂 🚆; bicycle 🚲; motorcycle 🏍️; airplane ✈️ 🛩️; helicopter 🚁; rocket ship 🚀; satellite 🛰️; ufo 🛸;
boat ⛵ 🚤 🛥️; sailboat ⛵; ship 🚢 ⛴️; canoe 🛶; anchor ⚓; balloon 🎈; house 🏠 🏡; castle 🏰 🏯; church ⛪; tower 🗼;
statue 🗽; fountain ⛲; tent ⛺; roller coaster 🎢; carousel horse 🎠

umbrella ☂️ ☔; heart ❤️; diamond 💎; crown 👑; hat 🎩 👒; ring 💍; glasses 👓 🕶️; shoe 👟 👞; boot 👢; dress 👗; shirt 👕;
backpack 🎒; guitar 🎸; violin 🎻; piano 🎹; trumpet 🎺; drum 🥁; saxophone 🎷; clock ⏰ 🕰️; watch ⌚; phone 📱;
telephone ☎️; television 📺; computer 💻; camera 📷; lamp 💡; candle 🕯️; book 📕 📖 📗; pencil ✏️; paintbrush 🖌️;
scissors ✂️; key 🔑 🗝️; lock 🔒; hammer 🔨; axe 🪓; sword 🗡️; shield 🛡️; bomb 💣; magnet 🧲; telescope 🔭; microscope 🔬;
gift 🎁; ball ⚽ 🏀; trophy 🏆; chair 🪑; bed 🛏️; door 🚪; window 🪟; bell 🔔; basket 🧺; kite 🪁; chess piece ♟️; compass 🧭;
map 🗺️; money bag 💰
"""

# name: (the glyphs, the color they are dyed in)
DYED = {
    "goldfish": ("🐟 🐠", (255, 130, 20)),
    "maine coon": ("🐈 🐱", (140, 92, 55)),
}


def main(font_file: str) -> None:
    """Write glyphs.webp and glyphs.json next to this file."""
    from bundled_training.render.drawn import drawn

    font = ImageFont.truetype(font_file, 109)  # the one size of its bitmaps
    tiles: list[Image.Image] = []
    numbers: dict[str, list[int]] = {}
    seen: dict[str, int] = {}

    def add(name: str, tile: Image.Image) -> int:
        numbers.setdefault(name, []).append(len(tiles))
        tiles.append(tile)
        return len(tiles) - 1

    for entry in NAMES.replace("\n", ";").split(";"):
        words = entry.split()
        name = " ".join(word for word in words if word.isascii())
        for text in (word for word in words if not word.isascii()):
            if text in seen:
                numbers.setdefault(name, []).append(seen[text])
            else:
                seen[text] = add(name, cut(font, text))
    for name, (texts, colour) in DYED.items():
        for text in texts.split():
            add(name, dye(cut(font, text), colour))
    for name, picture in drawn():
        add(name, fit(picture))

    sheet = Image.new("RGBA", (ACROSS * TILE, -(-len(tiles) // ACROSS) * TILE))
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % ACROSS * TILE, number // ACROSS * TILE))
    sheet.save(HERE / "glyphs.webp", lossless=True, exact=True, quality=90, method=4)
    if np.any(np.asarray(Image.open(HERE / "glyphs.webp")) != np.asarray(sheet)):
        raise RuntimeError("glyphs.webp does not read back as it was written")
    (HERE / "glyphs.json").write_text(json.dumps(dict(sorted(numbers.items())), indent=0) + "\n")
    print(f"{len(tiles)} tiles, {len(numbers)} names, {(HERE / 'glyphs.webp').stat().st_size:,} bytes")


def cut(font: ImageFont.FreeTypeFont, text: str) -> Image.Image:
    """One emoji as a tile; an error where the font has none, or would set it as several glyphs."""
    image = Image.new("RGBA", (136, 136))
    ImageDraw.Draw(image).text((0, 4), text, font=font, embedded_color=True)
    if font.getlength(text) > 150 or np.count_nonzero(np.asarray(image)[..., 3] > 8) < 300:
        raise ValueError(f"the font has no single glyph for {text!r}")
    return fit(image)


def fit(image: Image.Image) -> Image.Image:
    """The visible part, centred in a tile with a margin that keeps its edge soft; color 0 where nothing is visible."""
    left, top, right, bottom = image.getchannel("A").point([255 * (a > 8) for a in range(256)]).getbbox() or (
        0,
        0,
        *image.size,
    )
    side = max(right - left, bottom - top)
    margin = -(-side // 32)
    square = Image.new("RGBA", (side + 2 * margin, side + 2 * margin))
    square.paste(
        image.crop((left, top, right, bottom)),
        (margin + (side - right + left) // 2, margin + (side - bottom + top) // 2),
    )
    tile = np.array(square.resize((TILE, TILE), Image.Resampling.LANCZOS))
    tile[tile[..., 3] == 0] = 0
    return Image.fromarray(tile)


def dye(tile: Image.Image, colour: tuple[int, int, int]) -> Image.Image:
    """The tile in shades of one color, dark parts towards black and light ones towards white."""
    pixels = np.asarray(tile).astype(float)
    light = (pixels[..., :3] @ [0.3, 0.59, 0.11])[..., None] / 255
    shade = np.where(
        light < 0.6, np.array(colour) * light / 0.6, np.array(colour) + (255 - np.array(colour)) * (light - 0.6) * 2
    )
    dyed = np.concatenate([shade.clip(0, 255), pixels[..., 3:]], -1).astype(np.uint8)
    dyed[dyed[..., 3] == 0] = 0
    return Image.fromarray(dyed)


def load(device: str | torch.device) -> tuple[Tensor, dict[str, list[int]]]:
    """The tiles (N, 4, 128, 128) uint8 RGBA, and the numbers of each name's tiles."""
    names = json.loads((HERE / "glyphs.json").read_text())
    sheet = torch.from_numpy(np.array(Image.open(HERE / "glyphs.webp")))
    tiles = sheet.view(-1, TILE, ACROSS, TILE, 4).permute(0, 2, 4, 1, 3).reshape(-1, 4, TILE, TILE)
    return tiles[: 1 + max(max(numbers) for numbers in names.values())].contiguous().to(device), names


if __name__ == "__main__":
    main(sys.argv[1])
