"""Named arrays in `npz` files, without pickle."""

from __future__ import annotations

import zlib
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from .files import whole_file


def write_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    """Write arrays (...) of any shape as an `npz` that numpy reads with `allow_pickle=False`.

    Raises TypeError for arrays of objects, AvatarFolderError where `path` cannot be written.
    """
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"{name} would need pickle")
    # Packed in memory: an archive that a full disk interrupts complains once more when collected.
    packed = BytesIO()
    np.savez_compressed(packed, **arrays)
    with whole_file(path) as partial:
        partial.write_bytes(packed.getbuffer())


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Every array (...) of an `npz` by name.

    Raises OSError, or ValueError where the file is damaged.
    """
    stored = BytesIO(path.read_bytes())
    try:
        with ZipFile(stored) as archive:
            # numpy would act on a damaged header, whatever size it claims, before the checksum.
            if (damaged := archive.testzip()) is not None:
                raise ValueError(f"the checksum of {damaged} is wrong")
        stored.seek(0)
        with np.load(stored, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise ValueError(str(error)) from error
