"""One of several processes that learn together: what it came to, to a file."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from test_detail_network import TINY, a_person
from test_train_studio import context, facts_of, origin
from torch import nn

from backend.job.terminal import Silent
from backend.training.detail import denoising
from backend.training.distributed import (
    accelerator_for_training,
    any_process,
    finish,
    optimizer_step,
)
from backend.training.identity.embedding import LOSS, load
from backend.training.studio.phases import PhonePhase
from backend.training.studio.train_phases import Run, train
from studio_avatar_addon.avatar.template import load_template


def digest(nets: Mapping[str, nn.Module]) -> str:
    mark = hashlib.sha256()
    for net in nets.values():
        for value in net.state_dict().values():
            mark.update(value.numpy().tobytes())
    return mark.hexdigest()


def main(folder: Path) -> None:
    accelerator = accelerator_for_training()
    rank = accelerator.process_index
    made = context(facts_of(load_template()), load(LOSS).requires_grad_(False))
    made = replace(made, accelerator=accelerator)
    assert train(Run(made, origin(), folder / "run", Silent()), None) is not None

    detail = denoising.Nets.of(TINY, accelerator.device)
    training = denoising.DetailTraining(detail, TINY, [a_person(1), a_person(2)], accelerator)
    for number in range(2):
        training.step(number)

    weights = [nn.Parameter(torch.zeros(())) for _ in range(3)]
    loss = (rank + 1) * weights[0] + (weights[1] if rank == 1 else 0.0)
    optimizer_step(accelerator, loss, torch.optim.SGD(weights, 1.0))
    slopes = [None if w.grad is None else w.grad.item() for w in weights]
    optimizer_step(
        accelerator,
        (rank + 1) * weights[0],
        torch.optim.SGD(weights[:1], 1.0),
        max_gradient_norm=0.75,
    )
    assert weights[0].grad is not None

    report = {
        "processes": accelerator.num_processes,
        "studio": digest(made.nets.named()),
        "detail": digest(detail.named()),
        "random": PhonePhase(made, 0).random(0).initial_seed(),
        "slopes": slopes,
        "clipped": [round(weights[0].grad.item(), 4)],
        "late": any_process(accelerator, rank == 1),
        "early": any_process(accelerator, False),
        "finished": finish(accelerator, "done"),
    }
    (folder / f"{rank}.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
