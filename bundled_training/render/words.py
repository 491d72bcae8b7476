"""The words of the captions: styles, colors, places, things and small stories, as tables."""

from __future__ import annotations

from typing import NamedTuple

# style: (share of the pictures, its prefixes, frequent ones twice)
STYLES: dict[str, tuple[float, tuple[str, ...]]] = {
    "photo": (0.40, ("a photo of ", "a photo of ", "a photo of ", "a picture of ", "a beautiful photo of ", "", "")),
    "oil": (0.14, ("an oil painting of ", "an oil painting of ", "a painting of ")),
    "watercolor": (0.12, ("a watercolor painting of ", "a watercolor of ")),
    "pencil": (0.12, ("a pencil sketch of ", "a pencil drawing of ", "a drawing of ")),
    "lithograph": (0.10, ("a lithograph of ",)),
    "neon": (0.08, ("a neon sign of ",)),
    "pixel": (0.04, ("pixel art of ", "a pixel art picture of ")),
}
# the shares of what is on the pictures
KINDS = {"scene": 0.14, "pole": 0.08, "solid": 0.09, "story": 0.08, "two": 0.13, "one": 0.48}
QUALITY = "a high quality photo"  # now and then the whole caption of a photo: what every photo has in common

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.85, 0.12, 0.12), "orange": (0.95, 0.50, 0.10), "yellow": (0.95, 0.85, 0.15), "green": (0.15, 0.65, 0.20),
    "blue": (0.15, 0.35, 0.90), "purple": (0.55, 0.20, 0.75), "pink": (0.98, 0.50, 0.70), "white": (0.97, 0.97, 0.97),
    "black": (0.12, 0.12, 0.13), "brown": (0.50, 0.30, 0.15), "gray": (0.55, 0.55, 0.55),
    "golden": (0.90, 0.68, 0.16), "silver": (0.74, 0.77, 0.82),
}  # fmt: skip
PLAIN = tuple(colour for colour in COLOURS if colour not in ("golden", "silver"))  # what a background is painted in
DYES = (*COLOURS, "rainbow")

TIMES: dict[str, tuple[str, ...]] = {
    "day": ("", "", " during the day"),
    "sunset": (" at sunset",),
    "sunrise": (" at sunrise",),
    "night": (" at night",),
    "mist": (" in the mist", " in the fog"),
}
SUNS: dict[str, tuple[str, ...]] = {
    "day": (" with the sun",),
    "sunset": (" with the sun", " with the sun low over the horizon"),
    "sunrise": (" with the sun", " with the sun low over the horizon"),
    "night": (" under a full moon", " with a full moon"),
}


class Scene(NamedTuple):
    """What a scene is called: nouns and whole sentences, its times of day, and how a thing stands in it."""

    nouns: tuple[str, ...]
    sentences: tuple[str, ...]
    times: str
    around: tuple[str, ...]
    sky: bool = True


SCENES: dict[str, Scene] = {
    "mountains": Scene(
        ("mountains", "a mountain range", "a mountain landscape"),
        ("a range of rugged mountains", "layers of blue mountains under a wide sky"),
        "day sunset sunrise night mist",
        ("in the mountains", "in front of mountains"),
    ),
    "snowy": Scene(
        ("snowy mountains", "a snowy mountain", "snow covered mountains"),
        ("snowy mountain peaks above a field of snow", "a winter landscape with snow covered mountains"),
        "day sunset night",
        ("in the snow", "in front of snowy mountains"),
    ),
    "dunes": Scene(
        ("desert dunes", "a desert", "sand dunes", "a desert landscape"),
        ("a desert landscape with vast dunes of golden sand", "golden sand dunes in a vast desert"),
        "day sunset sunrise night",
        ("in the desert", "on the sand"),
    ),
    "ocean": Scene(
        ("the ocean", "the sea", "a calm ocean"),
        ("a calm blue sea under a wide sky", "the waves of the ocean"),
        "day sunset sunrise night mist",
        ("in the ocean", "on the water", "at sea"),
    ),
    "beach": Scene(
        ("a beach", "a sandy beach", "a tropical beach", "a beach scene"),
        ("a beach scene with golden sands", "a beach scene at sunrise with golden sands", "golden sands by the blue sea"),
        "day sunset sunrise night",
        ("on the beach", "at the beach"),
    ),
    "city": Scene(
        ("a city skyline", "a city", "skyscrapers", "a city with skyscrapers"),
        (
            "a bustling city skyline at night with skyscrapers", "a bustling city skyline with skyscrapers",
            "a bustling city at night", "the skyscrapers of a bustling city", "a city at night with lights in the windows",
        ),
        "day sunset night mist",
        ("in the city", "in front of a city skyline"),
    ),
    "autumn": Scene(
        ("an autumn forest", "a forest in autumn", "autumn trees", "a dense forest in autumn"),
        (
            "a dense forest in autumn with trees in shades of red orange", "autumn trees in shades of red and orange",
            "a dense forest with red and orange leaves", "trees in shades of red orange",
        ),
        "day sunset mist",
        ("in an autumn forest", "surrounded by autumn trees"),
    ),
    "forest": Scene(
        ("a forest", "a green forest", "the woods", "a dense forest", "forests"),
        ("a dense green forest with tall trees", "tall trees in the woods"),
        "day night mist",
        ("in the forest", "in the woods", "in a forest", "surrounded by forests"),
    ),
    "pines": Scene(
        ("a pine forest", "pine trees in the mountains", "pine trees"),
        ("a dense forest of pine trees", "a pine forest in front of mountains"),
        "day sunset mist night",
        ("in a pine forest", "surrounded by pine trees"),
    ),
    "lavender": Scene(
        ("a lavender field", "a field of lavender", "lavender fields"),
        (
            "a lavender field in provence with rows of vibrant purple flowers", "a lavender field in provence",
            "rows of vibrant purple flowers", "a field with rows of purple lavender flowers",
        ),
        "day sunset sunrise",
        ("in a lavender field",),
    ),
    "wheat": Scene(
        ("a wheat field", "a golden field"),
        ("a golden field of wheat under a wide sky",),
        "day sunset",
        ("in a wheat field",),
    ),
    "lake": Scene(
        ("a lake", "a mountain lake", "a tranquil lake"),
        (
            "a tranquil lake surrounded by misty mountains", "a lake surrounded by mountains",
            "a tranquil lake surrounded by mountains", "misty mountains around a tranquil lake",
        ),
        "day sunset sunrise mist mist night",
        ("by a lake", "beside a lake", "next to a lake"),
    ),
    "canyon": Scene(
        ("a canyon", "the grand canyon", "red rock cliffs"),
        (
            "a sweeping panoramic view of the grand canyon at sunset", "a sweeping panoramic view of the grand canyon",
            "a sweeping view of a canyon", "the red rock cliffs of the grand canyon",
        ),
        "day sunset",
        ("in a canyon", "in the grand canyon"),
    ),
    "waterfall": Scene(
        ("a waterfall", "waterfalls"),
        ("a waterfall between rocks", "a waterfall in the mountains"),
        "day day mist",
        ("in front of a waterfall",),
    ),
    "village": Scene(
        ("a snowy mountain village", "a village in the snow", "a snowy village"),
        ("a snowy mountain village with lights in the windows", "houses covered with snow in the mountains"),
        "day sunset night",
        ("in a snowy village",),
    ),
    "coast": Scene(
        ("the amalfi coast", "a coastal town", "colorful houses by the sea"),
        ("the amalfi coast with colorful houses above the sea",),
        "day sunset",
        ("by the sea", "on the coast"),
    ),
    "meadow": Scene(
        ("a green meadow", "rolling hills", "a flower meadow", "a meadow"),
        ("rolling green hills under a blue sky",),
        "day sunset sunrise",
        ("on the grass", "on grass", "in a meadow"),
    ),
    "space": Scene(
        ("a galaxy", "outer space", "a nebula"), ("stars and a colorful nebula in outer space",), "day", ("in space",), False
    ),
    "aurora": Scene(
        ("northern lights", "the aurora borealis"),
        ("green northern lights above the mountains",),
        "night",
        ("under the northern lights",),
        False,
    ),
    "underwater": Scene(
        ("a coral reef", "an underwater scene", "an ocean with coral reef"),
        ("a beautiful ocean with coral reef", "a colorful coral reef in the ocean", "an underwater scene with coral reef"),
        "day",
        ("underwater",),
        False,
    ),
    "medieval": Scene(
        ("a medieval town", "a european medieval town", "an old european town", "narrow cobblestone streets"),
        (
            "a european medieval town with narrow cobblestone streets", "a medieval town with old houses",
            "an old town with narrow cobblestone streets", "the narrow cobblestone streets of a medieval town",
        ),
        "day day sunset night",
        ("in a medieval town", "on a cobblestone street"),
    ),
    "wall": Scene(
        ("the great wall of china", "the great wall"),
        (
            "the great wall of china snaking across rugged mountains", "the great wall of china in the mountains",
            "the great wall of china snaking across green hills", "the great wall snaking across rugged mountains",
        ),
        "day day sunset mist",
        ("on the great wall of china",),
    ),
    "library": Scene(
        ("a library", "bookshelves", "an old library", "bookshelves full of books"),
        ("a library with bookshelves full of books", "the inside of a library"),
        "day",
        ("in a library", "in front of bookshelves"),
        False,
    ),
    "theater": Scene(
        ("a theater", "an old theater", "a theater stage"),
        ("a theater with a red curtain", "a theater with rows of red seats"),
        "day",
        ("in a theater", "on a stage"),
        False,
    ),
    "road": Scene(
        ("a desert road", "a road", "a road in the desert"),
        ("a long road in the desert", "an empty road through a desert landscape"),
        "day sunset",
        ("on a desert road", "on the road"),
    ),
    "river": Scene(
        ("a river", "a river in the mountains", "a calm river"),
        ("a river between green hills", "a river with green banks"),
        "day sunset sunrise",
        ("in a river", "next to a river", "on a river"),
    ),
    "pool": Scene(
        ("a pool", "a swimming pool"),
        ("a swimming pool in a garden", "a blue swimming pool with clear water"),
        "day sunset",
        ("by the pool", "in the pool", "close to the pool"),
    ),
    "flowers": Scene(
        ("flowers", "flower arrangements", "a field of colorful flowers", "colorful flowers"),
        ("flower arrangements with colorful flowers", "a garden full of colorful flowers"),
        "day",
        ("surrounded by flowers", "in a field of flowers"),
        False,
    ),
    "classroom": Scene(
        ("a classroom", "students in a classroom", "a school classroom"),
        ("a classroom with students", "students at their desks in a classroom"),
        "day",
        ("in a classroom",),
        False,
    ),
}  # fmt: skip
VIEWS = ("a panoramic view of ", "a wide view of ", "a beautiful view of ")


class Pole(NamedTuple):
    """What lies straight below or above: its nouns, its times of day, how often it comes."""

    nouns: tuple[str, ...]
    times: str
    weight: float = 1


# grounds have their scenes' nouns and times, for who looks straight down; skies are what one sees straight above
POLES: dict[str, Pole] = {
    "overhead wheat": Pole(("a wheat field", "a wheat field", "a golden field"), SCENES["wheat"].times),
    "overhead meadow": Pole(("a green meadow", "a flower meadow", "a meadow"), SCENES["meadow"].times),
    "overhead grass": Pole(("green grass", "the grass", "grass"), SCENES["meadow"].times),
    "overhead flowers": Pole(("flowers", "a field of colorful flowers", "colorful flowers"), SCENES["flowers"].times),
    "overhead lavender": Pole(SCENES["lavender"].nouns, SCENES["lavender"].times),
    "overhead beach": Pole(("a beach", "a sandy beach", "sand"), SCENES["beach"].times),
    "overhead dunes": Pole(("desert dunes", "a desert", "sand dunes"), SCENES["dunes"].times),
    "overhead snow": Pole(("snow", "the snow", "a field of snow"), SCENES["snowy"].times),
    "overhead ocean": Pole(SCENES["ocean"].nouns, SCENES["ocean"].times),
    "overhead lake": Pole(("a lake", "a tranquil lake"), SCENES["lake"].times),
    "overhead forest": Pole(("a forest", "a green forest", "the woods", "a dense forest"), SCENES["forest"].times),
    "overhead pines": Pole(("a pine forest", "pine trees"), SCENES["pines"].times),
    "overhead autumn": Pole(("an autumn forest", "a forest in autumn", "autumn trees"), SCENES["autumn"].times),
    "overhead leaves": Pole(("autumn leaves", "red and orange leaves"), SCENES["autumn"].times),
    "overhead canyon": Pole(("a canyon", "the grand canyon", "red rocks"), SCENES["canyon"].times),
    "overhead cobbles": Pole(("a cobblestone street", "cobblestone streets"), SCENES["medieval"].times),
    "overhead city": Pole(("a city", "the streets of a city"), SCENES["city"].times),
    "overhead reef": Pole(("a coral reef", "an ocean with coral reef"), SCENES["underwater"].times),
    "sky": Pole(("the sky", "the sky", "a wide sky"), "day sunset sunrise night mist", 2),
    "blue sky": Pole(("a blue sky", "the blue sky", "a wide blue sky"), "day"),
    "night sky": Pole(("the night sky", "stars", "a sky full of stars", "the night sky full of stars"), "night", 2),
}
DOWN = ("an overhead view of {0}", "{0}, overhead view")  # and, where nothing comes before it, "overhead view of {0}"
ADJECTIVES = ("beautiful", "beautiful", "vast")

PEOPLE = ("man", "woman", "boy", "girl", "old man", "man with a beard", "man wearing a hat", "old woman")
UNCOUNTED = frozenset(
    (
        "grapes", "cherries", "glasses", "scissors", "broccoli", "bread", "corn", "cheese", "fire", "pizza", "lightning",
        "pancakes", "santa claus", "bacon", "french fries", "fries", "popcorn", "spaghetti", "ramen", "sushi", "blueberries",
        "peanuts", "headphones", "jeans", "gloves", "socks", "dice", "saturn", "yarn", "planet earth", "garlic",
    )
)  # fmt: skip
UNIQUE = frozenset(("sun", "moon"))
SYNONYMS: dict[str, tuple[str, ...]] = {
    "hamburger": ("a burger", "a burger with lettuce"), "rabbit": ("a bunny",), "queen": ("the queen of england",) * 3,
    "sports car": ("a sportscar",), "rocket ship": ("a rocket",), "pancakes": ("a stack of pancakes",),
    "pisa tower": ("pisa tower", "the leaning tower of pisa", "the tower of pisa"),
    "cabin": ("a log cabin", "a wooden cabin"),
    "table": ("a wooden table",), "airplane": ("a plane",), "bicycle": ("a bike",), "television": ("a tv",),
    "glass of wine": ("a wine glass",), "cup of coffee": ("a coffee cup", "a cup of coffee", "a mug of coffee"),
    "smiling face": ("a smiling emoji",), "hipster barista": ("a barista",),
    "statue": ("the statue of liberty",), "tower": ("a red tower",), "gift": ("a present",),
    "dog": ("a puppy",), "cat": ("a kitten",), "ufo": ("a flying saucer",), "globe": ("planet earth",),
    "couch": ("a sofa",), "french fries": ("fries",), "picture frame": ("a framed picture",), "chicken": ("a hen",),
    "jack o lantern": ("a halloween pumpkin",), "cardboard box": ("a box",), "stone head": ("an easter island statue",),
    "donut": ("a doughnut",), "truck": ("a lorry",), "computer": ("a laptop",), "lamp": ("a light bulb",),
    "ball of yarn": ("yarn",), "log": ("a tree trunk",), "volcano": ("an erupting volcano",), "skull": ("a human skull",),
}  # fmt: skip

ANIMALS = (
    "dog", "cat", "rabbit", "horse", "cow", "sheep", "goat", "lion", "tiger", "fox", "wolf", "bear", "elephant", "pig",
    "llama", "zebra", "giraffe", "deer", "squirrel", "camel",
)  # fmt: skip
PETS = ("cat", "dog", "rabbit", "squirrel", "teddy bear", "bird", "hamster", "maine coon")
MEALS = ("hamburger", "pizza", "cake", "apple", "cup of coffee", "teapot", "bread", "egg", "glass of wine", "book", "lamp")
VEHICLES = ("bus", "car", "truck", "taxi", "sports car", "school bus", "motorcycle", "police car", "tractor")
BOATS = ("boat", "sailboat", "ship", "canoe")
BUILDINGS = ("castle", "church", "cabin", "villa", "house")
BESIDE = ("next to", "beside", "by", "close to")


class Story(NamedTuple):
    """Things that belong together: a caption with {0} for the first thing, the things, where each stands, the scenes."""

    weight: float
    captions: tuple[str, ...]
    things: tuple[tuple[str, ...], ...]
    layout: str
    scenes: tuple[str, ...] = ()
    night: bool = False  # always at night; else at a time of the scene, which the caption may tell
    dyed: bool = False  # the first thing may be of a color


STORIES = (
    Story(5, ("people around a campfire", "a group of people around a campfire", "people around a campfire at night"),
          (("campfire",), PEOPLE, PEOPLE, PEOPLE), "campfire", ("forest", "pines", "autumn", "mountains"), night=True),
    Story(2, ("a hipster barista", "a barista with a cup of coffee", "a barista"),
          (("hipster barista",), ("cup of coffee",)), "barista"),
    Story(1.5, ("a squirrel reading a book", "a squirrel with a book"), (("squirrel",), ("book",)), "reading"),
    Story(1, ("{0} reading a book",), (("cat", "dog", "rabbit", "bear", "owl"), ("book",)), "reading"),
    Story(1.5, ("a rabbit on a stack of pancakes", "a bunny on top of pancakes", "a bunny sitting on a stack of pancakes",
                "a rabbit sitting on top of a stack of pancakes"), (("rabbit",), ("pancakes",)), "on top"),
    Story(1.5, ("{0} sitting on a table", "{0} on a table"), (PETS, ("table",)), "on table", dyed=True),
    Story(0.7, ("a wooden cat statue sitting on a table", "a wooden cat statue on a table"), (("cat",), ("table",)),
          "on table"),
    Story(2, ("{0} on the table", "{0} on a table"), (MEALS, ("table",)), "on table"),
    Story(1.5, ("{0} sitting on grass", "{0} on grass", "{0} standing on the grass"), ((*ANIMALS, "golden retriever"),),
          "standing", ("meadow",), dyed=True),
    Story(2, ("{0} driving on a desert road", "{0} on a desert road", "{0} on the road"), (VEHICLES,), "standing", ("road",),
          dyed=True),
    Story(2, ("{0} in a river", "{0} on a river"), (BOATS,), "standing", ("river",), dyed=True),
    Story(1, ("{0} on a lake", "{0} in a lake"), (BOATS,), "standing", ("lake",), dyed=True),
    Story(2, tuple(f"{{0}} {by} a river" for by in BESIDE), (BUILDINGS,), "building", ("river",), dyed=True),
    Story(2, tuple(f"{{0}} {by} a lake" for by in BESIDE), (BUILDINGS,), "building", ("lake",), dyed=True),
    Story(2, tuple(f"{{0}} {by} the pool" for by in BESIDE), (("villa", "villa", "house"),), "building", ("pool",),
          dyed=True),
    Story(0.6, ("a villa covered with ivy close to the pool",), (("villa",),), "building", ("pool",)),
    Story(2, ("{0} in a forest", "{0} surrounded by forests", "{0} in the woods"), (("cabin", "cabin", *BUILDINGS),),
          "building", ("forest", "pines"), dyed=True),
    Story(1, ("{0} surrounded by flowers", "{0} in a field of flowers"), (("cabin", "cabin", *BUILDINGS),), "building",
          ("flowers", "lavender"), dyed=True),
)  # fmt: skip
DYED_STORIES = {"a wooden cat statue sitting on a table": "brown", "a wooden cat statue on a table": "brown",
                "a villa covered with ivy close to the pool": "green"}  # fmt: skip

FACES = {
    "front": ("front view of {0}, 3d render", "a 3d render of {0}, front view", "{0}, front view"),
    "side": ("side view of {0}, 3d render", "a 3d render of {0}, side view", "{0}, side view"),
    "back": ("back view of {0}, 3d render", "a 3d render of {0}, back view", "{0}, back view"),
    "overhead": ("overhead view of {0}, 3d render", "a 3d render of {0}, overhead view", "{0}, overhead view"),
    "": ("a 3d render of {0}", "{0}, 3d render"),
}
