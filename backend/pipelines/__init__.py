"""Whole ways through the stages: create, refit, perform, view."""
