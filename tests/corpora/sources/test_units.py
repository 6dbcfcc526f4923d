"""Units depend on inputs and options alone, and a limit selects the first documents."""

import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from corpora.errors import BadInput
from corpora.reading import File, Slice
from corpora.sources import find_source


def test_units_depend_only_on_inputs_and_options(samples: Path) -> None:
    first, second = (find_source("fineweb-2")().units([samples / "data" / "fineweb-2"]) for _ in range(2))
    assert [unit.to_json() for unit in first] == [unit.to_json() for unit in second]
    assert str(samples) not in json.dumps([unit.to_json() for unit in first])


def test_small_files_share_a_unit_and_a_large_file_is_split(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number:02}.jsonl").write_text('{"text": "نص"}\n')
    large = json.dumps({"text": "x" * 10_000}) + "\n"
    (tmp_path / "large.jsonl").write_text(large * 7000)
    units = find_source("jsonl")().units([tmp_path])
    assert len(units) == 3
    assert max(unit.bytes for unit in units) <= 64 << 20


@pytest.mark.parametrize(
    ("most", "sizes"), [(100, [1] * 10), (10, [1] * 10), (9, [2] * 5), (4, [3, 3, 3, 1]), (1, [10])]
)
def test_units_of_a_large_input_are_joined_so_that_there_are_at_most_so_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, sizes: list[int]
) -> None:
    for number in range(10):
        (tmp_path / f"{number}.jsonl").write_text('{"text": "نص"}\n' * 100)
    monkeypatch.setattr("corpora.sources.base.SLICE", 1500)
    monkeypatch.setattr("corpora.sources.unit.MOST_UNITS", most)
    units = find_source("jsonl")().units([tmp_path])
    assert [len(unit.slices) for unit in units] == sizes
    names = [Path(part.file.name).name for unit in units for part in unit.slices]
    assert names == [f"{number}.jsonl" for number in range(10)]


@pytest.mark.parametrize("limit", [1, 1000, 2500, 10_000])
def test_limit_selects_the_first_documents_of_the_whole_input(samples: Path, ingest: Any, limit: int) -> None:
    everything, _ = ingest("fineweb-2", samples / "data" / "fineweb-2")
    documents, counter = ingest("fineweb-2", samples / "data" / "fineweb-2", limit=limit)
    assert documents == everything[:limit]
    assert counter.balanced


def test_files_are_opened_at_the_same_time_and_stay_in_order(tmp_path: Path) -> None:
    """Each file waits until another one is opened too."""
    both = threading.Barrier(2)
    source: Any = find_source("jsonl")

    @dataclass(frozen=True, kw_only=True)
    class Waiting(source):  # type: ignore[misc]
        def checked_slices(self, file: File) -> list[Slice]:
            both.wait(60)
            return list(super().checked_slices(file))

    for number in range(20):
        (tmp_path / f"{number:02}.jsonl").write_text('{"text": "نص"}\n' if number not in (7, 8) else "no JSON\n")
    bad: list[BadInput] = []
    (unit,) = Waiting().units([tmp_path], bad.append)
    assert [Path(part.file.name).name for part in unit.slices] == [
        f"{n:02}.jsonl" for n in range(20) if n not in (7, 8)
    ]
    assert [Path(error.file).name for error in bad] == ["07.jsonl", "08.jsonl"]
    with pytest.raises(BadInput) as error:
        source().units([tmp_path])
    assert Path(error.value.file).name == "07.jsonl", "the first bad file by name, not by time"
