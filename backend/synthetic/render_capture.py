"""A simulated capture's spec in, its frames and truth on disk: Cycles in a process of its own.

The backend never loads Blender: it starts `capture_studio`, whose spec `capture_spec` explains.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.types import Progress

from ..store.source_fingerprint import files_fingerprint

STUDIO = "studio_avatar_addon.scene.capture_studio"
CHECKOUT = Path(__file__).parents[2]
# Where each pass begins and how much of the whole it takes.
PASS_SHARES = {"frames": (0.0, 0.9), "unlit": (0.9, 0.06), "truth": (0.96, 0.04)}


def studio_fingerprint() -> str:
    """Changes with the code of the film set, its lights and materials: what renders are made by."""
    return files_fingerprint((CHECKOUT / "studio_avatar_addon" / "scene").glob("*.py"))


def render_capture(spec: Path, folder: Path, progress: Progress) -> None:
    """Render the spec into `folder`; finished pictures of the same spec are kept.

    Raises EnvironmentProblem where Blender's package is missing or the rendering fails.
    """
    log = spec.with_suffix(".log")
    command = [sys.executable, "-m", STUDIO, str(spec), str(folder)]
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(
            command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            for line in process.stdout or ():
                told = re.match(r"(\w+) (\d+)/(\d+)$", line)
                if told and told[1] in PASS_SHARES:
                    start, share = PASS_SHARES[told[1]]
                    done = start + share * int(told[2]) / int(told[3])
                    progress(done, 1, f"{told[1]} {told[2]} of {told[3]}")
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        lines = log.read_text("utf-8").strip().splitlines() or ["no message"]
        raise EnvironmentProblem(
            f"Blender could not film the capture: {lines[-1]}",
            f"Install the bpy package of requirements.lock; the whole log is {log}.",
        )
