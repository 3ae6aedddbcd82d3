#!/usr/bin/env bash
# An mp4 trimmed without re-encoding, as phones' galleries do it, counted by PyAV and OpenCV.
#
# Guess beforehand: a clip of constant rate whose length, rate and number of frames are all in its
# header tells three numbers that belong together; `frames` is how many frames decoding yields, and
# a frame number below CAP_PROP_FRAME_COUNT can be sought and read.
#
# Seen with av 18.0.0, opencv-python-headless 4.11.0.86 (5.0.0.93 alike), numpy 1.26.4, Python 3.11:
# the cut begins between key frames, so the file keeps the pictures since the last one, and an edit
# list hides them. Length and decoding respect the list, the count does not. So the count over the
# length gives 40 frames a second for a clip of 30; a loop over the count finds the clip "broken
# off" after three quarters; evenly spread frame numbers miss the end, where OpenCV reads nothing.
# Demuxing hands out all 60 packets, 15 of them without a picture. Frames 0 to 44 that OpenCV
# seeks are the visible ones, so the missing ones are not at the front, where they are hidden, but
# at the end.
#
#   PyAV: frames 60, length 1.500 s, rate 30; packets 60, of them marked to be
#   dropped 15; decoded 45
#   OpenCV: FRAME_COUNT 60, FPS 30.0; read 45; frame 0 is picture 45, frame 44 is picture 89,
#   frame 50 is picture None
set -eu
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3.11 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    av==18.0.0 opencv-python-headless==4.11.0.86 numpy==1.26.4

cat > "$room/look.py" <<'PY'
import sys

import av
import cv2
import numpy as np

whole, cut = f"{sys.argv[1]}/whole.mp4", f"{sys.argv[1]}/cut.mp4"
WIDTH, HEIGHT, COUNT, RATE, BEGIN = 160, 120, 90, 30, 45


def picture_number(luma):
    return round((float(luma) - 20) / 2.2)


with av.open(whole, "w") as clip:  # picture n is a grey of 20 + 2.2 n; key frames 0, 30, 60
    stream = clip.add_stream("libx264", rate=RATE, options={"g": "30", "sc_threshold": "0"})
    stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    for index in range(COUNT):
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        for plane, value in zip(frame.planes, (round(20 + 2.2 * index), 128, 128)):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.pts = index
        clip.mux(stream.encode(frame))
    clip.mux(stream.encode(None))
with av.open(whole) as source, av.open(cut, "w") as target:
    film = source.streams.video[0]
    copy = target.add_stream_from_template(film)
    begin = round(BEGIN / RATE / film.time_base)
    source.seek(begin, stream=film)  # to the key frame before
    for packet in source.demux(film):
        if packet.size:
            packet.pts, packet.dts, packet.stream = packet.pts - begin, packet.dts - begin, copy
            target.mux(packet)

with av.open(cut) as clip:
    stream = clip.streams.video[0]
    told, rate = stream.frames, stream.average_rate
    length = float(stream.duration * stream.time_base)
    packets = [packet for packet in clip.demux(stream) if packet.size]
    dropped = sum(packet.is_discard for packet in packets)
with av.open(cut) as clip:
    lumas = (np.frombuffer(frame.planes[0], np.uint8) for frame in clip.decode(video=0))
    shown = [picture_number(luma[0]) for luma in lumas]
print(f"PyAV {av.__version__}: frames {told}, length {length:.3f} s, rate {rate}; packets "
      f"{len(packets)}, of them marked to be dropped {dropped}; decoded {len(shown)}")

capture = cv2.VideoCapture(cut, cv2.CAP_FFMPEG)
counted, fps = capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)
read = 0
while capture.read()[0]:
    read += 1


def sought(index):
    again = cv2.VideoCapture(cut, cv2.CAP_FFMPEG)
    again.set(cv2.CAP_PROP_POS_FRAMES, index)
    found, picture = again.read()
    if not found:
        return None
    return picture_number(float(picture[60, 60, 0]) * 219 / 255 + 16)


places = {index: sought(index) for index in (0, 44, 50)}
print(f"OpenCV {cv2.__version__}: FRAME_COUNT {counted:.0f}, FPS {fps}; read {read};",
      ", ".join(f"frame {index} is picture {place}" for index, place in places.items()))
assert (told, len(packets), dropped, len(shown)) == (60, 60, 15, 45)
assert abs(length - 1.5) < 0.01 and rate == RATE
assert (shown[0], shown[-1]) == (45, 89)
assert (counted, fps, read) == (60, 30, 45)
assert places == {0: 45, 44: 89, 50: None}
PY
"$room/venv/bin/python" "$room/look.py" "$room" 2> "$room/log" || { cat "$room/log"; exit 1; }
