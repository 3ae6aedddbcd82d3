"""Surfaces laid on one another: nearest places, similarities, smooth and free registration."""
