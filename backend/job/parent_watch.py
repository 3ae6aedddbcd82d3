"""Ends the backend when the process that started it is gone."""

from __future__ import annotations

import os
import threading
import time

import psutil

INTERVAL_S = 1.0  # how long an orphan may work on, at no cost worth counting
ORPHANED_EXIT_CODE = 75  # EX_TEMPFAIL of sysexits.h; nobody is left to read it but a log


def end_with_parent(parent_pid: int) -> None:
    """End this process, whatever it does, soon after its parent is gone: no orphan works on."""

    def parent_is_alive(parent: psutil.Process) -> bool:
        # On POSIX a dead parent that nobody reaped still "runs"; our own parent then changes.
        return os.getppid() == parent_pid if os.name == "posix" else parent.is_running()

    def watch() -> None:
        try:
            parent = psutil.Process(parent_pid)
            while parent_is_alive(parent):
                time.sleep(INTERVAL_S)
        except psutil.NoSuchProcess:
            pass
        os._exit(ORPHANED_EXIT_CODE)

    threading.Thread(target=watch, daemon=True).start()
