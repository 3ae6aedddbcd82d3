"""Requests that no backend can carry out: each ends as `failed`, in a sentence."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from backend.cli.commands import COMMANDS, command_of
from backend.cli.main import main
from studio_avatar_addon.avatar.errors import JobError
from studio_avatar_addon.avatar.job import EVENTS_FILE, PROTOCOL, REQUEST_FILE

ROOT = Path(__file__).parents[1]
SAME_VERSION = "Update the add-on and its backend to the same version."


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line sets defaults for its process, which here is the tests' own."""
    monkeypatch.setattr(os, "environ", os.environ.copy())


def refusal(job: Path, text: str) -> dict[str, Any]:
    """The last event of the backend's run on a request."""
    job.mkdir()
    (job / REQUEST_FILE).write_text(text, "utf-8")
    assert main(["run", str(job)]) == 1
    events = [json.loads(line) for line in (job / EVENTS_FILE).read_text("utf-8").splitlines()]
    assert [event["event"] for event in events if event["event"] != "stage"] == ["hello", "failed"]
    return events[-1]


@pytest.mark.parametrize(
    ("protocol", "problem", "remedy"),
    [
        ({"protocol": 0}, "The add-on speaks job protocol 0, the backend protocol", "the add-on."),
        ({"protocol": PROTOCOL + 1}, f"The add-on speaks job protocol {PROTOCOL + 1}", "backend."),
        ({}, "The add-on names no job protocol", SAME_VERSION),
        ({"protocol": "one"}, "The add-on names no job protocol", SAME_VERSION),
        ({"protocol": None}, "The add-on names no job protocol", SAME_VERSION),
    ],
)
def test_another_protocol(
    tmp_path: Path, protocol: dict[str, Any], problem: str, remedy: str
) -> None:
    request = {**protocol, "command": "doctor", "arguments": {}}
    told = refusal(tmp_path / "job", json.dumps(request))
    assert told["kind"] == "ProtocolMismatch"
    assert told["problem"].startswith(problem) and told["remedy"].endswith(remedy)


@pytest.mark.parametrize("text", ["", "{", "\0\xff", '{"protocol": 1, "command": "doctor"}'])
def test_no_request(tmp_path: Path, text: str) -> None:
    told = refusal(tmp_path / "job", text)
    assert (told["kind"], told["remedy"]) == ("JobError", "Start the job again.")


@pytest.mark.parametrize(
    ("command", "arguments", "problem"),
    [
        ("dance", {}, "The backend knows no command 'dance'."),
        ("run", {}, "The backend knows no command 'run'."),
        (None, {}, "The backend knows no command 'None'."),
        ("doctor", [], "holds no arguments by name."),
        ("perform", {"footage": "clip.mp4"}, "The request lacks the argument 'avatar'."),
        ("create", {"out": "avatar"}, "The request lacks the argument 'footage'."),
        ("create", {"footage": 5, "out": "avatar"}, "The request's footage is no path: 5."),
        ("report", {"avatar": None}, "The request's avatar is no path: None."),
        ("create", {"footage": "a", "out": "b", "quality": "best"}, "no quality called 'best'."),
        ("create", {"footage": "a", "out": "b", "corrections": [1]}, "cannot be read"),
    ],
)
def test_request_that_cannot_be_meant(
    tmp_path: Path, command: str | None, arguments: Any, problem: str
) -> None:
    request = {"protocol": PROTOCOL, "command": command, "arguments": arguments}
    told = refusal(tmp_path / "job", json.dumps(request))
    assert told["kind"] == "JobError" and problem in told["problem"], told
    assert told["remedy"].endswith(".")


def test_every_command_is_declared() -> None:
    folder = ROOT / "backend" / "cli" / "commands"
    shared = {"__init__", "declaration", "corrections"}
    assert {path.stem for path in folder.glob("*.py")} - shared == set(COMMANDS)
    assert all(command_of(name).steps and command_of(name).help for name in COMMANDS)
    with pytest.raises(JobError, match="knows no command 'declaration'"):
        command_of("declaration")
