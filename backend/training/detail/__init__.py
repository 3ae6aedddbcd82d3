"""How the diffusion model of the detail stage is trained.

detail_presets.py  how long, how large
filmed_persons.py  painted and real skin, filmed by the simulator at full size, kept between runs
crops.py           crops of them as the network meets them: stage 1 with errors, conditions, truth
denoising.py       one step at a time: noise, loss, running mean
detail_sheets.py   what it draws of persons it never saw, to look at and in figures
model_card.py      the model card
train_detail.py    `python -m backend train detail`
"""
