"""The job client against a scripted backend: every way a job can go, real processes and files."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from studio_avatar_addon import job_client
from studio_avatar_addon.avatar.errors import (
    BackendCrashed,
    EnvironmentProblem,
    FaceNotFound,
    JobBusy,
    JobCancelled,
    JobError,
    ProtocolMismatch,
)
from studio_avatar_addon.avatar.job import Cancelled, Done, Request, new_job_folder, read_request
from studio_avatar_addon.job_client import Backend, Job, JobSession
from studio_avatar_addon.job_status import read_record

POLL_BOUND_S = 0.020
REQUEST = Request("create", {"footage": "a clip 'ä\".mp4", "out": "somewhere"})


@pytest.fixture
def backend(tmp_path: Path) -> Backend:
    cache = tmp_path / "cache"
    return Backend(Path(sys.executable), "fake_backend", Path(__file__).parent, cache)


@pytest.fixture
def session() -> Iterator[JobSession]:
    session = JobSession()
    yield session
    session.close()


@pytest.fixture
def start(session: JobSession, backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def start(mode: str) -> Job:
        monkeypatch.setenv("FAKE", mode)
        return session.start(backend, REQUEST, tmp_path / "jobs")

    return start


def poll_until(session: JobSession, condition) -> None:
    deadline = time.monotonic() + 20.0
    while not condition(session.poll()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def process_is_gone(job: Job) -> bool:
    return job._process.poll() is not None


def test_work_is_followed_to_its_result(start, session):
    job = start("work")
    seen = []
    status = session.wait(seen.append)
    assert status.finished and isinstance(status.final, Done)
    assert status.device == "on cpu, as requested"
    assert [w.code for w in status.warnings] == ["too_dark"]
    fractions = [s.fraction for s in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] <= 1.0
    assert process_is_gone(job)
    assert not session.running


def test_record_is_readable_after_a_restart(start, session):
    job = start("work")
    status = session.wait()
    assert read_record(job.folder) == replace(status, quiet_s=0.0)


def test_record_of_an_interrupted_job_has_no_end(start, session):
    job = start("killed")
    with pytest.raises(BackendCrashed):
        session.wait()
    record = read_record(job.folder)
    assert record.final is None
    assert record.stage == "fitting"


def test_record_of_a_folder_without_events_is_empty(tmp_path):
    assert not read_record(tmp_path).started


def test_process_starts_clean(start, session, backend, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    job = start("environment")
    result = session.wait().result
    assert result["python_variables"] == []
    assert result["no_bytecode"] is True
    assert result["stdin"] == ""
    assert Path(result["folder"]) == backend.folder
    assert result["arguments"] == ["run", str(job.folder), "--parent-pid", str(os.getpid())]


def test_told_failure_comes_back_as_its_own_class(start, session):
    start("fail")
    with pytest.raises(FaceNotFound) as caught:
        session.wait()
    assert caught.value.remedy == "Film the face from the front for a second."
    assert session.error is caught.value


@pytest.mark.parametrize(
    ("mode", "exit_code", "problem", "remedy"),
    [
        ("crash", 1, "ended unexpectedly", "report it"),
        ("out_of_graphics_memory", 1, "graphics memory", "lower quality"),
        ("killed", -9, "killed the backend", "Close other programs"),
        ("partial_line", 5, "ended unexpectedly", "report it"),
    ],
)
def test_crash_becomes_advice(start, session, mode, exit_code, problem, remedy):
    start(mode)
    with pytest.raises(BackendCrashed) as caught:
        session.wait()
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy
    assert caught.value.exit_code == exit_code
    assert caught.value.stage == "fitting"
    assert "the log's first line" in caught.value.log_tail


def test_interpreter_that_lacks_a_package_is_named(start, session):
    start("missing_package")
    with pytest.raises(BackendCrashed, match="lacks the package torch_that_nobody_has"):
        session.wait()


def test_interpreter_that_cannot_run_the_backend(backend, session, tmp_path):
    session.start(replace(backend, module="json.tool"), REQUEST, tmp_path)
    with pytest.raises(BackendCrashed, match="cannot run the backend") as caught:
        session.wait()
    assert "Check System" in caught.value.remedy


def test_installation_without_backend(backend, session, tmp_path):
    session.start(replace(backend, module="studio_avatar_addon.backend"), REQUEST, tmp_path)
    with pytest.raises(BackendCrashed, match="Install the extension again"):
        session.wait()


def test_interpreter_that_does_not_exist(backend, session, tmp_path):
    with pytest.raises(EnvironmentProblem, match="does not exist"):
        session.start(replace(backend, python=tmp_path / "python"), REQUEST, tmp_path)
    assert not session.running


def test_interpreter_that_is_no_program(backend, session, tmp_path):
    text = tmp_path / "python"
    text.write_text("no program")
    with pytest.raises(EnvironmentProblem, match="does not start"):
        session.start(replace(backend, python=text), REQUEST, tmp_path / "jobs")


def test_cancel_is_obeyed(start, session):
    job = start("work")
    poll_until(session, lambda status: status.started)
    session.cancel()
    with pytest.raises(JobCancelled):
        session.wait()
    assert isinstance(read_record(job.folder).final, Cancelled)


@pytest.mark.parametrize("mode", ["hang", "stubborn"])
def test_cancel_terminates_then_kills(start, session, mode, monkeypatch):
    monkeypatch.setattr(job_client, "GRACE_S", 0.3)
    job = start(mode)
    poll_until(session, lambda status: status.stage == "fitting")
    began = time.monotonic()
    session.cancel()
    with pytest.raises(JobCancelled):
        session.wait()
    assert process_is_gone(job)
    waited = time.monotonic() - began
    assert (0.3 if mode == "hang" else 0.6) <= waited < 3.0


def test_silence_is_shown_not_killed(start, session, monkeypatch):
    start("hang")
    poll_until(session, lambda status: status.stage == "fitting")
    monkeypatch.setattr("studio_avatar_addon.job_status.NO_NEWS_S", 0.2)
    poll_until(session, lambda status: status.no_news)
    assert session.running


@pytest.mark.parametrize(
    ("mode", "error"),
    [("garbage", JobError), ("unknown_event", JobError), ("newer_protocol", ProtocolMismatch)],
)
def test_what_is_no_event_of_ours_ends_the_job(start, session, mode, error):
    job = start(mode)
    with pytest.raises(error) as caught:
        session.wait()
    assert "Update the" in caught.value.remedy
    assert process_is_gone(job)
    assert not session.running


def test_second_job_is_refused_and_the_first_goes_on(start, session):
    start("hang")
    with pytest.raises(JobBusy):
        start("work")
    assert session.running


def test_session_can_start_again_after_a_failure(start, session):
    start("fail")
    with pytest.raises(FaceNotFound):
        session.wait()
    start("work")
    assert session.wait().finished
    assert session.error is None


def test_process_that_outlives_its_last_event_is_ended(start, session, monkeypatch):
    monkeypatch.setattr(job_client, "GRACE_S", 0.3)
    job = start("lingers")
    assert isinstance(session.wait().final, Done)
    assert process_is_gone(job)


def test_closing_leaves_no_process(start, session, monkeypatch):
    monkeypatch.setattr(job_client, "CLOSING_GRACE_S", 0.2)
    job = start("stubborn")
    poll_until(session, lambda status: status.stage == "fitting")
    session.close()
    assert process_is_gone(job)


def test_no_poll_holds_the_caller(start, session):
    """20 ms is the bound on Blender's main thread; the flood is the worst case that we know.

    The longest poll is judged by its own work, since a busy machine may suspend any process; by the
    clock on the wall most polls must stay below the bound as well.
    """
    start("flood")
    work_s, wall_s = [], []
    while True:
        wall, work = time.perf_counter(), time.thread_time()
        status = session.poll()
        work_s.append(time.thread_time() - work)
        wall_s.append(time.perf_counter() - wall)
        if status.finished:
            break
        time.sleep(0.005)
    assert len(status.result["long"]) == 200_000
    assert max(work_s) < POLL_BOUND_S
    assert sorted(wall_s)[int(0.9 * len(wall_s))] < POLL_BOUND_S


@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder(backend, session, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(EnvironmentProblem):
        session.start(backend, REQUEST, tmp_path / "jobs")


def test_folder_that_cannot_be_made(backend, session, tmp_path):
    """The same refusal where root may write anywhere: a file stands in the folder's place."""
    (tmp_path / "cache").write_text("")
    with pytest.raises(EnvironmentProblem, match="cache cannot be written") as caught:
        session.start(backend, REQUEST, tmp_path / "cache" / "jobs")
    assert "another cache folder" in caught.value.remedy


def test_new_job_removes_old_ones_but_nothing_else(tmp_path):
    old, kept, other = "20200101T000000-0a1b2c", "20200101T000000-ffffff", "20200101"
    for name in (old, kept, other, "20990101T000000-0a1b2c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "request.json").write_text("{}")
    (tmp_path / kept / "mine.txt").write_text("")
    (tmp_path / "20200101T000000-00aaff").symlink_to(tmp_path / other)
    new = new_job_folder(tmp_path, REQUEST)
    assert {path.name for path in tmp_path.iterdir()} == {
        kept, other, "20990101T000000-0a1b2c", "20200101T000000-00aaff", new.name,
    }  # fmt: skip
    assert [path.name for path in (tmp_path / kept).iterdir()] == ["mine.txt"]
    assert (tmp_path / other / "request.json").exists()
    assert read_request(new) == REQUEST
