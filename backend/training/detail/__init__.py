"""How the diffusion model of the detail stage is trained.

presets.py   how long, how large
persons.py   painted and real skin, filmed by the simulator at full size, kept between runs
crops.py     pieces of them as the network meets them: stage 1 in its errors, conditions, truth
learn.py     one step at a time: noise, loss, running mean
sheets.py    what it draws of persons it never saw, to look at and in figures
card.py      the model card
command.py   `python -m backend train detail`
"""
