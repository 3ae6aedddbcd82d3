"""Which of the face detector's 478 landmarks lies where: MediaPipe's Face Mesh, by name.

The first 468 cover the face, in the order of the mesh's `canonical_face_model.obj`; the last ten
are the irises, which `refine_landmarks` adds. That order follows no rule, hence these names. Left
and right are the subject's, as MediaPipe has them; what is given for both sides is (right, left).
"""

from __future__ import annotations

# Eyes. Lids run from the inner corner to the outer one along the edge of each lid, corners
# included; a contour goes round from the outer corner along the lower lid and back along the upper.
EYE_LINE = RIGHT_EYE_OUTER, LEFT_EYE_OUTER = 33, 263
RIGHT_EYE_INNER, LEFT_EYE_INNER = 133, 362
RIGHT_UPPER_LID = (133, 173, 157, 158, 159, 160, 161, 246, 33)
LEFT_UPPER_LID = (362, 398, 384, 385, 386, 387, 388, 466, 263)
RIGHT_LOWER_LID = (133, 155, 154, 153, 145, 144, 163, 7, 33)
LEFT_LOWER_LID = (362, 382, 381, 380, 374, 373, 390, 249, 263)
RIGHT_EYE_CONTOUR = (*RIGHT_LOWER_LID[::-1], *RIGHT_UPPER_LID[1:-1])
LEFT_EYE_CONTOUR = (*LEFT_LOWER_LID[::-1], *LEFT_UPPER_LID[1:-1])
EYE_CONTOURS = (RIGHT_EYE_CONTOUR, LEFT_EYE_CONTOUR)
CONTOUR_LOWER_MIDDLE, CONTOUR_UPPER_MIDDLE = 4, 12  # places within a contour
# Facing points in the middle of upper and lower lid, and one to either side of it.
RIGHT_LID_MIDDLE, LEFT_LID_MIDDLE = (159, 145), (386, 374)
RIGHT_LID_PAIRS = (RIGHT_LID_MIDDLE, (158, 153), (160, 144))
LEFT_LID_PAIRS = (LEFT_LID_MIDDLE, (385, 380), (387, 373))
# Centre, then four points on the rim.
RIGHT_IRIS = (468, 469, 470, 471, 472)
LEFT_IRIS = (473, 474, 475, 476, 477)
IRISES = (RIGHT_IRIS, LEFT_IRIS)

# Brows, both edges from the nose outward.
RIGHT_BROW_UPPER, LEFT_BROW_UPPER = (107, 66, 105, 63, 70), (336, 296, 334, 293, 300)
RIGHT_BROW_LOWER, LEFT_BROW_LOWER = (55, 65, 52, 53, 46), (285, 295, 282, 283, 276)
RIGHT_BROW_MIDDLE, LEFT_BROW_MIDDLE = 105, 334  # of the upper edge
# Points whose hull holds an eye and its brow.
EYE_REGIONS = ((33, 133, 159, 145, 70, 107), (263, 362, 386, 374, 300, 336))

# Lips. The outer borders from the right corner to the left, corners included; the inner border is
# a closed outline from the right corner along the upper lip and back along the lower.
MOUTH_CORNERS = RIGHT_MOUTH_CORNER, LEFT_MOUTH_CORNER = 61, 291
OUTER_UPPER_LIP = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
OUTER_LOWER_LIP = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
INNER_LIPS = (
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95,
)  # fmt: skip
# Of the inner border, but for what lies near the corners.
INNER_UPPER_LIP, INNER_LOWER_LIP = (81, 82, 13, 312, 311), (178, 87, 14, 317, 402)
# Facing points of the inner border: in the middle, and one to either side.
LIP_MIDDLE = (13, 14)
LIP_PAIRS = (LIP_MIDDLE, (82, 87), (312, 317))
UPPER_LIP_OUTER_MIDDLE, LOWER_LIP_OUTER_MIDDLE = 0, 17

# Along the midline, from the top.
HAIRLINE, FOREHEAD, NOSE_ROOT, NOSE_BRIDGE, NOSE_TIP, SUBNASALE = 10, 151, 168, 197, 4, 2
CHIN_BOSS, CHIN = 199, 152  # its foremost and its lowest point

# Beside it.
RIGHT_NOSE_WING, LEFT_NOSE_WING = 129, 358
RIGHT_NOSTRIL, LEFT_NOSTRIL = 98, 327  # the wing's foot
RIGHT_UNDER_EYE, LEFT_UNDER_EYE = 119, 348
RIGHT_CHEEK, LEFT_CHEEK = 50, 280
# Points round the middle of each cheek, whose hull shows nothing but skin.
CHEEK_REGIONS = ((50, 205, 36, 142, 100, 118), (280, 425, 266, 371, 329, 347))

# The face's outline, in no order: it slides along the silhouette as the head turns.
FACE_OVAL = (
    10, 21, 54, 58, 67, 93, 103, 109, 127, 132, 136, 148, 149, 150, 152, 162, 172, 176,
    234, 251, 284, 288, 297, 323, 332, 338, 356, 361, 365, 377, 378, 379, 389, 397, 400, 454,
)  # fmt: skip
RIGHT_FACE_SIDE, LEFT_FACE_SIDE = 234, 454  # where the face is widest, before the tragus
RIGHT_JAW_ANGLE, LEFT_JAW_ANGLE = 132, 361
RIGHT_JAW, LEFT_JAW = 136, 365  # midway from its angle to the chin
RIGHT_TEMPLE, LEFT_TEMPLE = 162, 389

# The landmark at each of the inner 51 of iBUG's 68 points, in iBUG's order (Sagonas et al., "300
# Faces in-the-Wild Challenge", 2013): brows, nose, eyes, outer and inner lips.
IBUG_51 = (
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 197, 5, 4, 98, 97, 2, 326, 327,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
