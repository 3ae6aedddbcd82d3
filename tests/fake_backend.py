"""Speaks the job protocol as the backend does, and fails as the environment variable FAKE says.

    python -m fake_backend run JOB_DIR --parent-pid PID

Standard library only and free of our own modules: it stands for the other side of the protocol.
FAKE_AVATAR names an avatar folder that a successful `create` copies to its `out`.
"""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

HELLO = {"event": "hello", "protocol": 1, "format": 1, "backend": "0.1.0", "pid": os.getpid()}
STAGES = ("footage", "tracking", "fitting")


def main() -> None:
    job = Path(sys.argv[2])
    request = json.loads((job / "request.json").read_text("utf-8"))
    print("the log's first line", flush=True)
    MODES[os.environ.get("FAKE", "work")](job, request)


def emit(job: Path, **event: object) -> None:
    with (job / "events.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(event) + "\n")


def work(job: Path, request: dict) -> None:
    emit(job, **HELLO, later_field="ignored")
    for index, stage in enumerate(STAGES):
        message = "on cpu, as requested" if index == 0 else ""
        emit(job, event="stage", stage=stage, index=index, count=len(STAGES), message=message)
        for done in range(5):
            emit(job, event="progress", stage=stage, done=done, total=5, message="frame", eta_s=1)
            if (job / "cancel").exists():
                emit(job, event="cancelled", stage=stage)
                sys.exit(130)
            time.sleep(0.01)
    emit(job, event="warning", code="too_dark", message="The clip is dark. Turn on a lamp.")
    emit(job, event="done", result=result_of(request))


def result_of(request: dict) -> dict:
    out = request["arguments"].get("out")
    if request["command"] == "create" and "FAKE_AVATAR" in os.environ:
        shutil.copytree(os.environ["FAKE_AVATAR"], out, dirs_exist_ok=True)
        return {"avatar": out}
    if request["command"] == "perform":
        avatar = Path(request["arguments"]["avatar"])
        recorded = next(avatar.glob("runs/*/performances/*.npz"))
        other = recorded.with_name("other.npz")
        shutil.copy(recorded, other)
        return {"avatar": str(avatar), "performance": str(other)}
    if request["command"] == "tidy":
        return {"avatar": request["arguments"]["avatar"], "removed_mb": 1.5}
    return {"device": "cpu", "device_reason": "cpu, as requested"}


def begin(job: Path) -> None:
    emit(job, **HELLO)
    emit(job, event="stage", stage="fitting", index=1, count=3, message="")


def fail(job: Path, request: dict) -> None:
    begin(job)
    emit(
        job, event="failed", kind="FaceNotFound", problem="No face was found in the clip.",
        remedy="Film the face from the front for a second.",
    )  # fmt: skip
    sys.exit(1)


def crash(job: Path, request: dict) -> None:
    begin(job)
    raise RuntimeError("something broke")


def out_of_graphics_memory(job: Path, request: dict) -> None:
    begin(job)
    print("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", flush=True)
    sys.exit(1)


def missing_package(job: Path, request: dict) -> None:
    import torch_that_nobody_has  # noqa: F401


def killed(job: Path, request: dict) -> None:
    begin(job)
    os.kill(os.getpid(), signal.SIGKILL)


def hang(job: Path, request: dict) -> None:
    """Works on without a word and without looking at the cancel file."""
    begin(job)
    time.sleep(600)


def stubborn(job: Path, request: dict) -> None:
    """Does not even listen to a termination."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    hang(job, request)


def garbage(job: Path, request: dict) -> None:
    begin(job)
    with (job / "events.jsonl").open("a", encoding="utf-8") as stream:
        stream.write("Downloading model: 43%\n")
    time.sleep(600)


def unknown_event(job: Path, request: dict) -> None:
    begin(job)
    emit(job, event="coffee", cups=2)
    time.sleep(600)


def newer_protocol(job: Path, request: dict) -> None:
    emit(job, **{**HELLO, "protocol": 2})
    time.sleep(600)


def partial_line(job: Path, request: dict) -> None:
    """Dies in the middle of a line."""
    begin(job)
    with (job / "events.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"event": "done", "res')
    sys.exit(5)


def lingers(job: Path, request: dict) -> None:
    """Done, but its process does not end."""
    begin(job)
    emit(job, event="done", result={})
    time.sleep(600)


def flood(job: Path, request: dict) -> None:
    """Far more events than one poll takes in, then a result longer than one poll's share."""
    emit(job, **HELLO)
    emit(job, event="stage", stage="fitting", index=0, count=1, message="on cpu")
    with (job / "events.jsonl").open("a", encoding="utf-8") as stream:
        for done in range(5000):
            event = {"event": "progress", "stage": "fitting", "done": done, "total": 5000}
            stream.write(json.dumps(event) + "\n")
    emit(job, event="done", result={"long": "x" * 200_000})


def environment(job: Path, request: dict) -> None:
    """Tells how it was started."""
    emit(job, **HELLO)
    emit(
        job, event="done",
        result={
            "python_variables": [n for n in os.environ if n in ("PYTHONHOME", "PYTHONPATH")],
            "no_bytecode": sys.dont_write_bytecode,
            "stdin": sys.stdin.read(),
            "folder": str(Path.cwd()),
            "arguments": sys.argv[1:],
        },
    )  # fmt: skip


MODES = {
    mode.__name__: mode
    for mode in (
        work, fail, crash, out_of_graphics_memory, missing_package, killed, hang, stubborn,
        garbage, unknown_event, newer_protocol, partial_line, lingers, flood, environment,
    )
}  # fmt: skip

if __name__ == "__main__":
    main()
