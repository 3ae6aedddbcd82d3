"""What a frame's pixels show, as stored in its label map."""

from __future__ import annotations

BACKGROUND, SKIN, HAIR, CLOTHES, OTHER = range(5)
# In the order of their values. Skin holds eyes, lips, brows and beards; clothes hold hats and
# scarves; other: glasses, hands, jewellery.
LABEL_NAMES = ("background", "skin", "hair", "clothes", "other")
UNSURE = 255  # not judged, or too close to call
