"""Reading tables: the requested columns, and a process that exits normally afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sharding.tables import read_table

READ_AND_EXIT = """
import sys
from pathlib import Path
from sharding.tables import read_table
read_table(Path(sys.argv[1]).read_bytes(), ["id", "tokens"])
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "table.parquet"
    columns = {"id": [f"web/{i}" for i in range(50)], "split": ["train"] * 50, "tokens": list(range(50))}
    pq.write_table(pa.table(columns), path, write_page_checksum=True)
    return path


def test_columns_are_returned_in_the_requested_order_from_a_path_and_from_bytes(file: Path) -> None:
    for source in (file, file.read_bytes()):
        table = read_table(source, ["tokens", "split"], dictionaries=["split"])
        assert table.column_names == ["tokens", "split"]
        assert table["tokens"].to_pylist() == list(range(50))
        assert pa.types.is_dictionary(table["split"].type)
    with pytest.raises(KeyError, match="none"):
        read_table(file, ["id", "none"])


def test_a_process_exits_normally_after_reading_a_table(file: Path) -> None:
    # With Arrow's input threads, half of these processes abort.
    command = [sys.executable, "-c", READ_AND_EXIT, str(file)]
    times = int(os.environ.get("ARCORP_KILLS", "5"))
    assert [subprocess.run(command, check=False).returncode for _ in range(times)] == [0] * times
