"""A network and an album of persons it never saw in; how well it tells them apart out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .album import Album
from .embedding import IdentityNet


@dataclass(frozen=True)
class Recognition:
    """Shares in [0, 1]."""

    found: float  # phone views whose nearest studio texture, of all persons, is their own
    equal_error: float  # where as many strangers are accepted as own views are refused


@torch.no_grad()
def measure_recognition(net: IdentityNet, album: Album) -> Recognition:
    """How well phone views are told from those of all other persons of the album."""
    vectors = torch.stack([net(views.float() / 255) for views in album.views])  # (P, L, D)
    studio, phone = vectors[:, 0], vectors[:, 1:]
    similarity = torch.einsum("pld,qd->plq", phone, studio)
    own = torch.arange(album.persons)
    found = (similarity.argmax(2) == own[:, None]).float().mean()
    genuine = similarity[own, :, own].flatten()
    impostors = similarity[
        ~torch.eye(album.persons, dtype=torch.bool)[:, None].expand_as(similarity)
    ]
    return Recognition(float(found), _equal_error(genuine, impostors))


def _equal_error(genuine: Tensor, impostors: Tensor) -> float:
    thresholds = torch.linspace(-1.0, 1.0, 401)
    refused = (genuine[None] < thresholds[:, None]).float().mean(1)
    accepted = (impostors[None] >= thresholds[:, None]).float().mean(1)
    nearest = (refused - accepted).abs().argmin()
    return float((refused[nearest] + accepted[nearest]) / 2)
