"""What age and sex change together: shares of other identity parameters per standard deviation.

A positive `sex` is more masculine, a positive `age` older. Adult faces differ between the sexes
chiefly in size, brow, jaw and nose; with age the soft parts sink, lips thin, and nose and ears
grow longer.
"""

from __future__ import annotations

TRENDS: dict[str, dict[str, float]] = {
    "sex": {
        "head_length": 0.4, "head_breadth": 0.3, "face_height": 0.4, "neck_girth": 0.8,
        "brow_ridge": 0.7, "brow_height": -0.5, "forehead_slope": 0.5, "forehead_bulge": -0.4,
        "jaw_width": 0.6, "jaw_angle": 0.5, "chin_height": 0.4, "chin_projection": 0.4,
        "chin_width": 0.5, "nose_length": 0.4, "nose_width": 0.4, "nose_projection": 0.4,
        "nose_bridge": 0.4, "cheek_fullness": -0.4, "eye_opening": -0.4, "upper_lip": -0.4,
        "lower_lip": -0.3, "mouth_width": 0.3, "ear_size": 0.4, "prejowl": 0.2,
    },
    "age": {
        "nasolabial": 0.9, "prejowl": 0.9, "under_eye": 0.8, "cheek_fullness": -0.4,
        "temple_width": -0.5, "eye_depth": 0.5, "eye_opening": -0.6, "brow_height": -0.5,
        "nose_length": 0.4, "nose_tip": -0.6, "nose_width": 0.2, "upper_lip": -0.7,
        "lower_lip": -0.6, "chin_projection": 0.2, "ear_size": 0.5, "lobe_length": 0.8,
        "throat": 0.6,
    },
}  # fmt: skip
