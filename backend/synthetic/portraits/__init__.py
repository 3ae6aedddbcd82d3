"""Rendered people who wear hair, clothes and glasses, with exact labels: to learn segmentation."""
