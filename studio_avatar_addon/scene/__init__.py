"""Everything that builds Blender data: head, rig, materials, animation, lights, pictures.

Imports bpy, numpy and `..avatar` only. Every function runs on Blender's main thread and takes the
scene or the avatar's head object (the mesh) it works on. `apply` puts an avatar together;
`capture_studio`, `portrait_studio` and `likeness_studio` are programs of
their own, which only simulations and benchmarks run.
"""
