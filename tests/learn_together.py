"""One of several processes that train the studio network together: what it came to, to a file."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import torch
from accelerate import Accelerator
from test_train_studio import QUICK, SIZE, made_up_pairs, origin

from backend.atlas import atlas_table
from backend.terminal import Silent
from backend.training.identity.network import LOSS, load
from backend.training.studio.nets import Nets
from backend.training.studio.pairs import AtlasFacts, Pairs, Sources, skin_and_weight
from backend.training.studio.phases import Setting
from backend.training.studio.train import Run, train
from studio_avatar_addon.avatar.template import load_template


def main(folder: Path) -> None:
    accelerator = Accelerator(cpu=True)
    who = accelerator.process_index
    skin, weight = skin_and_weight(atlas_table(load_template(), SIZE))
    normal = torch.zeros(1, 3, SIZE, SIZE)
    normal[:, 0] = 1.0
    facts = AtlasFacts(skin, weight, normal, torch.ones(1, SIZE, SIZE))

    def own_pairs(number: int) -> Pairs:
        return made_up_pairs(100 * who + number)

    sources = Sources(facts, made_up_pairs(-1), own_pairs, QUICK.stock_steps)
    nets = Nets.of(QUICK.shape, 1, accelerator.device)
    identity = load(LOSS).requires_grad_(False)
    setting = Setting(nets, QUICK, sources, identity, 1, accelerator)
    assert train(Run(setting, origin(), folder / "run", Silent()), None) is not None
    digest = hashlib.sha256()
    for net in nets.named().values():
        for value in net.state_dict().values():
            digest.update(value.numpy().tobytes())
    told = {
        "processes": accelerator.num_processes,
        "weights": digest.hexdigest(),
        "seen": float(own_pairs(0).studio_srgb.float().mean()),
    }
    (folder / f"{who}.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
