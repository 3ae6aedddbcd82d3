"""The fitted head's texels in the chosen frames: where they lie, how far they are to be trusted.

views.py     where a texel lies in a frame and whether that frame shows it
clothes.py   what hides neck and ears: clothes, hair, background
hands.py     hands before the face
openings.py  eyes and the inside of the mouth
eyes.py      colours of iris and sclera
opened.py    a frame opened, to be sampled with all of the above
"""
