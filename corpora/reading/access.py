"""Tables of an Access database (.mdb, .bok): every row of the given columns is read, or BadInput is raised.

access-parser skips damaged data and logs a warning. In this module every logged warning is an error, and every column
must have as many rows as the definition of its table declares. Other columns are not decoded: in 2 of 13 real .bok
files the unused column Main.aSeal is damaged. Access has no checksums, so that a flipped bit inside a text is not
detected.

Access 97 (Jet 3) stores text in a code page, which access-parser decodes as Latin-1. Arabic text is in cp1256: all 91
texts of a sample .bok decode correctly as cp1256, and one fails as cp1252.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from corpora.errors import BadInput
from corpora.reading.files import File, open_raw

_JET3 = 3
_READS_PER_PAGE = 16


def access_tables(file: File, columns: Mapping[str, Sequence[str]]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of tables, in the order in which they are stored.

    file     an Access database
    columns  pattern of table names (fnmatch) -> names of the columns to read; other tables and columns are not decoded

    Returns table name -> rows, each a dict of column name -> value. A column that a table does not have is left out.
    Raises BadInput if the file is damaged or access-parser is not installed.
    """
    try:
        import access_parser.access_parser as library
    except ImportError as error:
        mend = "pip install 'arcorp[sources]'"
        raise BadInput(file.path, f"needs a package that is not installed ({error})", mend=mend) from error

    class Database(library.AccessParser):  # type: ignore[misc]
        def _link_tables_to_data(self) -> Any:
            if len(self.db_data) % self.page_size:
                raise EOFError
            self._data_pages: Any = _Pages(self._data_pages)
            return super()._link_tables_to_data()

        def parse_msys_table(self) -> dict[str, Any]:
            return {}  # formats of money and dates, which are not needed for text

    with _faults(file), _on_disk(file) as path:
        database = Database(path)
        return {
            name: list(_rows(database, name, keep))
            for name in database.catalog
            for pattern, keep in columns.items()
            if fnmatchcase(name, pattern)
        }


def _rows(database: Any, name: str, keep: Sequence[str]) -> Iterator[dict[str, Any]]:
    table = database.get_table(name)
    _leave_out(table, keep)
    expected = table.table_header.number_of_rows
    parsed = table.parse()
    columns = {column: parsed[column] for column in keep if parsed.get(column, "") != ""}  # "": it has no rows
    if any(len(values) != expected for values in columns.values()) or (expected and not columns):
        raise ValueError(f"table {name} should have {expected} rows, but has a different number")
    for number in range(expected):
        row = {column: values[number] for column, values in columns.items()}
        if database.version == _JET3:
            row = {
                column: value.encode("latin-1").decode("cp1256") if isinstance(value, str) else value
                for column, value in row.items()
            }
        yield row


def _leave_out(table: Any, keep: Sequence[str]) -> None:
    """Remove the columns of a table that are not in `keep`, so that access-parser does not decode their values.

    The values of variable length are found by their position: such a column is read as bytes if one of `keep` follows.
    """
    from access_parser.utils import TYPE_BINARY

    names = {number: column.col_name_str for number, column in table.columns.items()}
    variable = [number for number, column in table.columns.items() if not column.column_flags.fixed_length]
    last = max((number for number in variable if names[number] in keep), default=-1)
    for number, column in list(table.columns.items()):
        if names[number] in keep:
            continue
        if number in variable and number < last:
            column.type = TYPE_BINARY
        else:
            del table.columns[number]


class _Pages(dict[int, bytes]):
    """Data pages with a limit on the number of reads, so that a cycle in a damaged chain of pages ends in an error."""

    def __init__(self, pages: dict[int, bytes]) -> None:
        super().__init__(pages)
        self._reads = _READS_PER_PAGE * len(pages) + 1000

    def get(self, key: int, default: Any = None) -> Any:
        self._reads -= 1
        if self._reads < 0:
            raise ValueError("a text in it has no end")
        return super().get(key, default)


@contextmanager
def _faults(file: File) -> Iterator[None]:
    """Raise BadInput for every exception of access-parser, and for the first warning that it logs."""
    logged = _Logged()
    logger = logging.getLogger("access_parser")
    logger.addHandler(logged)
    before, logger.propagate = logger.propagate, False
    try:
        yield
    except BadInput:
        raise
    except EOFError:
        raise BadInput(file.path, "ends in the middle (truncated)", mend="fetch it again") from None
    except Exception as error:  # access-parser and construct raise many types of exception on a damaged file
        raise _damaged(file, f"{type(error).__name__}: {error}") from error
    finally:
        logger.propagate = before
        logger.removeHandler(logged)
    if logged.first:
        raise _damaged(file, logged.first)


def _damaged(file: File, reason: str) -> BadInput:
    shown = reason.splitlines()[0][:200] if reason else "no reason given"
    return BadInput(file.path, f"is damaged, or no Access database ({shown})", mend="fetch it again")


class _Logged(logging.Handler):
    """A log handler that keeps the first warning or error."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.first = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.first = self.first or record.getMessage()


@contextmanager
def _on_disk(file: File) -> Iterator[str]:
    """Copy the file to disk and return the path of the copy. The bytes that are hashed are those that are parsed."""
    with tempfile.TemporaryDirectory(prefix="arcorp-") as folder:
        copy = Path(folder) / "copy"
        with open_raw(file) as raw, copy.open("wb") as output:
            shutil.copyfileobj(raw, output, 1 << 20)
        yield str(copy)
