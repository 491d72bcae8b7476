"""What a score means: each CLIP's cosines have a scale of their own, measured of right and wrong captions.

docs/models.md: three sets of 100 held-out renders and captions, `python -m bundled_training.evaluate`.
"""

from __future__ import annotations

SCALES = {
    "bundled clip": "0.67 is usual for a picture of its prompt, -0.01 for another's; not OpenAI's scale",
    "bundled clip-grayscale": "0.64 is usual for a picture of its prompt, 0.00 for another's",
}
MEASURES = {
    "clip_score": "the cosine of picture and prompt",
    "alignment": "the cosine of the worst view and its prompt",
    "psnr": "of the picture that came back, in dB; above 30 it can hardly be told from the original",
    "wrap_seam": "how much more the panorama jumps where its ends meet than elsewhere; 1 for no seam, above 2 it shows",
    "pole_pinch": "how much more it runs in spokes at the worse pole than around it; 1 for no pinch",
    "seen_twice": "the share of the sphere that two views or more see",
    "agreement": "PSNR of the views and what the panorama shows of each, in dB; above 30 they can hardly be told apart",
    "view_agreement": "PSNR of the views and what the texture shows of each, in dB, by how straight they look",
    "seam_ratio": "jumps of color where the texture's charts meet, by those inside them; about 1 shows no seam",
    "seam_ratio_smooth": "the same where the surface does not bend by more than 30 degrees",
    "texels_seen": "the share of the surface's texels that a view shows; the others are filled from beside them",
    "opacity": "the share of the light that the object stops; empty below 0.02, a filled box above 0.7",
    "entropy": "how undecided that is, in nats a pixel; fog where it is above 0.75 times the opacity",
}


def meaning(measure: str, clip_model: str = "") -> str:
    """Return what a measure says, and what is much of it by this CLIP; "" where neither is known."""
    return "; ".join(part for part in (MEASURES.get(measure, ""), SCALES.get(clip_model, "")) if part)
