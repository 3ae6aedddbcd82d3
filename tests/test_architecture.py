"""The import rules, read from the sources and tried in fresh interpreters."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from backend.cli.commands import COMMANDS

ROOT = Path(__file__).parents[1]
ADDON = ROOT / "studio_avatar_addon"
AVATAR = ADDON / "avatar"
BACKEND = ROOT / "backend"
# The backend's rooms from the top down: each imports only those below it (docs/architecture.md).
ROOMS = (
    "cli", "benchmark", "training", "template_build", "synthetic", "registration", "pipelines",
    "store", "stages", "template", "detector", "atlas", "geometry", "imaging", "job",
)  # fmt: skip
MAX_ROOMS, MAX_FILES_AT_ROOT = 15, 4
# `build.py package` leaves these out of the zip.
NOT_PACKAGED = {"benchmark", "training", "template_build", "synthetic", "registration"}
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
    shipped = [f for f in sources(BACKEND) if not NOT_PACKAGED & set(f.parts)]
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in shipped
        for line, name in imports(path)
        if within(name, *(f"backend.{package}" for package in NOT_PACKAGED))
    ]
    assert shipped and found == []


def test_backend_has_few_rooms_and_arrows_only_downward():
    folders = {path.name for path in BACKEND.iterdir() if any(path.glob("*.py"))}
    assert folders == set(ROOMS) and len(ROOMS) <= MAX_ROOMS
    assert len(list(BACKEND.glob("*.py"))) <= MAX_FILES_AT_ROOT
    upward = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources(BACKEND)
        if path.parent != BACKEND
        for line, name in imports(path)
        if within(name, *(f"backend.{room}" for room in ROOMS[: ROOMS.index(room_of(path))]))
    ]
    assert upward == []


def room_of(path: Path) -> str:
    return path.relative_to(BACKEND).parts[0]


@pytest.mark.parametrize("folder", [BACKEND, ADDON], ids=["backend", "addon"])
def test_no_circles(folder):
    """Neither between modules nor between a folder's rooms, whatever Python makes of them."""
    modules = {module_name(path): path for path in sources(folder)}
    arrows: dict[str, set[str]] = {}
    for module, path in modules.items():
        for _, name in imports(path):
            target = name if name in modules else name.rpartition(".")[0]
            if target in modules and target != module:
                here, there = apart(module, target)
                arrows.setdefault(here, set()).add(there)
    try:
        tuple(TopologicalSorter(arrows).static_order())
    except CycleError as error:
        pytest.fail(f"a circle: {' <- '.join(error.args[1])}")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def apart(module: str, target: str) -> tuple[str, str]:
    """Two modules as seen from the folder that holds both: its rooms or files that hold them."""
    here, there = module.split("."), target.split(".")
    common = next((k for k, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), None)
    if common is None:  # one holds the other: what a package gathers is not part of the picture
        return module, target
    return ".".join(here[: common + 1]), ".".join(there[: common + 1])


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


def test_every_name_has_a_user():
    """Functions, classes and constants of modules, methods of classes; Blender calls some."""
    called_by_blender = {"register", "unregister", "poll_drop", "draw_header"}
    trees = {path: ast.parse(path.read_text("utf-8")) for path in sources(ADDON) + sources(BACKEND)}
    users = [ast.parse(path.read_text("utf-8")) for path in sources(ROOT / "tests")]
    used = set().union(*map(uses, (*trees.values(), *users))) | called_by_blender
    unused = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, tree in trees.items()
        for name in definitions(tree)
        if name not in used and not name.startswith("__")
    ]
    assert unused == []


def definitions(tree: ast.Module | ast.ClassDef) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        if isinstance(node, ast.ClassDef) and not node.bases:
            yield from definitions(node)
        elif isinstance(node, ast.Assign) and isinstance(tree, ast.Module):
            for target in node.targets:
                yield from (part.id for part in ast.walk(target) if isinstance(part, ast.Name))


def uses(tree: ast.Module) -> set[str]:
    """Names that are read, and words that name something by text (a function of a command)."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            found.add(node.id if isinstance(node, ast.Name) else node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


@pytest.mark.parametrize(
    ("modules", "forbidden"),
    [
        (["studio_avatar_addon", "studio_avatar_addon.job_client"], ["bpy", "numpy"]),
        (
            [f"studio_avatar_addon.avatar.{path.stem}" for path in AVATAR.glob("[a-z]*.py")],
            ["bpy", "torch", "mediapipe", "av"],
        ),
        (
            # NumPy's threads are set by the first job, before anything loads it.
            ["backend.cli.main", *(f"backend.cli.commands.{name}" for name in COMMANDS)],
            ["bpy", "torch", "numpy", "mediapipe"],
        ),
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
    """Training runs on bare GPU machines."""
    training = ("training.studio.train_studio", "training.detail.train_detail")
    refused = [*BLENDER, "mediapipe", "av"]
    code = (
        f"import importlib, sys; [importlib.import_module(f'backend.{{m}}') for m in {training}];"
        f"print([m for m in {refused} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
