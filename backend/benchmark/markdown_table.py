"""Cells in, lines of a Markdown table out."""

from __future__ import annotations


def table_head(*titles: str) -> list[str]:
    return [table_line(*titles), "|" + "---|" * len(titles)]


def table_line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"
