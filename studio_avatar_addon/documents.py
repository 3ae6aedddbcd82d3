"""The user's documents folder, as the system and its language name it.

Blender knows it, too, but gives it to its file browser only.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from pathlib import Path

_CSIDL_PERSONAL = 5  # shlobj_core.h: the documents, wherever the user or OneDrive moved them
_MAX_PATH = 260  # minwindef.h


def documents_folder() -> Path:
    """Absolute; it need not exist yet."""
    return _windows_documents() or _xdg_documents() or Path.home() / "Documents"


def _windows_documents() -> Path | None:
    if sys.platform != "win32":
        return None
    found = ctypes.create_unicode_buffer(_MAX_PATH)
    failed = ctypes.windll.shell32.SHGetFolderPathW(None, _CSIDL_PERSONAL, None, 0, found)
    return None if failed else Path(found.value)


def _xdg_documents() -> Path | None:
    """What xdg-user-dirs says, as on most Linux desktops: a quoted path, absolute or in $HOME."""
    configuration = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    try:
        text = (configuration / "user-dirs.dirs").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    entry = re.search(r'^\s*XDG_DOCUMENTS_DIR\s*=\s*"(.+)"\s*$', text, re.MULTILINE)
    if entry is None:
        return None
    folder = Path(re.sub(r"\\(.)", r"\1", entry[1].replace("$HOME", str(Path.home()), 1)))
    return folder if folder.is_absolute() else None
