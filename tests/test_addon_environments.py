"""The HDRIs that Blender ships are found wherever a build keeps its data."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

ROOT = Path(__file__).parents[1]

# Prints what the add-on offers. For a Blender of its own: it looks for its data when it starts.
LIST_AND_LIGHT = """
import bpy
from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.scene import lights
print("SHIPPED", *lights.environments())
for name in lights.environments():
    print("FILE", lights.environment_path(name))
try:
    lights.set_environment(bpy.context.scene, "atlantis")
except EnvironmentProblem as error:
    print("REMEDY", error.remedy)
"""


def told(datafiles: Path) -> dict[str, str]:
    """What Blender answers that keeps its data in `datafiles`, as a distribution's build does."""
    done = subprocess.run(
        [sys.executable, "-c", LIST_AND_LIGHT],
        cwd=ROOT,
        env={**os.environ, "BLENDER_SYSTEM_DATAFILES": str(datafiles)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.partition(" ") for line in done.stdout.splitlines()]
    return {word: rest for word, _, rest in lines if word in ("SHIPPED", "FILE", "REMEDY")}


@pytest.fixture
def datafiles(tmp_path: Path) -> Path:
    """Blender's data without the HDRIs, elsewhere."""
    own = Path(bpy.utils.system_resource("DATAFILES"))
    elsewhere = tmp_path / "share" / "datafiles"
    (elsewhere / "studiolights").mkdir(parents=True)
    for entry in own.iterdir():
        if entry.name != "studiolights":
            (elsewhere / entry.name).symlink_to(entry)
    return elsewhere


def test_environments_of_a_distribution_s_build(datafiles: Path) -> None:
    world = datafiles / "studiolights" / "world"
    world.mkdir()
    own = Path(bpy.utils.system_resource("DATAFILES", path="studiolights/world"))
    (world / "attic.exr").symlink_to(own / "city.exr")
    answer = told(datafiles)
    assert answer["SHIPPED"] == "attic"
    assert answer["FILE"] == str(world / "attic.exr")
    assert "attic" in answer["REMEDY"]


def test_build_without_environments_offers_files_only(datafiles: Path) -> None:
    (datafiles / "studiolights" / "world").mkdir()
    answer = told(datafiles)
    assert "FILE" not in answer
    assert answer["REMEDY"] == "Give the path of an .exr or .hdr file."
