"""Builds the head template from typed anatomical points. Not part of the extension's zip."""
