"""All steps in datatrove's executor: counts balance, and the output does not depend on the number of workers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep

from corpora import documents
from corpora.cleaning import Clean, Normalisation
from corpora.document_counts import DocumentCounter
from corpora.quality import Filter, Limits
from corpora.sources import find_source
from corpora.sources.pipeline_step import Reader


class Write(PipelineStep):  # type: ignore[misc]
    """Writer of a part and its counts."""

    type, name = "WRITER", "test"

    def __init__(self, folder: Path, counter: DocumentCounter) -> None:
        super().__init__()
        self.folder, self.counter = folder, counter

    def run(self, data: Iterator[Document], rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        with (self.folder / f"part-{rank:05}.parquet").open("wb") as file:
            documents.write_documents(data, file, self.counter)
        (self.folder / f"part-{rank:05}.json").write_text(json.dumps(self.counter.to_json()))
        yield from ()


def build(folder: Path, units: list[Any], source: Any, workers: int) -> None:
    folder.mkdir()
    counter = DocumentCounter()
    steps = [
        Reader(source, units, counter),
        Clean(source, Normalisation(), counter),
        Filter(Limits(min_chars=300), counter),
        Write(folder, counter),
    ]
    logs = str(folder.with_suffix(".logs"))
    LocalPipelineExecutor(steps, tasks=len(units), workers=workers, logging_dir=logs, skip_completed=False).run()


@pytest.fixture
def inputs(samples: Path, tmp_path: Path) -> Path:
    """Copies of the OSCAR sample, enough for several units."""
    import zstandard

    raw = (samples / "data/oscar/OSCAR-2301/ar_meta/ar_meta_part_1.jsonl.zst").read_bytes()
    lines = zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    folder = tmp_path / "oscar"
    folder.mkdir()
    for part in range(9):
        numbered = lines.replace(b'"<urn:uuid:', b'"<urn:uuid:%d' % part)
        (folder / f"ar_meta_part_{part}.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(numbered))
    return folder


@pytest.mark.fault(6)
def test_one_and_two_workers_write_the_same_bytes_and_every_document_is_counted(inputs: Path, tmp_path: Path) -> None:
    source = find_source("oscar")()
    units = source.units([inputs])
    assert len(units) >= 2
    build(tmp_path / "one", units, source, workers=1)
    build(tmp_path / "two", units, source, workers=2)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(names) == 2 * len(units)
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name

    parts = [json.loads(path.read_text())["ledgers"] for path in sorted((tmp_path / "one").glob("*.json"))]
    assert sum(counts["documents"]["in"] for counts in parts) == 9 * 1239
    for counts in parts:
        for unit in counts.values():
            added, dropped = sum(unit["added"].values()), sum(unit["dropped"].values())
            assert unit["in"] + added == unit["out"] + dropped
    assert all(counts["documents"]["dropped"]["too short"] > 0 for counts in parts)


def test_the_counter_is_reset_when_a_rank_begins(samples: Path) -> None:
    source = find_source("gsm8k")()
    counter = DocumentCounter()
    reader = Reader(source, source.units([samples / "data/math/gsm8k"]), counter)
    for _ in range(2):
        assert sum(1 for _ in reader.run(None, 0, 1)) == 1319
        assert counter.input["documents"] == 1319


@pytest.mark.fault(9)
def test_a_reader_with_quarantine_lists_a_file_that_can_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "نص"}\n')
    source = find_source("jsonl")()
    units = source.units([tmp_path])
    (tmp_path / "a.jsonl").unlink()
    counter = DocumentCounter()
    assert list(Reader(source, units, counter, quarantine=True).run(None, 0, 1)) == []
    (message,) = counter.to_json()["bad"]
    assert message.startswith(f"{tmp_path / 'a.jsonl'}: can't be opened")


def test_a_document_that_is_empty_after_cleaning_is_dropped_and_counted(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "\\u200f\\u0640"}\n{"text": "نصـ"}\n')
    source = find_source("jsonl")(language="arb_Arab")
    counter = DocumentCounter()
    reader = Reader(source, source.units([tmp_path]), counter)
    cleaned = list(Clean(source, Normalisation(), counter).run(reader.run(None, 0, 1)))
    assert [document.text for document in cleaned] == ["نص"]
    for document in cleaned:
        counter.count_output(document)
    assert counter.balanced
    assert counter.dropped["documents"] == {"empty after cleaning": 1}
    assert counter.changed == {"invisible": 1, "tatweel": 2}


@pytest.mark.parametrize(("limits", "kept"), [(Limits(), 3), (Limits(min_chars=2), 2), (Limits(1, 2), 2)])
def test_limits_are_off_by_default(limits: Limits, kept: int) -> None:
    counter = DocumentCounter()
    stream = (Document(text=text, id=text) for text in ("a", "ab", "abc"))
    assert len(list(Filter(limits, counter).run(stream))) == kept
    assert sum(counter.dropped["documents"].values()) == 3 - kept
