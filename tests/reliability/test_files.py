"""Files that were cut, changed or swapped: read as they are, or answered in one line."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from synoptic.errors import InputError
from synoptic.models.checkpoint import BUNDLED_DIR
from synoptic.models.embeddings import check_embeddings
from synoptic.models.load import load
from synoptic.models.registry import resolve
from synoptic.utils.picture import read_mask, read_picture
from tests.reliability.hostile import amount

FORMATS = {"PNG": {}, "JPEG": {}, "WEBP": {}, "GIF": {}, "BMP": {}, "TIFF": {}, "PPM": {}, "JPEG2000": {}}
MODES = {
    "PNG": ("RGB", "RGBA", "L", "LA", "P", "1", "I;16"),
    "TIFF": ("RGB", "CMYK", "L", "F"),
    "JPEG": ("RGB", "L", "CMYK"),
}


def mutated(whole: bytes, rng: random.Random) -> bytes:
    """Return the bytes cut, with some changed, with a piece doubled, or with another beginning."""
    data, at = bytearray(whole), rng.randrange(len(whole))
    match rng.randrange(5):
        case 0:
            del data[at:]
        case 1:
            for _ in range(rng.randint(1, 30)):
                data[rng.randrange(len(data))] = rng.randrange(256)
        case 2:
            data[at:at] = data[at : at + rng.randrange(1, 200)]
        case 3:
            data[:at] = rng.randbytes(rng.randrange(40))
        case 4:  # a size or a count in the header
            data[rng.randrange(min(40, len(data)))] = rng.choice((0, 1, 127, 128, 255))
    return bytes(data)


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.filterwarnings("ignore")
def test_a_picture_is_read_or_answered_in_one_line(kind, tmp_path):
    rng = random.Random(kind)
    read = 0
    for k in range(amount(72)):
        mode = rng.choice(MODES.get(kind, ("RGB",)))
        base = Image.effect_noise((rng.randint(1, 40), rng.randint(1, 40)), 80)
        image = base.convert("RGB").convert(mode) if mode != "I;16" else base.convert("I;16")
        file = tmp_path / f"{k}.png"
        image.save(file, kind)
        file.write_bytes(mutated(file.read_bytes(), rng))
        for reader, modes in ((read_picture, ("RGB",)), (read_mask, ("L",))):
            try:
                assert reader(str(file)).mode in modes
                read += 1
            except InputError as e:
                assert e.rule and "\n" not in str(e), (mode, str(e))
    assert read > 0


def mutate_directory(model: Path, rng: random.Random) -> str:
    """Change one file of a model: cut it, change bytes or a JSON value, take it away, or put another in its place."""
    files = [p for p in sorted(model.rglob("*")) if p.is_file()]
    file = rng.choice(files)
    what = rng.randrange(5)
    data = file.read_bytes()
    if what == 0:
        file.unlink()
    elif what == 1:
        file.write_bytes(rng.choice(files).read_bytes())
    elif what == 2 and file.suffix == ".json" and data[:1] == b"{":
        config = json.loads(data)
        key = rng.choice(sorted(config))
        config[key] = rng.choice([None, -1, 0, 1e300, "", "x", [], {}, True, [[]], "../../x"])
        file.write_text(json.dumps(config))
        return f"{file.name}: {key} = {config[key]!r}"
    else:
        file.write_bytes(mutated(data, rng) if what != 3 else data[: rng.randrange(len(data))])
    return f"{file.relative_to(model)}: {what}"


@pytest.mark.slow
@pytest.mark.parametrize("origin", ["sd", "if"])
@pytest.mark.filterwarnings("ignore")
def test_a_model_is_loaded_or_answered_in_one_line(origin, tmp_path):
    rng = random.Random(origin)
    faults = []
    for _ in range(amount(25)):
        model = Path(shutil.copytree(BUNDLED_DIR / origin, tmp_path / "model"))
        what = mutate_directory(model, rng)
        try:
            loaded = load(str(model), device="cpu", dtype="float32")
            loaded.predict(torch.zeros(1, *loaded.shape), 500, loaded.embed(["a fox"]))
        except InputError as e:
            if not e.rule or "\n" in str(e):
                faults.append(f"{what}: {e!r}")
        except Exception as e:
            faults.append(f"{what}: {e!r}")
        shutil.rmtree(model)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "tensors",
    [
        {"text": (3, 4, 96)},
        {"text": (2, 4, 5)},
        {"text": (2, 4)},
        {"other": (2, 4)},
    ],
    ids=str,
)
def test_a_file_of_embeddings_is_checked_whole(tensors, tmp_path):
    checkpoint = resolve("bundled")
    about = {"prompts": json.dumps(["", "a fox"]), "model": "bundled", "revision": checkpoint.revision}
    save_file({name: torch.zeros(shape) for name, shape in tensors.items()}, tmp_path / "e.safetensors", about)
    with pytest.raises(InputError) as e:
        check_embeddings(tmp_path / "e.safetensors", checkpoint, [""])
    assert e.value.rule == "embeddings-shape"
