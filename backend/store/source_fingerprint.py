"""Names of modules in; a fingerprint of all the source that they run, out.

What a result was made by is read from the sources' own imports, so that no list can be forgotten.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from studio_avatar_addon import avatar

# The backend's own name: "backend" in a checkout, "studio_avatar_addon.backend" once installed.
BACKEND = __name__.rpartition(".store.")[0]
# Of what is ours, by full name. What else is imported counts by its version.
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
        # Each by a hash of its own: a line that moves from one to the next is a change, too.
        source = file.read_bytes().replace(b"\r\n", b"\n")
        digest.update(hashlib.sha256(source).digest())
    return digest.hexdigest()[:16]


@cache
def import_closure(module: str) -> frozenset[Path]:
    """The module's file and, over and over, those of our modules that it imports, wherever in it.

    Imports inside functions count, and those for type checkers as well: which of them run is not
    decided here. A package's `__init__.py` counts where something is taken from it by name: that a
    module lies below a package does not make it use what the package exports. So an `__init__.py`
    may hold names and exports, but no code that changes what other modules do. Raises ValueError
    for what is no module of ours.
    """
    files = frozenset(_closure(module).values())
    if not files:
        raise ValueError(f"{module} is no module of ours: what it runs would never count.")
    return files


@cache
def package_versions(module: str) -> Mapping[str, str]:
    """Versions of the installed packages that a module's import closure imports, by their names.

    They compute results as our own source does, and MediaPipe's networks lie in its package.
    """
    imported = {
        name.partition(".")[0]
        for ours, file in _closure(module).items()
        for name in _imported_names(ours, file)
    }
    packages = {package for name in imported for package in _distributions().get(name, ())}
    return {package: metadata.version(package) for package in sorted(packages)}


@cache
def _distributions() -> Mapping[str, list[str]]:
    """Packages as they are installed, by the names under which they are imported (cv2, PIL)."""
    return metadata.packages_distributions()


@cache
def _closure(module: str) -> Mapping[str, Path]:
    """Our modules in the import closure, by full name."""
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found and (file := _source(name)) is not None:
            found[name] = file
            waiting += _imported_names(name, file)
    return found


@cache
def _source(module: str) -> Path | None:
    """The file of a module of ours, found without importing anything; None where it is none."""
    for root, folder in FOLDERS.items():
        if module == root or module.startswith(f"{root}."):
            path = folder.joinpath(*module.removeprefix(root).split("."))
            files = (path.with_name(f"{path.name}.py"), path / "__init__.py")
            return next((file for file in files if file.is_file()), None)
    return None


@cache
def _imported_names(module: str, file: Path) -> tuple[str, ...]:
    """Full names of what a module imports: modules, or packages from which it takes names."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    return tuple(_read_imports(package, ast.parse(file.read_bytes())))


def _read_imports(package: str, source: ast.AST) -> Iterator[str]:
    for node in ast.walk(source):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: package.count(".") + 2 - node.level]
            base = ".".join(parents) if node.level else ""
            origin = ".".join(filter(None, (base, node.module)))
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                yield inner if _source(inner) is not None else origin
