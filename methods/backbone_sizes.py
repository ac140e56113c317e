"""How large a CLIP's weights are, told from its name: nothing is imported or fetched for it."""

from __future__ import annotations

PARAMETERS = {
    "ViT-B-32": 151_277_313,
    "ViT-B-16": 149_620_737,
    "ViT-B-16-plus-240": 208_377_345,
    "ViT-L-14": 427_616_513,
    "ViT-L-14-336": 427_944_193,
    "ViT-H-14": 986_109_441,
    "ViT-g-14": 1_366_678_273,
    "ViT-bigG-14": 2_539_567_105,
}
"""Of open_clip's models, counted from their configurations; quick GELU has no parameters."""


def weights_megabytes(backbone: str) -> int | None:
    """Megabytes of a backbone's weights in float32, to two digits; None where the name is not known.

    Files in half precision, as OpenAI's own, are half as large.
    """
    count = PARAMETERS.get(backbone.removesuffix("-quickgelu"))
    return None if count is None else int(float(f"{count * 4 / 1e6:.1e}"))
