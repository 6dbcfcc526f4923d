"""What a command shows: results on stdout, everything else on stderr, in one of three forms.

human: tables and sentences; progress bars on a terminal, a line every 30 s elsewhere. json: one JSON document on
stdout, JSON lines on stderr. quiet: the result's one line on stdout, nothing else but errors. Colour only on a
terminal, never in pipes. Control and bidirectional characters are escaped in all three (`pipelines.texts`).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pipelines.errors import Failure
from pipelines.texts import block, json_text, line

if TYPE_CHECKING:
    from pipelines.run import Progress

EVERY = 30.0
"""Seconds between lines of progress where there is no terminal."""


class Format(StrEnum):
    human = "human"
    json = "json"
    quiet = "quiet"


class Console:
    """One command's output. As a context it takes its bars away at the end, whatever the end."""

    def __init__(self, form: Format = Format.human) -> None:
        self.form = form
        self._said_at = time.monotonic()
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Console:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- results ------------------------------------------------------------------------------------------

    def result(self, data: Mapping[str, Any], last: str) -> None:
        """The command's result: JSON for programs; for people one last line, such as the path of what was made."""
        self.close()
        if self.form is Format.json:
            print(json_text(data, indent=1))  # noqa: T201
        else:
            print(block(last))  # noqa: T201

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
        """A table for people, on stdout. Numbers are set flush right with thousands separated."""
        if self.form is not Format.human:
            return
        self.close()
        from rich.console import Console as RichConsole
        from rich.table import Table
        from rich.text import Text

        numeric = [rows and all(isinstance(row[i], int | float | None) for row in rows) for i in range(len(columns))]
        table = Table(title=Text(line(title)) if title else None, title_justify="left", box=None, pad_edge=False)
        for name, right in zip(columns, numeric, strict=True):
            table.add_column(Text(line(name)), justify="right" if right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(line(_cell(value))) for value in row))
        width = None if sys.stdout.isatty() else 120
        RichConsole(file=sys.stdout, highlight=False, width=width).print(table)

    def text(self, text: str) -> None:
        """Free text for people, on stdout."""
        if self.form is Format.human:
            self.close()
            print(block(text))  # noqa: T201

    # -- while it runs ------------------------------------------------------------------------------------

    def say(self, text: str, **data: Any) -> None:
        """One line of log, on stderr."""
        if self.form is Format.json:
            print(json_text({"message": text, **data}), file=sys.stderr, flush=True)  # noqa: T201
        elif self.form is Format.human:
            if self._bars is not None:
                self._bars.console.print(block(text), markup=False, highlight=False)
            else:
                print(block(text), file=sys.stderr, flush=True)  # noqa: T201

    def progress(self, at: Progress) -> None:
        """How far a stage is: a bar on a terminal, else a line at most every 30 s; JSON lines likewise."""
        if self.form is Format.human and sys.stderr.isatty():
            self._bar(at)
        elif self.form is not Format.quiet and time.monotonic() - self._said_at >= EVERY:
            self._said_at = time.monotonic()
            said = f"{at.stage}: {at.done} of {at.parts} parts"
            rate, left = speed(at), remaining(at)
            said += f", {rate / 1e6:.1f} MB/s written" if rate is not None else ""
            said += f", {clock(left)} left" if left is not None else ""
            data = {"stage": at.stage, "done": at.done, "parts": at.parts, "rank": at.rank}
            self.say(said, **data, bytes_per_second=rate, seconds_left=left)

    def _bar(self, at: Progress) -> None:
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bars

        if self._bars is None:
            self._bars = Bars(
                TextColumn("{task.description:<12}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[said]}"),
                console=RichConsole(stderr=True),
                transient=True,
            )
            self._bars.start()
        if at.stage not in self._tasks:
            self._tasks[at.stage] = self._bars.add_task(at.stage, total=at.parts, said="")
        rate, left = speed(at), remaining(at)
        said = [] if at.rank is None else [f"rank {at.rank}"]
        said += [f"{rate / 1e6:.1f} MB/s"] if rate is not None else []
        said += [f"{clock(left)} left"] if left is not None else []
        self._bars.update(self._tasks[at.stage], completed=at.done, total=at.parts, said=", ".join(said))
        if at.done == at.parts:
            self._bars.remove_task(self._tasks.pop(at.stage))

    def close(self) -> None:
        """Take the bars away."""
        if self._bars is not None:
            self._bars.stop()
            self._bars, self._tasks = None, {}

    def error(self, failure: Failure) -> None:
        """One sentence on stderr."""
        self.close()
        if self.form is Format.json:
            error = {"error": str(failure), "exit_code": failure.exit_code}
            print(json_text(error), file=sys.stderr)  # noqa: T201
        else:
            print(f"arcorp: {line(str(failure))}", file=sys.stderr)  # noqa: T201


def speed(at: Progress) -> float | None:
    """Bytes written in a second of this run; None before the first part is done."""
    return at.bytes / at.seconds if at.made and at.seconds > 0 else None


def remaining(at: Progress) -> float | None:
    """Seconds that the parts that are left will take at this run's pace."""
    return at.seconds / at.made * (at.parts - at.done) if at.made else None


def clock(seconds: float) -> str:
    """A duration for people.

    >>> clock(75), clock(7500)
    ('1:15', '2:05:00')
    """
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


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
