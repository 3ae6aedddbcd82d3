"""What the tests of operators say to the add-on beside calling it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from studio_avatar_addon.job_status import JobStatus
from studio_avatar_addon.job_timer import SESSION


def forget_jobs() -> None:
    """As after a restart of Blender."""
    SESSION.close()
    SESSION.status, SESSION.error = JobStatus(), None
    SESSION.results.clear()


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(RuntimeError) as caught:
        call()
    return str(caught.value)
