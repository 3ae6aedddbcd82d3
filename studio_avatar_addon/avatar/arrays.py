"""Named arrays in `npz` files, without pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .files import whole_file


def write_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    """Write an `npz` that numpy reads with `allow_pickle=False`."""
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"{name} would need pickle")
    with whole_file(path) as partial, partial.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
