#!/usr/bin/env bash
# face_recognition_models, which holds dlib's networks, beside a setuptools of today.
#
# Guess beforehand: a package that holds nothing but model files imports wherever it installs; what
# it needs to import it names as a requirement.
#
# Seen with face_recognition_models 0.3.0, setuptools 82.0.1 and Python 3.11: it installs without a
# word and names no requirement, but its __init__ imports pkg_resources, which setuptools has no
# longer from 82 on: ModuleNotFoundError. face_recognition, which stands on it, then asks to install
# what is installed. Its files are whole: found without importing it (importlib.util.find_spec, then
# the folder `models`), they load.
#
#   setuptools 80.9.0: imported; 82.0.1: No module named 'pkg_resources'; networks found: 4
set -eu
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3.11 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
    face_recognition_models==0.3.0 setuptools==80.9.0

cat > "$room/look.py" <<'PY'
import importlib
import importlib.metadata
import importlib.util
import sys
from pathlib import Path

print("setuptools", importlib.metadata.version("setuptools"))
print("requirements:", importlib.metadata.requires("face_recognition_models"))
assert not importlib.metadata.requires("face_recognition_models")
try:
    importlib.import_module("face_recognition_models")
    said = "imported"
except ModuleNotFoundError as error:
    said = str(error)
networks = list(Path(importlib.util.find_spec("face_recognition_models").origin).parent.glob("models/*.dat"))
print(said, "; networks found:", len(networks))
assert len(networks) == 4
assert (said == "imported") == (sys.argv[1] == "has it"), said
PY
"$room/venv/bin/python" -W ignore "$room/look.py" "has it"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check setuptools==82.0.1
"$room/venv/bin/python" "$room/look.py" "has it not"
