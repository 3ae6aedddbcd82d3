"""Every failure a user can meet, as one tree.

StudioAvatarError                what happened and what to do about it
├── FootageError                 the clip cannot be used
│   ├── FootageUnreadable        missing, not a video, truncated, no frames
│   └── FaceNotFound             no face, or no single face through the clip
├── FitError                     the head could not be fitted
├── TemplateError                head template damaged or of another version
├── IdentityError                identity parameters out of range
├── AvatarFolderError            an avatar folder is damaged or cannot be written
│   └── NewerAvatar              it was made by a newer version
├── ShapeError                   unknown shape names, weights out of range
├── CorrectionError              a correction of the fit cannot be meant
├── ChoiceError                  a setting of the skin cannot be meant
├── EnvironmentProblem           interpreter, package, device, weights, disk
└── JobError                     the job as such
    ├── JobBusy                  another job runs on this folder or in this session
    ├── JobCancelled             the user asked for it
    ├── ProtocolMismatch         the two sides speak different versions
    └── BackendCrashed           the process ended without a last word

Operators and the command line catch only these; anything else is a bug and shows its trace.
"""

from __future__ import annotations


class StudioAvatarError(Exception):
    """A known failure: `problem` says what happened, `remedy` what to do. One sentence each."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")
        self.problem = problem
        self.remedy = remedy


class FootageError(StudioAvatarError):
    pass


class FootageUnreadable(FootageError):
    pass


class FaceNotFound(FootageError):
    pass


class FitError(StudioAvatarError):
    pass


class FoldedError(FitError):
    """The head's surface passes through itself, and smoothing does not undo it."""


class TemplateError(StudioAvatarError):
    pass


class IdentityError(StudioAvatarError):
    pass


class AvatarFolderError(StudioAvatarError):
    pass


class NewerAvatar(AvatarFolderError):
    pass


class ShapeError(StudioAvatarError):
    pass


class EnvironmentProblem(StudioAvatarError):
    pass


class JobError(StudioAvatarError):
    pass


class JobBusy(JobError):
    pass


class JobCancelled(JobError):
    def __init__(self) -> None:
        super().__init__(
            "The job was cancelled.", "Finished stages are kept; start it again to go on."
        )


class ProtocolMismatch(JobError):
    pass


class BackendCrashed(JobError):
    """The backend ended without a final event.

    `exit_code`: of the process, None where it is unknown; `stage`: the last one announced;
    `log_tail`: the last lines of `backend.log`.
    """

    def __init__(
        self, problem: str, remedy: str, *, exit_code: int | None, stage: str, log_tail: str
    ) -> None:
        super().__init__(problem, remedy)
        self.exit_code = exit_code
        self.stage = stage
        self.log_tail = log_tail
