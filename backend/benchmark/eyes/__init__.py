"""Iris colours on rendered people: how near the product comes."""
