"""Operators: thin wrappers that validate, call `scene` or the job client, and report."""
