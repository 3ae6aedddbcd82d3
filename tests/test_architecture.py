"""The import rule of the two processes, read from the sources and tried in fresh interpreters."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ADDON = ROOT / "studio_avatar_addon"
AVATAR = ADDON / "avatar"
BACKEND = ROOT / "backend"
BLENDER = {"bpy", "bmesh", "mathutils", "bpy_extras", "gpu", "blf", "addon_utils"}


def sources(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.py"))
    assert found, f"no sources in {folder}"
    return found


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of every module that a file imports, wherever in it."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *((node.module or "").split("."))))
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}".replace("..", ".")


def offences(folder: Path, allowed) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources(folder)
        for line, name in imports(path)
        if not allowed(name)
    ]


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def test_avatar_imports_numpy_and_the_standard_library_only():
    def allowed(name: str) -> bool:
        top = name.partition(".")[0]
        return (
            top in sys.stdlib_module_names
            or top == "numpy"
            or within(name, "studio_avatar_addon.avatar")
        )

    assert offences(AVATAR, allowed) == []


def test_backend_imports_nothing_of_blender_and_only_avatar_of_the_addon():
    def allowed(name: str) -> bool:
        if within(name, *BLENDER):
            return False
        return not within(name, "studio_avatar_addon") or within(name, "studio_avatar_addon.avatar")

    assert offences(BACKEND, allowed) == []


def test_what_ships_does_not_import_what_does_not():
    """`build.py package` leaves these out of the zip."""
    apart = {"benchmark", "sample_capture", "training", "wrapping"}
    shipped = [f for f in sources(BACKEND) if not apart & set(f.parts)]
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in shipped
        for line, name in imports(path)
        if within(name, *(f"backend.{package}" for package in apart))
    ]
    assert shipped and found == []


def test_backend_names_itself_relatively():
    """Installed it is called studio_avatar_addon.backend, so that its own full name would fail."""
    absolute = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources(BACKEND)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if (isinstance(node, ast.ImportFrom) and not node.level and within(node.module, "backend"))
        or (isinstance(node, ast.Import) and any(within(a.name, "backend") for a in node.names))
    ]
    assert absolute == []


def test_addon_imports_neither_the_backend_nor_what_only_it_has():
    heavy = ("backend", "torch", "mediapipe", "cv2", "av", "scipy", "numba", "psutil")

    def allowed(name: str) -> bool:
        return not within(name, "studio_avatar_addon.backend", *heavy)

    assert offences(ADDON, allowed) == []


def test_addon_reaches_its_own_modules_relatively():
    """Installed its package is called bl_ext.<repository>.studio_avatar_addon."""
    absolute = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources(ADDON)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom)
        and not node.level
        and within(node.module, "studio_avatar_addon")
    ]
    assert absolute == []


@pytest.mark.parametrize(
    ("modules", "forbidden"),
    [
        (["studio_avatar_addon", "studio_avatar_addon.job_client"], ["bpy", "numpy"]),
        (
            [f"studio_avatar_addon.avatar.{path.stem}" for path in AVATAR.glob("[a-z]*.py")],
            ["bpy", "torch", "mediapipe", "av"],
        ),
        (["backend.cli.main"], ["bpy", "torch", "numpy", "mediapipe"]),
    ],
)
def test_import_stays_light(modules, forbidden):
    code = (
        f"import importlib, sys; [importlib.import_module(m) for m in {modules}];"
        f"print([m for m in {forbidden} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_training_imports_without_blender_and_decoders():
    """Training runs on bare GPU machines; nothing to hold where there is no training yet."""
    training = BACKEND / "training"
    if not training.is_dir():
        pytest.skip("there is no training code yet")
    refused = (*BLENDER, "mediapipe", "av")
    assert offences(training, lambda name: not within(name, *refused)) == []
