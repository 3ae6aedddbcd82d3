"""The studio texture's networks, trained in three phases after "Bridging the Gap" (ECCV 2024).

presets.py      how long, how large, how fast
folders.py      a studio's own pictures in the atlas
pairs.py        simulated pairs, a stock of them at a time
losses.py       adversarial, path lengths, perceptual, identity
augment.py      what may be done to few pictures without moving them in the atlas
nets.py         all networks in training, and their running means
adversary.py    the discriminator's side of it
phases.py       phone: G_phone learns phone textures; encoder: it learns G_phone's W+ and features
                on pairs; studio: a copy, G_studio, learns studio textures
checkpoint.py   stop and go on
card.py         the model card
train.py        one phase after the other, with log, sheets and checkpoints
command.py      `python -m backend train studio`
"""
