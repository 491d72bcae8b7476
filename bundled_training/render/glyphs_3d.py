"""Pack the things in the pictures: Fluent emoji in 3D beside Noto's, 192 x 192 RGBA, on one lossy sheet.

    python -m bundled_training.render.glyphs_3d NotoColorEmoji.ttf ASSETS_DIR

reads the WebP files of npm's @lobehub/fluent-emoji-3d (package/assets) and writes glyphs_3d.webp and glyphs_3d.json,
{name: {"fluent": [numbers], "noto": [numbers]}}. The Noto glyphs of glyphs.NAMES are on glyphs.webp and are enlarged
when they are loaded.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter, ImageFont
from torch import Tensor

from bundled_training.render import glyphs
from bundled_training.render.drawn import drawn

HERE = Path(__file__).parent
TILE, ACROSS = 192, 24
QUALITY, ALPHA_QUALITY = 82, 80

# words whose Noto glyphs are on this sheet as well
MORE = """
seal 🦭; beaver 🦫; otter 🦦; sloth 🦥; skunk 🦨; kangaroo 🦘; bison 🦬; bull 🐂 🐃; boar 🐗; rooster 🐓; goose 🪿;
raven 🐦‍⬛; dove 🕊️; jellyfish 🪼; squid 🦑; lizard 🦎; beetle 🪲; fly 🪰; caterpillar 🐛; scorpion 🦂; moose 🫎; donkey 🫏;
orangutan 🦧; polar bear 🐻‍❄️; leopard 🐆; mammoth 🦣; rat 🐀; poodle 🐩; pufferfish 🐡; spider web 🕸️; badger 🦡

bouquet of flowers 💐; potted plant 🪴; lotus 🪷; hyacinth 🪻; christmas tree 🎄; log 🪵; rock 🪨; maple leaf 🍁;
cherry blossom 🌸; seedling 🌱

mango 🥭; kiwi 🥝; blueberries 🫐; melon 🍈; bell pepper 🫑; chili pepper 🌶️; cucumber 🥒; garlic 🧄; onion 🧅;
potato 🥔; peanuts 🥜; baguette 🥖; pretzel 🥨; bagel 🥯; waffle 🧇; bacon 🥓; steak 🥩; chicken leg 🍗; french fries 🍟;
popcorn 🍿; sandwich 🥪; burrito 🌯; salad 🥗; bowl of soup 🍲 🥣; spaghetti 🍝; ramen 🍜; sushi 🍣; bowl of rice 🍚; pie 🥧;
chocolate bar 🍫; candy 🍬; lollipop 🍭; jar of honey 🍯; glass of milk 🥛; cup of tea 🍵; glass of beer 🍺; cocktail 🍸 🍹;
birthday cake 🎂; cheesecake 🍰; jar 🫙

scooter 🛵 🛴; skateboard 🛹; van 🚐; tram 🚋; bullet train 🚄; steam locomotive 🚂; pickup truck 🛻; jeep 🚙;
speedboat 🚤; cruise ship 🛳️; parachute 🪂; sled 🛷; traffic light 🚦; stop sign 🛑; gas pump ⛽; wheel 🛞

hospital 🏥; school 🏫; hotel 🏨; factory 🏭; stadium 🏟️; office building 🏢; hut 🛖; mosque 🕌; temple 🛕; torii gate ⛩️;
greek temple 🏛️; ferris wheel 🎡; circus tent 🎪; island 🏝️; stone head 🗿; ladder 🪜; brick wall 🧱; japanese castle 🏯

accordion 🪗; banjo 🪕; flute 🪈; microphone 🎤 🎙️; headphones 🎧; radio 📻; movie camera 🎥; keyboard ⌨️; printer 🖨️;
battery 🔋; joystick 🕹️; game controller 🎮; dice 🎲; puzzle piece 🧩; dartboard 🎯; baseball ⚾; tennis ball 🎾;
football 🏈; basketball 🏀; soccer ball ⚽; boxing glove 🥊; medal 🏅 🥇; fishing rod 🎣; bow and arrow 🏹; wrench 🔧;
screwdriver 🪛; saw 🪚; gear ⚙️; toolbox 🧰; pickaxe ⛏️; bucket 🪣; broom 🧹; bar of soap 🧼; toothbrush 🪥; toilet 🚽;
bathtub 🛁; couch 🛋️; mirror 🪞; picture frame 🖼️; lipstick 💄; handbag 👜; briefcase 💼; suitcase 🧳; jeans 👖; coat 🧥;
scarf 🧣; gloves 🧤; socks 🧦; kimono 👘; high heel 👠; sandal 👡; cap 🧢; top hat 🎩; helmet ⛑️ 🪖; envelope ✉️;
mailbox 📫 📮; cardboard box 📦; newspaper 📰; scroll 📜; calendar 📅; paperclip 📎; ruler 📏; fountain pen 🖋️; crayon 🖍️;
artist palette 🎨; ball of yarn 🧶; hourglass ⏳ ⌛; thermometer 🌡️; pill 💊; syringe 💉; test tube 🧪; stethoscope 🩺;
crystal ball 🔮; magic wand 🪄; red lantern 🏮; flashlight 🔦; fire extinguisher 🧯; vase 🏺; coffin ⚰️; gravestone 🪦;
spoon 🥄; knife 🔪; flag 🚩; pirate flag 🏴‍☠️; theater mask 🎭; russian doll 🪆; coin 🪙; wave 🌊; tornado 🌪️;
drop of water 💧; saturn 🪐; rocking horse 🎠; jack o lantern 🎃

doctor 👩‍⚕️ 👨‍⚕️; farmer 👨‍🌾; firefighter 👨‍🚒; pilot 👨‍✈️; scientist 👩‍🔬;
artist 👩‍🎨; teacher 👩‍🏫; singer 👩‍🎤; detective 🕵️‍♂️; ninja 🥷; construction worker 👷‍♂️; superhero 🦸‍♂️;
fairy 🧚‍♀️; elf 🧝‍♂️; zombie 🧟‍♂️; bride 👰‍♀️; dancer 💃; surfer 🏄‍♂️; snowboarder 🏂; runner 🏃‍♂️;
cyclist 🚴‍♂️; angel 👼; witch 🧙‍♀️; guard 💂; cowboy 🤠; angry face 😠 😡; monster 👾 👹
"""
BOATS = {"⛵": 0.55, "🚤": 0.55, "🛥️": 0.55, "🛶": 0.55, "🚢": 0.8, "⛴️": 0.8, "🛳️": 0.8}  # and where their water begins
# people in their natural colors: Fluent's plain ones are yellow
TONES = "🏻🏽🏾"
TONED = frozenset(
    """man woman boy girl baby old_man old_woman man_with_a_beard hipster_barista student astronaut chef police_officer
    wizard mermaid vampire princess queen king santa_claus doctor farmer firefighter pilot scientist artist teacher singer
    detective ninja construction_worker superhero fairy elf bride dancer surfer snowboarder runner cyclist angel witch guard
    hand""".replace("_", "-").split()
)
# Fluent glyphs for a word of glyphs.NAMES where its own would mislead
INSTEAD = {
    "man wearing a hat": "👲🏻 👲🏽 💂🏻 💂🏽 👷🏽‍♂️ 🕵🏻‍♂️ 🕵🏽‍♂️",
    "hat": "🎩 👒 🧢",
    "couple": "👫🏻 👫🏽",
}


def entries(text: str) -> dict[str, list[str]]:
    """Split a table of names and glyphs: {name: glyphs}."""
    found: dict[str, list[str]] = {}
    for entry in text.replace("\n", ";").split(";"):
        words = entry.split()
        if words:
            name = " ".join(word for word in words if word.isascii())
            found.setdefault(name, []).extend(word for word in words if not word.isascii())
    return found


def toned(name: str, texts: list[str]) -> list[str]:
    """Give people who are plain in the table each of the tones instead."""
    if name.replace(" ", "-") not in TONED:
        return texts
    plain = [text for text in texts if not any(tone in text for tone in TONES + "🏼")]
    given = [text for text in texts if text not in plain]
    return given or list(dict.fromkeys(text[0] + tone + text[1:].removeprefix("\ufe0f") for text in plain for tone in TONES))


def fluent(folder: Path, text: str) -> Image.Image | None:
    """Read the Fluent picture of one emoji, or None where there is none."""
    points = [f"{ord(character):04x}" for character in text]
    for chosen in (points, [p for p in points if p != "fe0f"], [*points, "fe0f"]):
        file = folder / f"{'-'.join(chosen)}.webp"
        if file.exists():
            return Image.open(file).convert("RGBA")
    return None


def fit(image: Image.Image) -> Image.Image:
    """Center the visible part in a tile with a soft margin, as glyphs.fit does for its own size."""
    box = image.getchannel("A").point([255 * (a > 8) for a in range(256)]).getbbox() or (0, 0, *image.size)
    left, top, right, bottom = box
    side = max(right - left, bottom - top)
    margin = -(-side // 32)
    square = Image.new("RGBA", (side + 2 * margin, side + 2 * margin))
    square.paste(image.crop(box), (margin + (side - right + left) // 2, margin + (side - bottom + top) // 2))
    pixels = np.asarray(square).astype(np.float32)
    alpha = pixels[..., 3:] / 255
    scaled = [
        np.asarray(Image.fromarray(band).resize((TILE, TILE), Image.Resampling.LANCZOS))
        for band in np.moveaxis(np.concatenate([pixels[..., :3] * alpha, pixels[..., 3:]], -1), -1, 0)
    ]
    made = np.stack(scaled, -1)
    made[..., :3] /= (made[..., 3:] / 255).clip(1 / 255)
    made = (made + 0.5).clip(0, 255).astype(np.uint8)
    made[made[..., 3] < 3] = 0
    return Image.fromarray(made)


def ashore(tile: Image.Image, begin: float) -> Image.Image:
    """Take away the water that a boat swims in: it would follow the boat onto the sand."""
    pixels = np.array(tile)
    red, green, blue = (pixels[..., k].astype(int) for k in range(3))
    low = np.arange(pixels.shape[0])[:, None] > begin * pixels.shape[0]
    wet = low & (blue > 190) & (red < 125) & (blue > green + 15) & (pixels[..., 3] > 0)
    kept = (
        Image.fromarray((255 * ~wet).astype(np.uint8)).filter(ImageFilter.MinFilter(3)).filter(ImageFilter.GaussianBlur(0.8))
    )
    pixels[..., 3] = np.minimum(pixels[..., 3], np.asarray(kept))
    pixels[pixels[..., 3] < 3] = 0
    return Image.fromarray(pixels)


def shaded(tile: Image.Image) -> Image.Image:
    """Light a flat tile from the upper left as if it were puffed up."""
    pixels = np.asarray(tile).astype(np.float32)
    height = np.zeros(pixels.shape[:2], np.float32)
    for radius in (3, 7, 14):
        soft = np.asarray(tile.getchannel("A").filter(ImageFilter.GaussianBlur(radius))).astype(np.float32) / 255
        height += (2 * (soft - 0.5)).clip(0, 1) * radius
    down, across = np.gradient(height)
    light = (-(down + across) * 0.5) / np.sqrt(1 + down**2 + across**2)
    pixels[..., :3] = (pixels[..., :3] * (1 - 0.6 * light[..., None]) + 18 * (-light[..., None]).clip(0)).clip(0, 255)
    return Image.fromarray(pixels.astype(np.uint8))


def main(font_file: str, assets: str) -> None:
    """Write glyphs_3d.webp and glyphs_3d.json next to this file."""
    font, folder = ImageFont.truetype(font_file, 109), Path(assets)
    tiles: list[Image.Image] = []
    seen: dict[tuple[str, str], int] = {}
    found: dict[str, dict[str, list[int]]] = {}

    def add(name: str, design: str, key: str, tile: Image.Image) -> None:
        if (design, key) not in seen:
            seen[design, key] = len(tiles)
            tiles.append(tile)
        numbers = found.setdefault(name, {"fluent": [], "noto": []})[design]
        if seen[design, key] not in numbers:
            numbers.append(seen[design, key])

    older, newer = entries(glyphs.NAMES), entries(MORE)
    for name, texts in (older | newer).items():
        for text in INSTEAD[name].split() if name in INSTEAD else toned(name, texts):
            if picture := fluent(folder, text):
                tile = fit(picture)
                add(name, "fluent", text, fit(ashore(tile, BOATS[text])) if text in BOATS else tile)
            if name in newer:
                try:
                    add(name, "noto", text, fit(glyphs.cut(font, text)))
                except ValueError:
                    print(f"{name}: no Noto glyph for {text}")
    for name, (texts, colour) in glyphs.DYED.items():
        for text in texts.split():
            if picture := fluent(folder, text):
                add(name, "fluent", text + name, glyphs.dye(fit(picture), colour))
    for number, (name, picture) in enumerate(drawn()):
        add(name, "fluent", f"drawn {number}", shaded(fit(picture)))
    if missing := sorted((older.keys() | newer.keys()) - {name for name, designs in found.items() if designs["fluent"]}):
        raise RuntimeError(f"no Fluent glyph for {missing}")

    sheet = Image.new("RGBA", (ACROSS * TILE, -(-len(tiles) // ACROSS) * TILE))
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % ACROSS * TILE, number // ACROSS * TILE))
    sheet.save(HERE / "glyphs_3d.webp", quality=QUALITY, alpha_quality=ALPHA_QUALITY, method=6)
    facts = {name: {k: v for k, v in designs.items() if v} for name, designs in sorted(found.items())}
    (HERE / "glyphs_3d.json").write_text(json.dumps(facts, indent=None, separators=(",", ":")).replace("},", "},\n") + "\n")
    print(f"{len(tiles)} tiles, {len(found)} names, {(HERE / 'glyphs_3d.webp').stat().st_size:,} bytes")


def load(device: str | torch.device) -> tuple[Tensor, dict[str, dict[str, list[int]]]]:
    """Load the tiles (N, 4, 192, 192) uint8 RGBA, and the numbers of each name's tiles by design: fluent, noto."""
    names = json.loads((HERE / "glyphs_3d.json").read_text())
    sheet = torch.from_numpy(np.array(Image.open(HERE / "glyphs_3d.webp").convert("RGBA")))
    tiles = sheet.view(-1, TILE, ACROSS, TILE, 4).permute(0, 2, 4, 1, 3).reshape(-1, 4, TILE, TILE)
    tiles = tiles[: 1 + max(number for designs in names.values() for numbers in designs.values() for number in numbers)]
    older, numbers = glyphs.load("cpu")
    for name, places in numbers.items():
        names[name].setdefault("noto", []).extend(len(tiles) + place for place in places)
    return torch.cat([tiles, enlarged(older)]).to(device), names


def enlarged(tiles: Tensor) -> Tensor:
    """Enlarge tiles of 128 pixels, with colors weighted by alpha so that no dark rim appears."""
    made = []
    for part in tiles.split(64):
        part = part.float()
        alpha = part[:, 3:] / 255
        both = torch.cat([part[:, :3] * alpha, part[:, 3:]], 1)
        both = torch.nn.functional.interpolate(both, (TILE, TILE), mode="bicubic").clamp(0, 255)
        rgb = both[:, :3] / (both[:, 3:] / 255).clamp(min=1 / 255)
        made.append((torch.cat([rgb, both[:, 3:]], 1).clamp(0, 255) + 0.5).to(torch.uint8))
    return torch.cat(made)


if __name__ == "__main__":
    main(*sys.argv[1:3])
