"""The add-on's sources: its modules import in one direction, and it defines nothing unused."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ADDON = Path(__file__).parents[1] / "studio_avatar_addon"
ENTRIES = {"register", "unregister"}  # called by Blender


def modules() -> dict[str, ast.Module]:
    """Syntax trees by dotted name below the package; a package's own name is its `__init__`."""
    found = {}
    for path in sorted(ADDON.rglob("*.py")):
        parts = path.relative_to(ADDON).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text("utf-8"))
    assert len(found) > 40
    return found


def imported(name: str, tree: ast.Module, known: set[str], is_package: bool) -> Iterator[str]:
    """The add-on's own modules that one imports, at its top or inside its functions."""
    parts = name.split(".") if name else []
    package = parts if is_package else parts[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            base = [*base, *(node.module.split(".") if node.module else [])]
            for alias in node.names:
                module = ".".join([*base, alias.name])
                yield module if module in known else ".".join(base)


def circle(edges: dict[str, set[str]]) -> list[str]:
    """One way round a circle of imports, [] where there is none."""
    finished: set[str] = set()

    def search(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in finished:
            return []
        for target in sorted(edges[name]):
            found = search(target, [*path, name])
            if found:
                return found
        finished.add(name)
        return []

    return next(filter(None, (search(name, []) for name in edges)), [])


def test_circles_are_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_modules_import_each_other_in_one_direction():
    trees = modules()
    packages = {name for name in trees if (ADDON / name.replace(".", "/")).is_dir()}
    edges = {
        name: set(imported(name, tree, set(trees), name in packages))
        for name, tree in trees.items()
    }
    assert "scene.parts" in edges["scene.shape_test"]
    assert circle(edges) == []


def defined(tree: ast.Module) -> Iterator[str]:
    """Functions, classes and constants of a module."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                yield from (part.id for part in ast.walk(target) if isinstance(part, ast.Name))


def test_every_name_is_used():
    """`avatar` has users on the backend's side, too, and is not held to this."""
    trees = {name: tree for name, tree in modules().items() if name.partition(".")[0] != "avatar"}
    used = {
        node.id if isinstance(node, ast.Name) else node.attr
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load)
    }
    unused = [
        f"{module}.{name}"
        for module, tree in trees.items()
        for name in defined(tree)
        if name not in used | ENTRIES
    ]
    assert unused == []
