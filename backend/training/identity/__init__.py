"""A network that knows a person by the texture, whatever light it was filmed in.

embedding.py     texture in, embedding out; stored as safetensors beside a JSON description
album.py         persons of the corpus, each seen in the studio and by several simulated phones
contrastive.py   supervised contrastive training
train_identity.py  `python -m backend train identity`
score.py         does it find unseen persons again?

It is trained twice from different seeds: one network guides other trainings as a loss, the other
scores them, so that what learned to please the one is judged by the other.
"""
