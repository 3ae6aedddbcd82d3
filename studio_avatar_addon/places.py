"""Where the backend and the user's own folders are; preferences in, a `Backend` to start out."""

from __future__ import annotations

import sys
from pathlib import Path

import bpy

from .avatar.errors import EnvironmentProblem
from .backend_choice import PACKAGE, backend_choice
from .documents import documents_folder
from .job_client import Backend
from .job_endings import CHOOSE_INTERPRETER

AVATARS, RENDERS = "avatars", "renders"  # folders beside the .blend or in the user's documents
_PACKAGE_FOLDER = Path(__file__).resolve().parent
_IN_ENVIRONMENT = Path("Scripts/python.exe") if sys.platform == "win32" else Path("bin/python")


def user_folder() -> Path:
    """The extension's own folder, for what can be made again: uninstalling deletes it.

    A checkout has one in Blender's user data.
    """
    try:
        return Path(bpy.utils.extension_path_user(PACKAGE))
    except ValueError:
        return Path(bpy.utils.user_resource("DATAFILES", path=_PACKAGE_FOLDER.name))


def cache_folder() -> Path:
    """For what can be made again, and the folders of jobs."""
    chosen = backend_choice().cache_folder
    return Path(bpy.path.abspath(chosen)) if chosen else user_folder() / "cache"


def is_checkout() -> bool:
    """In a checkout the backend lies beside the add-on's package, in an installed zip inside it."""
    return not (_PACKAGE_FOLDER / "backend").is_dir()


def default_python() -> Path:
    """The interpreter used where the preferences name none."""
    environment = _PACKAGE_FOLDER.parent / ".venv" if is_checkout() else user_folder() / "backend"
    return environment / _IN_ENVIRONMENT


def configured_backend() -> Backend:
    """How the backend is started. Raises EnvironmentProblem where no interpreter is chosen."""
    chosen = backend_choice().python
    python = Path(bpy.path.abspath(chosen)) if chosen else default_python()
    if not chosen and not python.is_file():
        raise EnvironmentProblem(
            "No Python interpreter is set for the backend.", CHOOSE_INTERPRETER
        )
    module = "backend" if is_checkout() else f"{_PACKAGE_FOLDER.name}.backend"
    return Backend(python, module, _PACKAGE_FOLDER.parent, cache_folder())


def default_avatar_folder(footage: Path) -> Path:
    """`//avatars/<clip>/` beside the saved .blend, else in the user's documents."""
    return _beside_blend() / AVATARS / footage.stem


def default_render_folder() -> Path:
    """`//renders/` beside the saved .blend, else in the user's documents."""
    return _beside_blend() / RENDERS


def unsaved_folder() -> Path:
    """For the avatars and renders of files that are not saved yet; made when it is needed."""
    return documents_folder() / "Studio Avatar"


def _beside_blend() -> Path:
    return Path(bpy.data.filepath).parent if bpy.data.filepath else unsaved_folder()
