"""Hair, skin and clothes told apart: the window, the networks, a studio's own labelled frames."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from backend.detector.face_mesh import FaceMesh
from backend.detector.landmark_indices import FACE_OVAL
from backend.detector.person_network import PersonNetwork
from backend.imaging.image_files import write_png
from backend.stages.tracking.labels.features import LOOK_FEATURES, window_features
from backend.stages.tracking.labels.head_window import WindowFinder
from backend.stages.tracking.labels.label_frames import FrameLabeller
from backend.stages.tracking.labels.label_network import WEIGHTS, load_label_network
from backend.training.labels.labelled_windows import windows_of_folder
from backend.training.labels.samples import draw_samples
from backend.training.labels.train_labels import train_network
from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.labels import BACKGROUND, CLOTHES, HAIR, OTHER, SKIN, UNSURE
from studio_avatar_addon.avatar.template import DEFAULT_TEMPLATE, load_template

SAMPLE = DEFAULT_TEMPLATE.parent / "sample" / "sample.mp4"


@pytest.fixture(scope="module")
def face() -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The sample's first frame (H, W, 3) and its landmarks."""
    with av.open(str(SAMPLE)) as clip, FaceMesh(tracking=False) as mesh:
        frame = np.asarray(next(clip.decode(video=0)).to_ndarray(format="rgb24"), np.uint8)
        return frame, mesh.detect(frame)[0]


@pytest.fixture(scope="module")
def finder() -> WindowFinder:
    return WindowFinder(load_template())


def dressed(face) -> tuple[NDArray[np.uint8], dict[int, NDArray[np.bool_]]]:
    """The frame with long dark hair, strand by strand, and a green shirt painted on; where."""
    frame, points = face
    random = np.random.default_rng(1)
    width = np.ptp(points[:, 0])
    centre, top, chin = points[:, 0].mean(), points[10, 1], points[152, 1]
    painted = {}
    hair = np.zeros(frame.shape[:2], np.uint8)
    whole = (centre, top + 0.35 * width), (1.5 * width, 1.6 * width), 0.0
    cv2.ellipse(hair, whole, 1, -1)
    left, right = round(centre - 0.75 * width), round(centre + 0.75 * width)
    hair[round(top + 0.4 * width) : round(chin + 0.5 * width), left:right] = 1
    oval = cv2.convexHull(points[list(FACE_OVAL)].astype(np.int32))
    cv2.fillConvexPoly(hair, oval, 0)
    neck = slice(round(centre - 0.3 * width), round(centre + 0.3 * width))
    hair[round(chin - 0.2 * width) :, neck] = 0
    strands = cv2.GaussianBlur(
        random.normal(0.0, 60.0, frame.shape[:2]), (0, 0), sigmaX=0.8, sigmaY=10.0
    )
    image = frame.astype(np.float32)
    image[hair > 0] = np.array([48, 34, 26]) + strands[hair > 0][:, None]
    shirt = np.zeros_like(hair)
    shirt[round(chin + 0.45 * width) :] = 1
    image[shirt > 0] = (30, 110, 60)
    painted[HAIR], painted[CLOTHES] = (hair > 0) & (shirt == 0), shirt > 0
    inside = cv2.fillConvexPoly(np.zeros_like(hair), oval, 1)
    painted[SKIN] = cv2.erode(inside, np.ones((15, 15), np.uint8)) > 0
    return np.clip(image, 0, 255).astype(np.uint8), painted


@pytest.mark.parametrize("grey", [False, True])
def test_long_hair_and_a_shirt_are_told_from_skin(face, grey):
    image, painted = dressed(face)
    if grey:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    hand = np.zeros(image.shape[:2], bool)
    hand[:40, :40] = True
    labeller = FrameLabeller(load_template(), load_label_network())
    found = list(labeller.label(lambda k: image, np.stack([face[1]] * 2), [hand, ~hand], print))
    labels = found[0].labels
    least = (
        {SKIN: 0.97, HAIR: 0.5, CLOTHES: 0.5} if grey else {SKIN: 0.97, HAIR: 0.85, CLOTHES: 0.8}
    )
    for label, share in least.items():
        inside = painted[label] & (labels != UNSURE)
        assert (labels[inside] == label).mean() > share, label
    assert found[0].hair[painted[HAIR]].mean() > 100
    assert found[0].hat_share < 0.1
    assert set(np.unique(found[1].labels[~hand])) <= {BACKGROUND, OTHER}, "a hand before it all"


def test_the_window_is_upright_and_leads_back(face, finder):
    frame, points = face
    window = finder.find(points, frame)
    picture = window.picture(frame)
    again = np.dstack([window.in_frame(picture[..., c], frame.shape[1::-1], -1) for c in range(3)])
    near = cv2.convexHull(points.astype(np.int32))
    inside = cv2.fillConvexPoly(np.zeros(frame.shape[:2], np.uint8), near, 1) > 0
    assert np.abs(again - frame)[inside].mean() < 6.0
    turned = np.rot90(frame).copy()
    moved = np.stack([points[:, 1], frame.shape[1] - points[:, 0]], axis=1)
    sideways = finder.find(moved, turned).picture(turned)
    assert np.abs(sideways.astype(int) - picture)[150:350, 200:300].mean() < 6.0
    tiny = finder.find(points * 20.0 / np.ptp(points[:, 0]), np.zeros((2160, 3840, 3), np.uint8))
    assert np.abs(tiny.landmarks_px - window.landmarks_px).max() < 25.0


def test_a_network_learns_from_a_studio_s_frames(face, finder, tmp_path):
    frame, painted = dressed(face)
    labels = np.full(frame.shape[:2], UNSURE, np.uint8)
    for label, where in painted.items():
        labels[where] = label
    write_png(tmp_path / "one.png", frame)
    write_png(tmp_path / "one_labels.png", labels)
    (window,) = windows_of_folder(tmp_path, finder)
    person = PersonNetwork()
    network = train_network(*draw_samples([(window, 3)], person, 0), steps=150)
    features = window_features(window.picture, window.window, person).values
    judged = window.labels != UNSURE
    told = network.probabilities(features).argmax(axis=2)
    assert (told == window.labels)[judged].mean() > 0.9
    assert features.shape[2] > LOOK_FEATURES and np.isfinite(features).all()


@pytest.mark.parametrize(
    ("picture", "labels", "sentence"),
    [
        (None, None, "holds no label maps"),
        (None, np.zeros((64, 48), np.uint8), "has no picture beside it"),
        ((64, 48, 3), np.full((64, 48), 9, np.uint8), "holds the value 9, which no label has"),
        ((64, 48, 3), np.zeros((32, 48), np.uint8), "no grey picture of its frame's size"),
        ((64, 48, 3), np.zeros((64, 48), np.uint8), "No face is found in one.png"),
    ],
)
def test_bad_labelled_frames_are_told(finder, tmp_path, picture, labels, sentence):
    if labels is not None:
        write_png(tmp_path / "one_labels.png", labels)
    if picture is not None:
        write_png(tmp_path / "one.png", np.full(picture, 128, np.uint8))
    with pytest.raises(EnvironmentProblem, match=sentence):
        windows_of_folder(tmp_path, finder)


def test_missing_weights_are_told(tmp_path: Path):
    with pytest.raises(EnvironmentProblem, match="missing or damaged"):
        load_label_network(tmp_path / "weights.npz")
    assert WEIGHTS.stat().st_size < 200_000
