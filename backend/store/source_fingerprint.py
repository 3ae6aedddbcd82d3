"""Names of modules in; a mark of all the source that they run, out.

What a result was made by is read from the sources' own imports, so that no list can be forgotten.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from studio_avatar_addon import avatar

# The backend's own name: "backend" in a checkout, "studio_avatar_addon.backend" once installed.
BACKEND = __name__.rpartition(".store.")[0]
# Of what is ours, by full name; whatever else is imported is pinned by the lock.
FOLDERS = {
    BACKEND: Path(__file__).parents[1],
    avatar.__name__: Path(str(avatar.__file__)).parent,
}


def source_fingerprint(*modules: str) -> str:
    """16 hex digits that change with any line of `modules` (full names) or of ours they import."""
    return files_fingerprint(set().union(*(import_closure(module) for module in modules)))


def files_fingerprint(files: Iterable[Path]) -> str:
    """16 hex digits that change with any line of the source `files`, in whatever order."""
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:16]


@cache
def import_closure(module: str) -> frozenset[Path]:
    """The module's file and, over and over, those of our modules that it imports, wherever in it.

    A package's `__init__.py` counts where something is taken from it by name: that a module lies
    below a package does not make it use what the package gathers.
    """
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found or not _is_ours(name) or (file := _source(name)) is None:
            continue
        found[name] = file
        waiting += _imports(name, file)
    return frozenset(found.values())


@cache
def _source(module: str) -> Path | None:
    """The module's file, found without importing anything; None where there is no such module."""
    root = next(name for name in FOLDERS if module.startswith(name))
    path = FOLDERS[root].joinpath(*module.removeprefix(root).split("."))
    files = (path.with_name(path.name + ".py"), path / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def _is_ours(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in FOLDERS)


def _imports(module: str, file: Path) -> Iterator[str]:
    """Full names of what a module imports: modules, or packages from which it takes names."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: package.count(".") + 2 - node.level]
            base = ".".join(parents) if node.level else ""
            source = ".".join(filter(None, (base, node.module)))
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                yield inner if _is_ours(inner) and _source(inner) else source
