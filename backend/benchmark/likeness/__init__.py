"""Finished avatars of real clips: is it still the same person, and do the outlines meet?"""
