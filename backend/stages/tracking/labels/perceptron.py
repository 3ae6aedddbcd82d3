"""Features with their labels in, a perceptron that tells them apart out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from .label_network import LabelNetwork


def train_perceptron(
    x: NDArray[np.float32],
    y: NDArray[np.int64],
    hidden: Sequence[int],
    classes: int,
    steps: int,
    batch: int,
    rate: float,
    decay: float,
    input_noise: float,
    dropout: float = 0.0,
) -> LabelNetwork:
    """A perceptron for features (N, F) and their labels (N,)."""
    mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-3
    inputs, labels = torch.from_numpy((x - mean) / deviation), torch.from_numpy(y)
    generator = torch.Generator().manual_seed(0)
    with _one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = _perceptron((x.shape[1], *hidden), classes, dropout)
        loss = torch.nn.CrossEntropyLoss()
        optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
        for _ in range(steps):
            picked = torch.randint(len(inputs), (batch,), generator=generator)
            drawn = inputs[picked]
            noise = input_noise * torch.randn(drawn.shape, generator=generator)
            optimizer.zero_grad()
            loss(model(drawn + noise), labels[picked]).backward()
            optimizer.step()
            schedule.step()
    linear = [layer for layer in model if isinstance(layer, torch.nn.Linear)]
    return LabelNetwork(
        mean.astype(np.float32),
        (1.0 / deviation).astype(np.float32),
        tuple(layer.weight.detach().numpy().T.copy() for layer in linear),
        tuple(layer.bias.detach().numpy().copy() for layer in linear),
    )


def _perceptron(widths: Sequence[int], classes: int, dropout: float) -> torch.nn.Sequential:
    layers: list[torch.nn.Module] = []
    for before, after in pairwise(widths):
        layers += [torch.nn.Linear(before, after), torch.nn.ReLU(), torch.nn.Dropout(dropout)]
    return torch.nn.Sequential(*layers, torch.nn.Linear(widths[-1], classes))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Batches this small are not worth sharing out, and threads that wait for a busy core take ten
    times as long; one alone gives the same result everywhere, too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
