"""Tables in Markdown for people and documents, JSON for programs."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with aligned columns; the first column is text, the others are numbers."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = "|".join("-" * (w + 1) + (":" if i else "-") for i, w in enumerate(widths))
    return "\n".join([line(header), f"|{rule}|", *map(line, rows)])


def number(value: float | None, digits: int = 3) -> str:
    """A number with so many significant digits and thousands separated; a dash for None."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    decimals = max(0, digits - len(str(int(abs(value)))) if abs(value) >= 1 else digits - 1)
    return f"{value:,.{decimals}f}"


def write_json(path: str, result: dict[str, Any]) -> None:
    """Write a result; a file that was there is replaced in one go."""
    target = Path(path)
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        temporary.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def positive(text: str) -> int:
    """A positive integer from the command line."""
    value = int(text) if text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a positive integer, received {text!r}")
    return value
