"""Named arrays in `npz` files, without pickle."""

from __future__ import annotations

import math
import zlib
from io import BytesIO
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.lib import format as _npy_format
from numpy.typing import NDArray

from .files import read_bytes, write_bytes

# Of a file unpacked: eight times the longest performance (`performances.MAX_FRAMES`).
UNPACKED_LIMIT_BYTES = 512 << 20

PLAIN_KINDS = "biufU"  # truth, numbers and text

_npy: Any = _npy_format  # without types of its own


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
    write_bytes(path, packed.getbuffer())


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Every array (...) of an `npz` by name.

    Raises OSError, or ValueError where the file is damaged or claims more than it can hold.
    """
    stored = BytesIO(read_bytes(path, UNPACKED_LIMIT_BYTES))
    try:
        with ZipFile(stored) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
            if unpacked > UNPACKED_LIMIT_BYTES:
                raise ValueError(f"unpacked it would have {unpacked / 1e6:.0f} MB")
            # numpy would act on a damaged header, whatever size it claims, before the checksum.
            if (damaged := archive.testzip()) is not None:
                raise ValueError(f"the checksum of {damaged} is wrong")
            for entry in archive.infolist():
                with archive.open(entry) as member:
                    _check_header(member, entry.file_size)
        stored.seek(0)
        with np.load(stored, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise ValueError(str(error)) from error


def _check_header(member: IO[bytes], size: int) -> None:
    """Raises ValueError where an array's header promises other bytes than the entry's `size`:
    numpy would first make room for what it promises."""
    try:
        version = _npy.read_magic(member)
        shape, _, dtype = _npy.read_array_header_1_0(member)
    except Exception as error:  # numpy has it parsed as Python: each of its errors can come
        raise ValueError("an array's header cannot be read") from error
    plain = version == (1, 0) and dtype.kind in PLAIN_KINDS and dtype.itemsize > 0
    plain &= all(type(side) is int and 0 <= side < UNPACKED_LIMIT_BYTES for side in shape)
    if not plain or math.prod(shape) * dtype.itemsize != size - member.tell():
        raise ValueError("an array does not fit its entry")
