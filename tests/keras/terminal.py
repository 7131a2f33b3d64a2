"""A terminal for tests: what stands on the screen after a program has written, colours included."""

from __future__ import annotations

import io
import re

Cell = tuple[str, str]
"""A character and the escape code that was on when it was written."""

_TOKEN = re.compile(r"\x1b\[([0-9;]*)m|(.)", re.DOTALL)


class Screen:
    """Follows carriage returns, backspaces, line feeds and colours; long lines wrap.

    Args:
        columns: width.
    """

    def __init__(self, columns: int = 200) -> None:
        self.columns = columns
        self.rows: list[list[Cell]] = [[]]
        self.column = 0
        self._code = ""

    def feed(self, text: str) -> None:
        """Write text on it."""
        for code, character in _TOKEN.findall(text):
            if character == "\r":
                self.column = 0
            elif character == "\b":
                self.column = max(0, self.column - 1)
            elif character == "\n":
                self._new_row()
            elif character:
                if self.column == self.columns:
                    self._new_row()
                row = self.rows[-1]
                row.extend([(" ", "")] * (self.column + 1 - len(row)))
                row[self.column] = (character, self._code)
                self.column += 1
            else:
                self._code = "" if code == "0" else code

    def _new_row(self) -> None:
        self.rows.append([])
        self.column = 0

    def lines(self) -> list[str]:
        """The rows as text, without blanks at their ends."""
        return ["".join(character for character, _ in row).rstrip() for row in self.rows]

    def cells(self) -> list[list[Cell]]:
        """The rows with colours, without blanks at their ends."""
        return [row[: len(line)] for row, line in zip(self.rows, self.lines(), strict=True)]


class Terminal(io.StringIO):
    """A standard output that claims to be a terminal."""

    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True

    def screen(self, columns: int = 200) -> Screen:
        """What stands on the screen."""
        screen = Screen(columns)
        screen.feed(self.getvalue())
        return screen
