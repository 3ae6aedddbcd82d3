"""The studio texture's networks, trained in three phases after "Bridging the Gap" (ECCV 2024).

studio_presets.py how long, how large, how fast
pairs.py          simulated pairs, a pool of them at a time
losses.py         adversarial, path lengths, perceptual, identity
augment.py        what may be done to few pictures without moving them in the atlas
nets.py           all networks in training, and their running means
adversary.py      the discriminator's side of it
phases.py         phone: G_phone learns phone textures; encoder: it learns G_phone's W+ and features
                  on pairs; studio: a copy, G_studio, learns studio textures
model_card.py     the model card
studio_sheets.py  what the networks draw, to look at and in figures
train_phases.py   one phase after the other, with log, sheets and checkpoints
train_studio.py   `python -m backend train studio`
"""
