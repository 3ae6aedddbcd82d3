"""The fitted head's texels in the chosen frames: where they lie, how far they are to be trusted.

posed_head.py     the head as it stood in a frame, and a z-buffer
texel_views.py    where a texel lies in a frame and whether that frame shows it
face_openings.py  eyes and the inside of the mouth
eye_colors.py     colours of iris and sclera
frame_sampler.py  a frame opened, to be sampled with all of the above
subsample.py      a few of many, evenly spread
"""
