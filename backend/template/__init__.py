"""The head template, built from typed anatomical points; nothing here runs for an artist."""
