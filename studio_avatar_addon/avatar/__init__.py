"""The vocabulary both processes share: types, units, file formats, job messages, errors.

Imports numpy and the standard library only: never bpy, never torch, never either side.
"""
