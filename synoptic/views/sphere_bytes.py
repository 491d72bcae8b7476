"""What the views of a sphere, the canvas they agree on and the finished panorama take of memory."""

from __future__ import annotations

from synoptic.views.equirectangular import matching_height

NUMBER, CHANNELS = 4, 3  # bytes of a float32; of pictures
PLACE = 8 + 8 + 4 + 1  # bytes of a view's pixel for the place it reads, its weight, and whether it reads any
COPIES = 4  # of the panorama: in pieces, as a whole, and two while it becomes a picture


def sphere_bytes(num_views: int, fov: float, side: int, height: int, items: int) -> int:
    """Return the bytes of `items` panoramas of that height, whose views of `side` pixels agree in pixels.

    While they agree, of each view's pixel the place it reads, what it shows, that in another order and times its weight, and
    what it shows then; of the canvas its sum and that filled, and the places to fill from. Then, with the views still
    there, the panorama.
    """
    pixels, canvas, panorama = num_views * side**2, 2 * matching_height(fov, side) ** 2, 2 * height**2
    shown = NUMBER * CHANNELS * items
    agreeing = pixels * (PLACE + 4 * shown) + canvas * (8 + 2 * shown)
    finishing = pixels * (PLACE + shown) + canvas * 8 + COPIES * panorama * shown
    return max(agreeing, finishing)
