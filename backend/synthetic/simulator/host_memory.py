"""Nothing in; a process that keeps the memory of freed tensors out."""

from __future__ import annotations

import ctypes
import sys

# glibc's malloc.h
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_KEPT_BYTES, _STEP_BYTES = 2**31 - 1, 2**28


def keep_freed_memory() -> None:
    """Stop glibc from handing large tensors back to the system after every operation.

    The system clears them each time they are asked for again, which takes several times as long
    as most operations on them. Where the system's library is another one nothing is done.
    """
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):  # musl
        return
    library.mallopt(_MMAP_MAX, 0)  # no mapping of its own for a large tensor
    library.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
    library.mallopt(_TOP_PAD, _STEP_BYTES)
