"""The corpus and the simulator to pictures for the documentation."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from studio_avatar_addon.avatar.template import load_template

from ..imaging.image_files import write_jpeg
from ..job.cache_folder import cache_folder
from ..job.terminal import TerminalProgress
from ..synthetic.corpus.person_sheets import close_up_sheet, head_sheet, texture_srgb, tiled
from ..synthetic.render_capture import CHECKOUT
from ..synthetic.simulator import draw_sheet
from .texture_pool import TexturePool, load_or_paint_bank, load_simulator

DOCS = CHECKOUT / "docs"
# What the documentation's pictures show: enough persons to judge the spread of tones by.
PERSONS, SIZE, CLOSE = 64, 256, 6
HEADS_SIZE, HEAD_PX = 1024, 320
ACROSS, TILE_PX = 8, 160
PAIRS_SEED = 7
QUALITY = 85  # JPEG


def render_corpus(out: Path = DOCS) -> Path:
    """Write corpus.jpg (64 textures), heads.jpg (six on the head from three sides), skin.jpg
    (close-ups at 2048 texels) and pairs.jpg (64 simulated phone textures beside their studio
    textures, and what was seen) to the folder `out`, which is returned. The persons are held out
    of all training."""
    cpu, cache = torch.device("cpu"), cache_folder() / "training"
    bank, tile_px = load_or_paint_bank(cache, range(PERSONS), SIZE), (TILE_PX, TILE_PX)
    small = [
        cv2.resize(texture_srgb(bank.texture(i, cpu)), tile_px, interpolation=cv2.INTER_AREA)
        for i in range(PERSONS)
    ]
    write_jpeg(out / "corpus.jpg", tiled([np.asarray(s, np.uint8) for s in small], ACROSS), QUALITY)
    large = load_or_paint_bank(cache, range(CLOSE), HEADS_SIZE)
    worn = [texture_srgb(large.texture(i, cpu)) for i in range(CLOSE)]
    write_jpeg(out / "heads.jpg", head_sheet(load_template(), worn, HEAD_PX), QUALITY)
    write_jpeg(out / "skin.jpg", close_up_sheet(load_template(), range(CLOSE)), QUALITY)
    simulator = load_simulator(cache, cpu, SIZE, None, TerminalProgress())
    skins = TexturePool.from_bank(bank, cpu)
    generator = torch.Generator().manual_seed(PAIRS_SEED)
    pair = simulator.simulate(skins.take(torch.arange(PERSONS)), generator)
    write_jpeg(out / "pairs.jpg", draw_sheet(pair, ACROSS // 2, TILE_PX), QUALITY)
    return out
