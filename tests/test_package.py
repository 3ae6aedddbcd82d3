"""The zip as a user meets it: built, validated, installed, enabled, and a job run through it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MANIFEST = tomllib.loads((ROOT / "blender_manifest.toml").read_text("utf-8"))

# Runs in a Blender of its own, whose user folder is empty and knows no checkout.
INSTALL_AND_RUN = """
import json, sys, time
from pathlib import Path
import bpy

archive, python, out = sys.argv[1:]
bpy.ops.extensions.package_install_files(
    filepath=archive, repo="user_default", enable_on_install=True
)
name = "bl_ext.user_default.studio_avatar_addon"
preferences = bpy.context.preferences.addons[name].preferences
preferences.backend_python = python
preferences.device = "cpu"
bpy.ops.studio_avatar.check_system()

from bl_ext.user_default import studio_avatar_addon as installed
from bl_ext.user_default.studio_avatar_addon.job_timer import SESSION

package = Path(installed.__file__).parent
written = [str(p.relative_to(package)) for p in package.rglob("*.pyc") if "backend" in p.parts]
jobs = sorted(Path(bpy.utils.extension_path_user(name)).rglob("backend.log"))
print("RESULT", json.dumps({
    "doctor": dict(SESSION.results["doctor"]),
    "package": str(package),
    "written_by_the_backend": written,
    "jobs": len(jobs),
}))
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    """The zip, built from a copy so that the checkout's dist/ is left alone."""
    import build

    dist = tmp_path_factory.mktemp("dist")
    patch = pytest.MonkeyPatch()
    patch.setattr(build, "DIST", dist)
    patch.setattr(build, "run", run_here)
    try:
        assert build.package(with_index=True) == 0
    finally:
        patch.undo()
    (built,) = dist.glob("*.zip")
    return built


def run_here(*arguments: str | Path) -> int:
    """With the interpreter that runs the tests, wherever its environment lies."""
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, check=False).returncode


def test_name_and_index(archive):
    assert archive.name == f"studio_avatar_addon-{MANIFEST['version']}.zip"
    index = json.loads((archive.parent / "index.json").read_text("utf-8"))
    (entry,) = index["data"]
    assert entry["id"] == "studio_avatar_addon"
    assert entry["version"] == MANIFEST["version"]


def test_contents(archive):
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
    for needed in (
        "blender_manifest.toml", "__init__.py", "LICENSE", "avatar/job.py", "scene/apply.py",
        "backend/__main__.py", "backend/pipelines/create.py", "assets/studio_head_1.npz",
    ):  # fmt: skip
        assert needed in names, needed
    junk = re.compile(
        r"(^|/)(tests?|truth.*|training|benchmark|wrapping|sample_capture|demo|__pycache__|\..*)(/|$)|\.(pyc|partial)$"
    )
    assert [name for name in names if junk.search(name)] == []
    assert archive.stat().st_size < 200e6


def test_installed_zip_runs_a_job(archive, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", INSTALL_AND_RUN, archive, sys.executable, tmp_path / "out"],
        cwd=tmp_path,
        env={**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path / "user")},
        capture_output=True,
        text=True,
        check=False,
    )
    result = re.search(r"^RESULT (.*)$", done.stdout, re.MULTILINE)
    assert result, done.stdout[-2000:] + done.stderr[-4000:]
    told = json.loads(result[1])
    assert told["doctor"]["version"] == MANIFEST["version"]
    assert told["doctor"]["device"] == "cpu"
    assert str(tmp_path / "user") in told["package"]
    assert told["written_by_the_backend"] == []
    assert told["jobs"] == 1


def test_lock_is_portable():
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    pins = [line.split("==")[0] for line in lock.splitlines() if line and line[0] != "#"]
    assert "://" not in lock
    assert not re.search(r"^\s*-", lock, re.MULTILINE)
    assert "torch==2.13.0 " in lock
    assert len([name for name in pins if name.startswith("opencv")]) == 1
    assert not {"jax", "jaxlib", "sounddevice", "sentencepiece"} & set(pins)


def test_build_needs_the_standard_library_only(tmp_path):
    done = subprocess.run(
        [sys.executable, "-I", "-S", ROOT / "build.py", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "package" in done.stdout


def test_missing_packages_are_announced_with_their_size(tmp_path, monkeypatch):
    import build

    monkeypatch.setattr(build, "ENVIRONMENT", tmp_path)
    missing = build.missing_packages(build.LOCK)
    assert missing["torch"] > 100
    record = build.site_packages() / "torch-2.13.0+cpu.dist-info" / "RECORD"
    record.parent.mkdir(parents=True)
    record.touch()
    assert "torch" not in build.missing_packages(build.LOCK)
    assert len(build.missing_packages(build.LOCK)) == len(missing) - 1
    shutil.rmtree(build.site_packages())
