"""Makes an avatar from the sample or from CLIP, applies it in Blender, relights and renders it.

Leaves in `demo_output/`: `avatar/` (the avatar folder with its report), `avatar.blend`, three
relit stills, a turntable and `costs.md`, the table of seconds and peak memory. Everything goes
through the operators an artist uses, in the `bpy` package.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import bpy

import studio_avatar_addon
from studio_avatar_addon.avatar.bundle import open_avatar
from studio_avatar_addon.job_timer import SESSION

from .overview import write_overview

OPERATORS = "studio_avatar"  # their group in bpy.ops, there once the add-on is registered
OUTPUT = Path("demo_output")
SAMPLE = Path(studio_avatar_addon.__file__).parent / "assets" / "sample" / "sample.mp4"
RIG = "three_point"
HDRIS = ("city", "sunset")  # HDRIs that Blender ships


@dataclass
class CostTable:
    """Seconds and peak memory of each step, as it happens."""

    rows: list[tuple[str, float, int]] = field(default_factory=list)

    def measure(self, step: str, action: Callable[[], object]) -> None:
        print(f"{step} …", flush=True)
        started = time.monotonic()
        action()
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        self.rows.append((step, time.monotonic() - started, peak_mb))

    def markdown(self) -> str:
        lines = ["| step | seconds | peak memory (MB) |", "|---|---:|---:|"]
        lines += [f"| {step} | {seconds:.1f} | {peak} |" for step, seconds, peak in self.rows]
        return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="build.py demo", description=__doc__)
    parser.add_argument("clip", nargs="?", type=Path, default=SAMPLE)
    parser.add_argument("--quality", default="standard", choices=("draft", "standard", "high"))
    arguments = parser.parse_args()
    make_demo(arguments.clip.absolute(), arguments.quality, OUTPUT.absolute())
    return 0


def make_demo(clip: Path, quality: str, output: Path) -> None:
    """The whole way once, into the folder `output`. Raises RuntimeError as Blender does where an
    operator refuses."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    studio_avatar_addon.register()
    operators = getattr(bpy.ops, OPERATORS)
    avatar, costs = output / "avatar", CostTable()

    started = time.monotonic()
    operators.create_avatar(filepath=str(clip), directory=str(avatar), quality=quality)
    costs.rows += _backend_costs()
    costs.rows.append(("create and apply, whole", time.monotonic() - started, 0))
    costs.measure("save avatar.blend", lambda: _save(output / "avatar.blend"))
    stills = [output / f"still_{light}.png" for light in (RIG, *HDRIS)]
    operators.add_light_rig(rig=RIG)
    costs.measure(stills[0].name, lambda: operators.render_still(filepath=str(stills[0])))
    turntable = output / "turntable.mp4"
    costs.measure(turntable.name, lambda: operators.render_turntable(filepath=str(turntable)))
    operators.remove_light_rig()
    for hdri, still in zip(HDRIS, stills[1:], strict=True):
        operators.set_hdri(environment=hdri, visible=True)
        costs.measure(still.name, lambda still=still: operators.render_still(filepath=str(still)))
    write_overview(
        output / "overview.jpg", open_avatar(avatar).run / "report" / "versions.png", stills
    )
    (output / "costs.md").write_text(costs.markdown(), "utf-8")
    print(costs.markdown())
    print(f"Avatar: {open_avatar(avatar).run}\nPictures: {output}")


def _save(path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(path))


def _backend_costs() -> list[tuple[str, float, int]]:
    """Stage, seconds and peak MB as the backend measured them and told at the job's end."""
    stages = SESSION.results["create"]["stages"]
    return [(s["stage"], s["seconds"], s["peak_mb"]) for s in stages]


if __name__ == "__main__":
    sys.exit(main())
