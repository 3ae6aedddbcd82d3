"""Whether there is memory enough for what is to come, and which errors mean that there was not."""

from __future__ import annotations

import errno
import math
import sys

from studio_avatar_addon.avatar.errors import EnvironmentProblem

REMEDY = "Close other programs or choose a lower quality."
# How those say it that raise no MemoryError: the loader of libraries (two), Python's threads,
# OpenCV, Torch on processor and graphics card.
SIGNS = (
    "failed to map segment",
    "cannot allocate memory",
    "can't start new thread",
    "insufficient memory",
    "not enough memory",
    "out of memory",
)


def means_lack_of_memory(error: BaseException) -> bool:
    """Whether the error is one, or was raised because of one."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError):
            return True
        if isinstance(cause, OSError) and cause.errno == errno.ENOMEM:
            return True
        if any(sign in str(cause).lower() for sign in SIGNS):
            return True
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return False


def lack_of_memory() -> EnvironmentProblem:
    """The failure to tell of."""
    return EnvironmentProblem("The computer ran out of memory.", REMEDY)


def require_memory(bytes_needed: int, what: str) -> None:
    """Raises EnvironmentProblem where the process could not become so large; `what`, the sentence's
    subject, is about to need that."""
    free = _attainable_bytes()
    if bytes_needed > free:
        needed, left = math.ceil(bytes_needed / 1e8) / 10, math.floor(free / 1e8) / 10
        raise EnvironmentProblem(
            f"{what} needs about {needed} GB of memory, {left} GB can be had.", REMEDY
        )


def _attainable_bytes() -> int:
    """What this process has and can still have, swap included: slow, but no reason to refuse."""
    import psutil  # an interpreter that lacks it can still tell of memory

    own = psutil.Process().memory_info()
    free = psutil.virtual_memory().available + psutil.swap_memory().free
    if sys.platform != "win32":
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            free = min(free, limit - own.vms)
    return own.rss + max(free, 0)
