#!/usr/bin/env bash
# Numba's `cache=True` when a file of the cache is shorter than it was: after a power cut, a full
# disk, or a copy that broke off.
#
# Guess beforehand: a cache is a cache; what cannot be read counts as absent, the function is
# compiled again and the file replaced. At worst the first run says so.
#
# Seen with numba 0.68.1, Python 3.11: an index or a code file that is empty or cut ends every call
# of the function with EOFError or UnpicklingError, in each process anew, until somebody removes the
# file. The message names neither numba's cache nor the file. A missing code file, though, is
# compiled again as guessed. So a program that keeps kernels has to check them itself.
#
#   whole cache              works, from the cache
#   code file missing        works, compiled again
#   index empty / cut        EOFError / UnpicklingError, and again in the next process
#   code file empty / cut    likewise
set -eu
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3.11 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
    numba==0.68.1 llvmlite==0.50.0 numpy==1.26.4

cat > "$room/kernel.py" <<'PY'
import numba


@numba.njit(cache=True)
def total(count):
    result = 0
    for k in range(count):
        result += k
    return result


if __name__ == "__main__":
    try:
        value = total(10)
    except Exception as error:
        print(type(error).__name__, "kernel" in str(error) or ".nb" in str(error))
    else:
        hits = sum(total.stats.cache_hits.values())
        print("works", value, "from the cache" if hits else "compiled")
PY

cat > "$room/look.py" <<'PY'
import os
import shutil
import subprocess
import sys
from pathlib import Path

room = Path(sys.argv[1])


def run(folder):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder)}
    command = [sys.executable, str(room / "kernel.py")]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()


whole = room / "whole"
assert run(whole) == "works 45 compiled"
assert run(whole) == "works 45 from the cache"


def changed(suffix, change):
    folder = room / "changed"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    (file,) = folder.rglob(f"*.{suffix}")
    change(file)
    return run(folder), run(folder)


absent = changed("nbc", lambda file: file.unlink())
print("code file missing:", *absent, sep="  ")
assert absent[0] == "works 45 compiled"
for suffix, name in (("nbi", "index"), ("nbc", "code file")):
    for told, kept in (("empty", 0.0), ("cut", 0.5)):
        first, second = changed(
            suffix, lambda file: file.write_bytes(file.read_bytes()[: int(kept * file.stat().st_size)])
        )
        print(f"{name} {told}:", first, second, sep="  ")
        # The error's name, and that its text names neither the function's file nor the cache's.
        assert first == second and first.endswith("Error False"), (first, second)
PY
"$room/venv/bin/python" "$room/look.py" "$room"
