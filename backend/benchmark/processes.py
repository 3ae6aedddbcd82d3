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

RunT = TypeVar("RunT")
RowT = TypeVar("RowT")


def run_all(
    measure: Callable[[RunT], list[RowT]],
    on_failure: Callable[[RunT, str], list[RowT]],
    parallel: Sequence[RunT],
    sequential: Sequence[RunT],
) -> Iterator[RowT]:
    """The rows of `many` runs, as many at a time as there are cores, then those of runs whose time
    counts, one by one. `measured` must be a module's own function."""
    run_one = partial(_run_isolated, measure, on_failure)
    with _single_blas_thread():
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for rows in pool.map(run_one, parallel):
                yield from rows
        for run in sequential:
            yield from run_one(run)


def _run_isolated(
    measure: Callable[[RunT], list[RowT]],
    on_failure: Callable[[RunT, str], list[RowT]],
    run: RunT,
) -> list[RowT]:
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(1, mp_context=context) as process:
            return process.submit(_run_reported, measure, on_failure, run).result()
    except Exception as error:  # a bug is a row too, and the others go on
        traceback.print_exc()
        return on_failure(run, f"{type(error).__name__}: {error}")


def _run_reported(
    measure: Callable[[RunT], list[RowT]],
    on_failure: Callable[[RunT, str], list[RowT]],
    run: RunT,
) -> list[RowT]:
    try:
        return measure(run)
    except StudioAvatarError as error:
        return on_failure(run, error.problem)


@contextmanager
def _single_blas_thread() -> Generator[None]:
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
