"""Runs in, their rows out, each run in a process of its own.

So a run's peak memory is its own, and a crash is one run's.
"""

from __future__ import annotations

import multiprocessing
import os
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from studio_avatar_addon.avatar.errors import StudioAvatarError

BLAS_THREADS = "OPENBLAS_NUM_THREADS"

SomeRun = TypeVar("SomeRun")
SomeRow = TypeVar("SomeRow")


def rows_of_all(
    measured: Callable[[SomeRun], list[SomeRow]],
    failed: Callable[[SomeRun, str], list[SomeRow]],
    many: Sequence[SomeRun],
    timed: Sequence[SomeRun],
) -> Iterator[SomeRow]:
    """The rows of `many` runs, as many at a time as there are cores, then those of runs whose time
    counts, one by one. `measured` must be a module's own function."""
    rows_of = partial(_rows_of, measured, failed)
    with _one_thread_each():
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for rows in pool.map(rows_of, many):
                yield from rows
        for run in timed:
            yield from rows_of(run)


def _rows_of(
    measured: Callable[[SomeRun], list[SomeRow]],
    failed: Callable[[SomeRun, str], list[SomeRow]],
    run: SomeRun,
) -> list[SomeRow]:
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(1, mp_context=context) as process:
            return process.submit(_in_words, measured, failed, run).result()
    except Exception as error:  # a bug is a row too, and the others go on
        traceback.print_exc()
        return failed(run, f"{type(error).__name__}: {error}")


def _in_words(
    measured: Callable[[SomeRun], list[SomeRow]],
    failed: Callable[[SomeRun, str], list[SomeRow]],
    run: SomeRun,
) -> list[SomeRow]:
    try:
        return measured(run)
    except StudioAvatarError as error:
        return failed(run, error.problem)


@contextmanager
def _one_thread_each() -> Generator[None]:
    """For processes started inside, as the product does it: more only wait for one another."""
    before = os.environ.get(BLAS_THREADS)
    os.environ[BLAS_THREADS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[BLAS_THREADS]
        else:
            os.environ[BLAS_THREADS] = before
