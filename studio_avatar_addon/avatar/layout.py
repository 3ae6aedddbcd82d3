"""Names that both sides agree on: the avatar folder's layout and the choices of the command line.

Standard library only, so that an interpreter without numpy can still say what it lacks.
"""

FORMAT = 2  # of the avatar folder

AVATAR_FILE = "avatar.json"
RUN_FILE = "run.json"
RUNS_FOLDER = "runs"
STAGES_FOLDER = "stages"
PERFORMANCES_FOLDER = "performances"
PREVIEW_FOLDER = "preview"
JOBS_FOLDER = "jobs"

# In the order in which they run: a package of `backend/stages/` each, and a folder in `stages/`.
STAGE_NAMES = (
    "footage", "tracking", "fitting", "room_light",
    "phone_texture", "studio_texture", "detail", "performance",
)  # fmt: skip

MAPS = (
    "base_color", "normal", "roughness", "specular", "cavity",
    "coverage", "confidence", "views",
)  # fmt: skip

# Ways to a studio texture; the first ranks first in the benchmark.
STUDIO_METHODS = ("hybrid", "physical", "stylegan")
TEXTURE_ORIGINS = ("phone", "studio", "detail")
QUALITIES = ("draft", "standard", "high")
DEVICES = ("auto", "cpu", "cuda", "mps", "xpu")

# Of MediaPipe's Face Mesh with irises: how many landmarks, and where the irises' ten begin.
LANDMARK_COUNT, FIRST_IRIS_LANDMARK = 478, 468
