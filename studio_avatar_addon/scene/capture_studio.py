"""A JSON spec (see `capture_spec`) to a simulated phone capture with its truth, in one folder.

    python -m studio_avatar_addon.scene.capture_studio SPEC.json [FOLDER]

    FOLDER/frames/frame_%06d.png   lit, display-referred sRGB (view transform Standard)
           unlit/frame_%06d.png    RGBA: base colour through the same cameras, without light
           truth/frame_%06d.npz    depth_m (H, W) f32, inf where nothing is; part (H, W) u8:
                                   0 nothing, 1 + index into MATERIALS, 255 the bust
           cameras.npz             camera_from_head (T, 4, 4), time_s, yaw_pitch_rad, weights,
                                   gaze_rad; the camera; identity, neutral_m, eye_centre_m,
                                   iris_linear; strength of the light; of a foreign mesh
                                   skin_triangles (M, 3) too
           capture.json            the spec's fingerprint, and whether all is there

Without FOLDER the results lie beside the spec, in a folder of its name. Finished files of the same
spec are kept: an interrupted run goes on, a finished one ends at once.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..avatar.arrays import write_arrays
from ..avatar.cameras import arrays_from_camera
from ..avatar.errors import StudioAvatarError
from ..avatar.files import whole_file, write_json
from .capture_mesh import skin_triangles
from .capture_passes import PASSES, metered_strength
from .capture_set import CaptureScene
from .capture_spec import CaptureSpec, read_spec

_STATE = "capture.json"
_RESULTS = (*(p.folder for p in PASSES), "cameras.npz", _STATE)


def main(arguments: list[str]) -> int:
    """Render the capture; 0 when it is whole, 2 with one sentence on stderr where it cannot be."""
    if len(arguments) not in (1, 2):
        print("usage: capture_studio SPEC.json [FOLDER]", file=sys.stderr)
        return 2
    spec_path = Path(arguments[0])
    folder = Path(arguments[1]) if len(arguments) == 2 else spec_path.with_suffix("")
    try:
        render_capture(read_spec(spec_path), folder, _print_progress)
    except StudioAvatarError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def render_capture(
    spec: CaptureSpec, folder: Path, report: Callable[[str, int, int], None]
) -> None:
    """Render what is missing in `folder`; `report` gets the pass, done and total views.

    Raises EnvironmentProblem for an unknown HDRI, AvatarFolderError where it cannot write.
    """
    if _is_whole(folder, spec.fingerprint):
        return
    capture = CaptureScene(spec)
    strength = metered_strength(capture)
    capture.light(strength)
    count = len(spec.time_s)
    for render_pass in PASSES:
        paths = [
            folder / render_pass.folder / f"frame_{index:06d}{render_pass.suffix}"
            for index in range(count)
        ]
        missing = [index for index, path in enumerate(paths) if not path.is_file()]
        render_pass.prepare(capture)
        for done, index in enumerate(missing, start=count - len(missing) + 1):
            capture.show(index)
            with whole_file(paths[index]) as partial:
                render_pass.save(capture, partial)
            report(render_pass.folder, done, count)
    _write_cameras(folder / "cameras.npz", capture, strength)
    write_json(folder / _STATE, {"fingerprint": spec.fingerprint, "whole": True})


def _is_whole(folder: Path, fingerprint: str) -> bool:
    """Whether this spec's capture is there already; what another spec left is removed."""
    state = folder / _STATE
    try:
        former = json.loads(state.read_text("utf-8"))
    except (OSError, ValueError):
        former = {}
    if former.get("fingerprint") == fingerprint:
        return bool(former.get("whole"))
    for name in _RESULTS:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    write_json(state, {"fingerprint": fingerprint, "whole": False})
    return False


def _write_cameras(path: Path, capture: CaptureScene, strength: float) -> None:
    spec = capture.spec
    camera_from_head = []
    for index in range(len(spec.time_s)):
        capture.show(index)
        camera_from_head.append(capture.camera_from_head())
    skin = {"skin_triangles": skin_triangles(spec.template)} if spec.is_foreign else {}
    write_arrays(
        path,
        camera_from_head=np.stack(camera_from_head),
        time_s=spec.time_s,
        yaw_pitch_rad=spec.yaw_pitch_rad,
        weights=spec.weights,
        gaze_rad=spec.gaze_rad,
        identity=spec.identity,
        neutral_m=spec.neutral_m,
        eye_centre_m=spec.eye_centre_m,
        iris_linear=spec.iris_linear,
        strength=np.array(strength),
        **arrays_from_camera(spec.camera),
        **skin,
    )


def _print_progress(folder: str, done: int, total: int) -> None:
    print(f"{folder} {done}/{total}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
