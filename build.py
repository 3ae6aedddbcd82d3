"""Set up, try, test, check and package Studio Avatar: commands in, an environment or files out.

    python build.py setup           make .venv from requirements.lock (--likeness: and from
                                    requirements.likeness.lock, what compares faces)
    python build.py demo [CLIP]     clip (or the sample) to a rendered avatar in demo_output/
    python build.py test            check, then every test
    python build.py check           style, types, Blender's own manifest validator
    python build.py package         the extension zip in dist/ (--repo: with a repository index)

Needs Python 3.11 and its standard library only. Commands that need .venv make it first.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
LIKENESS_LOCK = ROOT / "requirements.likeness.lock"
DIST = ROOT / "dist"
PYTHON = (3, 11)

# Tests, training, benchmarks, what only they use and the sample's truth stay in the repository.
NOT_PACKAGED = (
    "__pycache__", "*.pyc", "*.partial", ".*", "training", "benchmark", "synthetic", "registration",
    "template_build", "truth*", "*_studio.py", "portrait_*.py",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("setup").add_argument("--likeness", action="store_true")
    commands.add_parser("demo").add_argument("clip", nargs="?", type=Path)
    commands.add_parser("test")
    commands.add_parser("check")
    commands.add_parser("package").add_argument("--repo", action="store_true")
    chosen = parser.parse_args()
    if sys.version_info[:2] != PYTHON:
        found = ".".join(map(str, sys.version_info[:3]))
        print(
            f"This needs Python {PYTHON[0]}.{PYTHON[1]}, the one version that Blender's module and "
            f"the face tracker share; this is Python {found}.\n"
            "Install Python 3.11 and run `python3.11 build.py ...`."
        )
        return 1
    if not setup():
        return 1
    if chosen.command == "setup" and chosen.likeness:
        return 0 if install(LIKENESS_LOCK) else 1
    if chosen.command == "demo":
        return demo(chosen.clip)
    if chosen.command == "test":
        # As the backend runs: threads that share cores with other processes wait for one another.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        return check() or run("-m", "pytest")
    if chosen.command == "check":
        return check()
    if chosen.command == "package":
        return package(with_index=chosen.repo)
    return 0


def environment_python() -> Path:
    if sys.platform == "win32":
        return ENVIRONMENT / "Scripts" / "python.exe"
    return ENVIRONMENT / "bin" / "python"


def site_packages() -> Path:
    if sys.platform == "win32":
        return ENVIRONMENT / "Lib" / "site-packages"
    return ENVIRONMENT / "lib" / f"python{PYTHON[0]}.{PYTHON[1]}" / "site-packages"


def run(*arguments: str | Path) -> int:
    """Run the environment's Python in the repository's root; returns its exit status."""
    return subprocess.run([environment_python(), *arguments], cwd=ROOT, check=False).returncode


def setup() -> bool:
    """Bring .venv to the state of the lock; True when it is there. Instant when it already was."""
    if not missing_packages(LOCK):
        return True
    if not environment_python().is_file():
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
    if not install(LOCK):
        return False
    if run("-c", "import torch") != 0:
        print(
            "PyTorch was installed but does not start: this system's default build needs GPU\n"
            "libraries that are not pinned here. Point pip at CPU or CUDA wheels that suit this\n"
            "machine (PIP_FIND_LINKS or PIP_EXTRA_INDEX_URL), delete .venv and run it again."
        )
        return False
    return True


def install(lock: Path) -> bool:
    """Install what .venv lacks of a lock; True when all is there."""
    missing = missing_packages(lock)
    if not missing:
        return True
    largest = sorted(missing, key=lambda name: -missing[name])[:3]
    print(
        f"Setting up .venv: {len(missing)} packages, up to {sum(missing.values()):.0f} MB to "
        f"download ({', '.join(f'{name} {missing[name]:.0f} MB' for name in largest)})"
        f"{'; about 3 GB on disk when complete' if lock == LOCK else ''}.",
        flush=True,
    )
    if run("-m", "pip", "install", "--quiet", "--no-deps", "-r", lock) != 0:
        print("The packages could not be installed; pip says why above. Run the command again.")
        return False
    return True


def missing_packages(lock: Path) -> dict[str, float]:
    """Download size in MB of each package of a lock that .venv lacks in that version."""
    installed = {
        normal_name(record.parent.name.removesuffix(".dist-info").split("+")[0])
        for record in site_packages().glob("*.dist-info/RECORD")
    }
    missing: dict[str, float] = {}
    for line in lock.read_text("utf-8").splitlines():
        pin = re.match(r"(\S+)==(\S+)(?: ; sys_platform == \"(\w+)\")?  # ([\d.]+) MB", line)
        if pin is None or pin[3] not in (None, sys.platform):
            continue
        if normal_name(f"{pin[1]}-{pin[2]}") not in installed:
            missing[pin[1]] = float(pin[4])
    return missing


def normal_name(name: str) -> str:
    """Package names compare without regard to case, dots, hyphens and underscores."""
    return re.sub(r"[-_.]+", "-", name).lower()


def demo(clip: Path | None) -> int:
    return run("-m", "demo", *([clip.resolve()] if clip else []))


def check() -> int:
    """All checks run, so that one round of mending sees every complaint; 0 when all are clean."""
    failed = [
        name
        for name, arguments in (
            ("ruff check", ("-m", "ruff", "check", ".")),
            ("ruff format", ("-m", "ruff", "format", "--check", ".")),
            ("basedpyright", ("-m", "basedpyright")),
        )
        if run(*arguments) != 0
    ]
    with tempfile.TemporaryDirectory() as folder:
        stage = stage_extension(Path(folder))
        if run(extension_tool(), "validate", stage) != 0:
            failed.append("blender manifest")
    if failed:
        print(f"Not clean: {', '.join(failed)}.")
    return 1 if failed else 0


def package(*, with_index: bool) -> int:
    """Build dist/studio_avatar_addon-<version>.zip with Blender's own builder and validate it."""
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    with tempfile.TemporaryDirectory() as folder:
        stage = stage_extension(Path(folder))
        if run(extension_tool(), "build", "--source-dir", stage, "--output-dir", DIST) != 0:
            return 1
    (archive,) = DIST.glob("*.zip")
    if run(extension_tool(), "validate", archive) != 0:
        return 1
    return run(extension_tool(), "server-generate", "--repo-dir", DIST) if with_index else 0


def stage_extension(folder: Path) -> Path:
    """Lay the extension out as in the zip: the add-on's package with the backend inside it."""
    stage = folder / "studio_avatar_addon"
    ignore = shutil.ignore_patterns(*NOT_PACKAGED)
    shutil.copytree(ROOT / "studio_avatar_addon", stage, ignore=ignore)
    shutil.copytree(ROOT / "backend", stage / "backend", ignore=ignore)
    for name in ("blender_manifest.toml", "LICENSE", "LICENSE-assets"):
        shutil.copy2(ROOT / name, stage / name)
    return stage


def extension_tool() -> Path:
    """Blender's own extension builder and validator, inside the bpy package."""
    (tool,) = site_packages().glob("bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py")
    return tool


if __name__ == "__main__":
    sys.exit(main())
