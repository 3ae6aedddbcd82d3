"""Measures the product against known answers. Not part of the extension's zip."""
