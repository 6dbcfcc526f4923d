"""Inputs that change: no two versions are mixed, and a changed file is named, with size and time restored too."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from corpora.document_counts import DocumentCounter
from corpora.errors import BadInput, Changed
from corpora.sources import find_source
from pipelines import cli
from sharding.seal import Sealed

ROWS = 300


def lines(word: str) -> bytes:
    return "".join(json.dumps({"text": f"{word} {number:04}"}) + "\n" for number in range(ROWS)).encode()


def table(path: Path, word: str) -> None:
    texts = [f"{word} {number:04}" for number in range(ROWS)]
    pq.write_table(pa.table({"text": texts}), path, row_group_size=50, compression="none", use_dictionary=False)


WRITERS: dict[str, tuple[str, Callable[[Path, str], object]]] = {
    "jsonl": ("jsonl", lambda path, word: path.write_bytes(lines(word))),
    "csv": ("csv", lambda path, word: path.write_text("text\n" + "".join(f"{word} {n:04}\n" for n in range(ROWS)))),
    "txt": ("text", lambda path, word: path.write_text(f"{word} " * ROWS)),
    "parquet": ("parquet", table),
    "jsonl.zst": ("jsonl", lambda path, word: path.write_bytes(zstandard.compress(lines(word), level=0) + pad(word))),
}


def pad(word: str) -> bytes:
    """A skippable frame, so that both versions have one size."""
    padding = 200 + len(zstandard.compress(lines("first"), level=0)) - len(zstandard.compress(lines(word), level=0))
    return b"\x50\x2a\x4d\x18" + padding.to_bytes(4, "little") + bytes(padding)


@pytest.fixture(params=WRITERS)
def form(request: pytest.FixtureRequest) -> tuple[str, str, Callable[[Path, str], object]]:
    """The suffix of a format, the source that reads it, and how a file of it is written."""
    return (request.param, *WRITERS[request.param])


def rewrite(path: Path, write: Callable[[Path, str], object], word: str, *, replace: bool = False) -> None:
    """Other text of the same size, with the time restored; in place, or as another file of the same name."""
    before = path.stat()
    if replace:
        write(path.with_name(".other"), word)
        path.with_name(".other").replace(path)
    else:
        write(path, word)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def ingest(source: str, given: Path, out: Path, *flags: str) -> int:
    return cli.run(["ingest", source, str(given), "--out", str(out), "--workers", "1", *flags])


def texts(folder: Path) -> str:
    return "\n".join(
        text for path in sorted(folder.glob("part-*.parquet")) for text in pq.read_table(path)["text"].to_pylist()
    )


@pytest.fixture
def corpus(form, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three files, each of which becomes parts of its own."""
    for module in ("corpora.reading.formats", "corpora.sources.base", "corpora.reading.parquet"):
        monkeypatch.setattr(f"{module}.SLICE", 1500)
    suffix, _, write = form
    folder = tmp_path / "corpus"
    folder.mkdir()
    for name in "abc":
        write(folder / f"{name}.{suffix}", "first")
    return folder


@pytest.mark.fault(39)
def test_inputs_replaced_after_a_kill_are_refused_by_name(form, corpus, tmp_path, capsys):
    suffix, source, write = form
    out = tmp_path / "out"
    assert ingest(source, corpus, out) == 0
    parts = sorted(out.glob("part-*.parquet"))
    assert len(parts) >= 3
    (out / "manifest.json").unlink()  # as a kill after the first part leaves it
    for path in parts[1:]:
        path.unlink()
        path.with_suffix(".json").unlink()
    for name in "abc":
        rewrite(corpus / f"{name}.{suffix}", write, "other", replace=name == "a")
    capsys.readouterr()
    assert ingest(source, corpus, out) == 2
    message = capsys.readouterr().err
    assert f"a.{suffix} was changed" in message
    assert "--restart" in message
    assert not (out / "manifest.json").exists()
    assert ingest(source, corpus, out, "--restart") == 0
    assert "other" in texts(out)
    assert "first" not in texts(out)


@pytest.mark.fault(39)
def test_inputs_replaced_before_any_of_their_parts_was_made_are_read_as_one_version(form, corpus, tmp_path):
    suffix, source, write = form
    out = tmp_path / "out"
    assert ingest(source, corpus, out) == 0
    (out / "manifest.json").unlink()
    for path in out.glob("part-*"):
        path.unlink()
    for name in "abc":
        rewrite(corpus / f"{name}.{suffix}", write, "other")
    assert ingest(source, corpus, out) == 0
    assert "first" not in texts(out)


@pytest.mark.fault(39)
@pytest.mark.parametrize("replace", [False, True])
def test_a_file_that_is_rewritten_while_it_is_read_is_refused(form, corpus, replace):
    suffix, source, write = form
    reader = find_source(source)()
    units = reader.units([corpus])
    asked: list[BadInput] = []
    documents = reader.documents(
        units[0], DocumentCounter(), asked.append
    )  # set aside as a bad file, it would be lost
    next(documents)
    rewrite(corpus / f"a.{suffix}", write, "other", replace=replace)
    with pytest.raises(Changed, match=rf"a\.{suffix}.*changed while it was read"):
        list(documents)
    assert not asked
    with pytest.raises(Changed):  # and so is one that was rewritten after it was cut into parts
        list(reader.documents(units[0], DocumentCounter(), asked.append))


@pytest.mark.fault(40)
def test_a_changed_input_is_named_on_the_next_run(form, corpus, tmp_path, capsys):
    suffix, source, write = form
    out = tmp_path / "out"
    assert ingest(source, corpus, out) == 0
    root = Sealed(out).digest
    rewrite(corpus / f"b.{suffix}", write, "other")
    capsys.readouterr()
    assert ingest(source, corpus, out) == 2
    assert f"b.{suffix} was changed" in capsys.readouterr().err
    assert Sealed(out).digest == root
    rewrite(corpus / f"b.{suffix}", write, "first")
    assert ingest(source, corpus, out) == 0


@pytest.mark.fault(40)
def test_a_file_that_was_touched_moved_or_copied_back_is_accepted(form, corpus, tmp_path):
    suffix, source, _ = form
    out = tmp_path / "out"
    assert ingest(source, corpus, out) == 0
    root = Sealed(out).digest
    (corpus / f"a.{suffix}").touch()
    shutil.copy(corpus / f"b.{suffix}", tmp_path / "copy")
    (tmp_path / "copy").replace(corpus / f"b.{suffix}")
    (out / ".arcorp" / "inputs.json").unlink()
    assert ingest(source, corpus, out) == 0
    assert Sealed(out).digest == root


@pytest.mark.fault(40)
def test_a_changed_file_that_had_been_set_aside_is_named(tmp_path, capsys):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "a.jsonl").write_bytes(lines("first"))
    (corpus / "b.jsonl").write_bytes(b"\x1f\x8b" + bytes(500))
    out = tmp_path / "out"
    assert ingest("jsonl", corpus, out, "--on-bad-file", "quarantine") == 0
    assert ingest("jsonl", corpus, out, "--on-bad-file", "quarantine") == 0
    (corpus / "b.jsonl").write_bytes((lines("other") * 2)[:502])
    capsys.readouterr()
    assert ingest("jsonl", corpus, out, "--on-bad-file", "quarantine") == 2
    assert "b.jsonl was changed" in capsys.readouterr().err


def test_no_time_and_no_place_is_sealed_with_the_hash_of_an_input(tmp_path):
    import hashlib

    roots = set()
    for place in ("here", "there"):
        corpus = tmp_path / place / "corpus"
        corpus.mkdir(parents=True)
        (corpus / "a.jsonl").write_bytes(lines("first"))
        os.utime(corpus / "a.jsonl", (len(roots), len(roots)))
        assert ingest("jsonl", corpus, tmp_path / place / "out") == 0
        sealed = Sealed(tmp_path / place / "out")
        roots.add(sealed.digest)
        assert sealed.manifest.summary["inputs"] == {
            "corpus/a.jsonl": hashlib.sha256(lines("first")).hexdigest(),
        }
    assert len(roots) == 1
