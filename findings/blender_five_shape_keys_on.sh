#!/usr/bin/env bash
# Shape keys made from Python in Blender 4.5 and 5.0.
#
# Guess beforehand: a key that `shape_key_add` has just made is at 0, so that a script which adds
# its morph targets and fills in their points leaves the face at rest; every way of making a key
# agrees about it; and `from_mix` (on unless told otherwise) copies the rest shape as long as
# nobody has moved a slider.
#
# Seen with bpy 4.5.15 and 5.0.1, Python 3.11: in 5.0 a new key, the basis too, is at 1. A face
# built as for 4.5 stands with all of its shapes at once, in the evaluated mesh and in a glTF
# file. With `from_mix` left alone each further key takes all former ones up, so that they
# double from key to key. `join_shapes` still makes its keys at 0. `value = 0` after each
# key, and `from_mix=False`, serve both.
#
#                             4.5.15          5.0.1
#   values of new keys        0, 0, 0         1, 1, 1      (basis, two shapes)
#   evaluated top (rest 1)    1.0             2.0          (each lifts by .5)
#   glTF's morph weights      0, 0            1, 1
#   five keys left to mix     0, 0, 0, 0      1, 2, 4, 8   (the first lifted by 1)
#   key by join_shapes        0               0
set -eu
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT

cat > "$room/look.py" <<'PY'
import json
import struct
import sys

import bpy

file, start = sys.argv[1], float(sys.argv[2])
bpy.ops.wm.read_factory_settings(use_empty=True)


def cube():
    bpy.ops.mesh.primitive_cube_add()
    return bpy.context.object


def lift(key, by):
    for point in key.data:
        point.co.z += by


head = cube()
keys = [head.shape_key_add(name="Basis", from_mix=False)]
for name in ("jawOpen", "cheekPuff"):
    keys.append(head.shape_key_add(name=name, from_mix=False))
    lift(keys[-1], 0.5)
values = [key.value for key in keys]
seen = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
top = max(vertex.co.z for vertex in seen.to_mesh().vertices)
bpy.ops.export_scene.gltf(filepath=file, export_format="GLB")
with open(file, "rb") as stream:
    length = struct.unpack("<5I", stream.read(20))[3]
    weights = json.loads(stream.read(length))["meshes"][0].get("weights")

mixed = cube()
mixed.shape_key_add(name="Basis")
lift(mixed.shape_key_add(name="first"), 1.0)
rest = mixed.data.shape_keys.key_blocks[0].data[0].co.z
heights = [mixed.shape_key_add(name=f"key {n}").data[0].co.z - rest for n in range(4)]

target = cube()
target.name = "smile"
mixed.select_set(True)
target.select_set(True)
bpy.context.view_layer.objects.active = mixed
bpy.ops.object.join_shapes()
joined = mixed.data.shape_keys.key_blocks["smile"].value

print(f"Blender {bpy.app.version_string}: new keys at {values}, evaluated top {top:.1f}, "
      f"glTF weights {weights}, lifts left to mix {heights}, by join_shapes {joined}")
assert values == [start] * 3
assert abs(top - (1 + start)) < 1e-4
assert weights == [start] * 2
assert heights == [start * 2**n for n in range(4)]
assert joined == 0.0
PY

for pair in 4.5.15:0 5.0.1:1; do
    python3.11 -m venv "$room/venv"
    "$room/venv/bin/pip" install --quiet --disable-pip-version-check \
        "bpy==${pair%:*}" numpy==1.26.4
    BLENDER_USER_RESOURCES="$room/user" TMPDIR="$room" \
        "$room/venv/bin/python" "$room/look.py" "$room/head.glb" "${pair#*:}" > "$room/log" 2>&1 ||
        { cat "$room/log"; exit 1; }
    grep "new keys" "$room/log"
    rm -rf "$room/venv"
done
