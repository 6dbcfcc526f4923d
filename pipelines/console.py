"""The output of a command: results on stdout, everything else on stderr, in one of three forms.

human: tables and sentences; progress bars on a terminal, a line every 30 s elsewhere. A table is as wide as the
terminal (elsewhere: COLUMNS, or 120) at most; where that would fold words, it is printed as records. json: one JSON
document on stdout, JSON lines on stderr. quiet: the line of the result on stdout, and errors. Colour is used on a
terminal only. Control and bidirectional characters are escaped in all three forms (`pipelines.texts`).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pipelines.errors import Failure
from pipelines.texts import block, json_text, line

if TYPE_CHECKING:
    from pipelines.run import Progress

GAP = 2
"""Spaces between the columns of a table."""
EVERY = 30.0
"""Seconds between lines of progress when stderr is not a terminal."""


class Format(StrEnum):
    human = "human"
    json = "json"
    quiet = "quiet"


class Console:
    """The output of one command. A context manager that removes the progress bars at its end."""

    def __init__(self, form: Format = Format.human) -> None:
        self.form = form
        self._reported_at = time.monotonic()
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Console:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- results ------------------------------------------------------------------------------------------

    def result(self, data: Mapping[str, Any], last: str) -> None:
        """Print the result: `data` as JSON in form json; else the line `last`, such as the path of the output."""
        self.close()
        if self.form is Format.json:
            print(json_text(data, indent=1))  # noqa: T201
        else:
            print(block(last))  # noqa: T201

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
        """Print a table on stdout, in form human. Numbers are right-aligned, with separated thousands.

        Columns that are empty in every row are left out.
        """
        if self.form is not Format.human:
            return
        self.close()
        filled = [i for i in range(len(columns)) if not rows or any(row[i] not in (None, "") for row in rows)]
        columns, rows = [columns[i] for i in filled], [[row[i] for i in filled] for row in rows]
        cells = [[line(_cell(value)) for value in row] for row in rows]
        from rich.cells import cell_len
        from rich.console import Console as RichConsole
        from rich.table import Table
        from rich.text import Text

        numeric = [rows and all(isinstance(row[i], int | float | None) for row in rows) for i in range(len(columns))]
        names = [line(name) for name in columns]
        console = RichConsole(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else _columns())
        whole = [max(map(cell_len, column)) for column in zip(names, *cells, strict=True)]
        words = [
            max(cell_len(word) for cell in column for word in cell.split(" "))
            for column in zip(names, *cells, strict=True)
        ]
        widths = _widths(whole, words, console.width)
        if widths is None:
            print(_records(line(title), names, cells))  # noqa: T201
            return
        table = Table(title=Text(line(title)) if title else None, title_justify="left", box=None, pad_edge=False)
        for name, right, width in zip(names, numeric, widths, strict=True):
            table.add_column(Text(name), justify="right" if right else "left", width=width)
        for row in cells:
            table.add_row(*map(Text, row))
        console.print(table)

    def text(self, text: str) -> None:
        """Print text on stdout, in form human."""
        if self.form is Format.human:
            self.close()
            print(block(text))  # noqa: T201

    # -- while it runs ------------------------------------------------------------------------------------

    def say(self, text: str, **data: Any) -> None:
        """Print a line of log on stderr. data: keys that form json adds to the message."""
        if self.form is Format.json:
            print(json_text({"message": text, **data}), file=sys.stderr, flush=True)  # noqa: T201
        elif self.form is Format.human:
            if self._bars is not None:
                self._bars.console.print(block(text), markup=False, highlight=False)
            else:
                print(block(text), file=sys.stderr, flush=True)  # noqa: T201

    def progress(self, progress: Progress) -> None:
        """Show the progress of a stage: a bar on a terminal, else a line (text or JSON) at most every 30 s."""
        if self.form is Format.human and sys.stderr.isatty():
            self._show_bar(progress)
        elif self.form is not Format.quiet and time.monotonic() - self._reported_at >= EVERY:
            self._reported_at = time.monotonic()
            rate, left = speed(progress), remaining(progress)
            text = f"{progress.stage}: {progress.done} of {progress.parts} parts"
            text += f", {rate / 1e6:.1f} MB/s written" if rate is not None else ""
            text += f", {clock(left)} left" if left is not None else ""
            data = {"stage": progress.stage, "done": progress.done, "parts": progress.parts, "rank": progress.rank}
            self.say(text, **data, bytes_per_second=rate, seconds_left=left)

    def _show_bar(self, progress: Progress) -> None:
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bars

        if self._bars is None:
            self._bars = Bars(
                TextColumn("{task.description:<12}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[note]}"),
                console=RichConsole(stderr=True),
                transient=True,
            )
            self._bars.start()
        stage = progress.stage
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=progress.parts, note="")
        rate, left = speed(progress), remaining(progress)
        notes = [] if progress.rank is None else [f"rank {progress.rank}"]
        notes += [f"{rate / 1e6:.1f} MB/s"] if rate is not None else []
        notes += [f"{clock(left)} left"] if left is not None else []
        self._bars.update(self._tasks[stage], completed=progress.done, total=progress.parts, note=", ".join(notes))
        if progress.done == progress.parts:
            self._bars.remove_task(self._tasks.pop(stage))

    def close(self) -> None:
        """Remove the progress bars."""
        if self._bars is not None:
            self._bars.stop()
            self._bars, self._tasks = None, {}

    def error(self, failure: Failure) -> None:
        """Print a failure on stderr, as one line."""
        self.close()
        if self.form is Format.json:
            error = {"error": str(failure), "exit_code": failure.exit_code}
            print(json_text(error), file=sys.stderr)  # noqa: T201
        else:
            print(f"arcorp: {line(str(failure))}", file=sys.stderr)  # noqa: T201


def speed(progress: Progress) -> float | None:
    """Return the bytes per second that this run wrote; None before its first part is made."""
    return progress.bytes / progress.seconds if progress.made and progress.seconds > 0 else None


def remaining(progress: Progress) -> float | None:
    """Return the estimated seconds until all parts are made; None before the first part of this run is made."""
    return progress.seconds / progress.made * (progress.parts - progress.done) if progress.made else None


def clock(seconds: float) -> str:
    """Return a duration in seconds as text.

    >>> clock(75), clock(7500)
    ('1:15', '2:05:00')
    """
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def _columns() -> int:
    """Return the width of output that is not a terminal: COLUMNS, or 120."""
    given = os.environ.get("COLUMNS", "")
    return int(given) if given.isascii() and given.isdigit() and int(given) else 120


def _widths(whole: Sequence[int], words: Sequence[int], space: int) -> list[int] | None:
    """Return the widths of columns, with gaps of 2, so that no word is cut; None if they do not fit in `space`.

    whole: width of the longest cell of each column; words: of its longest word. The widest columns fold first.

    >>> _widths([6, 20, 11], [6, 5, 6], 30), _widths([6, 20, 11], [6, 5, 6], 20)
    ([6, 10, 10], None)
    """
    widths, space = list(whole), space - GAP * (len(whole) - 1)
    if sum(words) > space:
        return None
    while sum(widths) > space:
        _, widest = max((width, i) for i, width in enumerate(widths) if width > words[i])
        widths[widest] -= 1
    return widths


def _records(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as text that is not folded: the first cell of each row, and a line for each other one."""
    lines = [title] if title else []
    for first, *others in rows:
        lines.append(first or "-")
        lines += [
            f"  {name}: {value.strip()}" if name else f"  {value}"
            for name, value in zip(columns[1:], others, strict=True)
            if value not in ("", "-")
        ]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)
