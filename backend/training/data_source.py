"""A trainer's own folders in; what of them there is to learn from out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from ..synthetic.corpus.studio_folder import StudioFolder, open_studio_folder
from .folders import atlas_pictures, content_hash, read_atlas_pictures
from .texture_pool import TexturePool

SIMULATED = "simulated"


@dataclass(frozen=True, eq=False)
class DataSource:
    """Folders whose files are listed but not yet read."""

    phone: list[Path] | None  # pictures in the atlas; None: simulated
    studio: list[Path] | None  # the same
    studio_folder: StudioFolder | None  # textures of another mesh, which lies beside them

    def content_hashes(self) -> tuple[str, str]:
        """16 hex digits each of the phone's and the studio's textures, or "simulated"."""
        phone = SIMULATED if self.phone is None else content_hash(self.phone)
        if self.studio_folder is not None:
            return phone, content_hash([*self.studio_folder.images, self.studio_folder.mesh])
        return phone, SIMULATED if self.studio is None else content_hash(self.studio)

    def describe(self, painted: int, variations: int) -> str:
        """For a model card: what is learnt from beside `painted` persons."""
        painted_persons = f"{painted} painted persons"
        if self.studio_folder is not None:
            names = ", ".join(path.stem for path in self.studio_folder.images)
            return f"{painted_persons} and {variations} variations of the real skins {names}"
        if self.studio is not None:
            return f"{painted_persons} and {len(self.studio)} studio textures of the trainer's own"
        return painted_persons

    def own_textures(
        self, count: int, first_seed: int, size: int, device: torch.device
    ) -> TexturePool | None:
        """Studio textures of the trainer's own, if any: `count` variations, where a mesh tells how
        they lie on a head, else each as often as it takes.

        Raises CorpusError for what cannot be used.
        """
        if self.studio_folder is not None:
            seeds = range(first_seed, first_seed + count)
            return TexturePool.from_folder(self.studio_folder, seeds, size, device)
        if self.studio is None:
            return None
        albedo = read_atlas_pictures(self.studio, size)
        # Few among many painted persons would hardly be drawn.
        repeated = torch.arange(max(count, len(albedo))) % len(albedo)
        return TexturePool.from_colours(albedo[repeated].to(device))


def inspect(phone: str, studio: str) -> DataSource:
    """What "simulated" or a folder each holds.

    Raises CorpusError where a folder holds nothing of use.
    """
    pictures = None if phone == SIMULATED else atlas_pictures(Path(phone), "phone")
    if studio == SIMULATED:
        return DataSource(pictures, None, None)
    if any(Path(studio).glob("*.obj")):
        return DataSource(pictures, None, open_studio_folder(Path(studio)))
    return DataSource(pictures, atlas_pictures(Path(studio), "studio"), None)
