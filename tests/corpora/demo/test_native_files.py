"""Native files of the demo corpus: standard libraries read them, and they have the schemas of the six sources."""

import hashlib
import io
import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import zstandard

from corpora.demo import files
from corpora.quality.code_rules import failed_rule

SIZE = 600_000


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[files.NativeInput]]:
    folder = tmp_path_factory.mktemp("native")
    return folder, files.write_native(folder, bytes=SIZE)


def _of(written: tuple[Path, list[files.NativeInput]], source: str) -> list[files.NativeInput]:
    return [entry for entry in written[1] if entry.source == source]


def _oscar(folder: Path) -> list[dict[str, object]]:
    data = (folder / "ar_meta_part_1.jsonl.zst").read_bytes()
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)) as stream:
        return [json.loads(line) for line in io.TextIOWrapper(stream, encoding="utf-8")]


def _text_bytes(entry: files.NativeInput) -> int:
    if entry.source == "oscar":
        return sum(len(str(row["content"]).encode()) for row in _oscar(entry.path))
    if entry.source == "openiti":
        return sum(len(path.read_bytes()) for path in entry.path.rglob("*-ara1*"))
    column = "content" if entry.source == "the-stack-v2" else "text"
    tables = [pq.read_table(path, columns=[column]) for path in sorted(entry.path.glob("*.parquet"))]
    return sum(len(text.encode()) for table in tables for text in table[column].to_pylist())


@pytest.mark.fault(27)
def test_the_same_seed_and_size_give_the_same_files_and_another_seed_gives_others(
    tmp_path: Path, written: tuple[Path, list[files.NativeInput]]
) -> None:
    files.write_native(tmp_path / "again", bytes=SIZE)
    files.write_native(tmp_path / "other", bytes=SIZE, seed=1)
    assert _digests(tmp_path / "again") == _digests(written[0])
    other = _digests(tmp_path / "other")
    assert not set(other.values()) & set(_digests(written[0]).values())


def test_each_source_has_its_share_of_the_bytes(written: tuple[Path, list[files.NativeInput]]) -> None:
    languages = {"arb_Arab": "msa", "arz_Arab": "egyptian", "ars_Arab": "najdi", "Python": "python"}
    languages |= {"JavaScript": "javascript", "eng_Latn": "english"}
    assert sum(files.SHARES.values()) == pytest.approx(1.0)
    for entry in (entry for entry in written[1] if entry.source != "chat"):
        register = {"openiti": "classical", "open-web-math": "math"}.get(entry.source, languages[entry.language])
        target = SIZE * files.SHARES[entry.source, register]
        assert target * 0.95 <= _text_bytes(entry) <= target * 1.12 + 12_000


def test_conversations_are_lines_of_messages(written: tuple[Path, list[files.NativeInput]]) -> None:
    (entry,) = _of(written, "chat")
    lines = [json.loads(line) for line in (entry.path / "questions.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) == 200
    assert all([message["role"] for message in line["messages"]] == ["user", "assistant"] for line in lines)


@pytest.mark.parametrize(
    ("source", "schema"),
    [
        ("fineweb-2", files.FINEWEB_2),
        ("fineweb-edu", files.FINEWEB_EDU),
        ("open-web-math", files.OPEN_WEB_MATH),
        ("the-stack-v2", files.THE_STACK_V2),
    ],
)
def test_parquet_files_have_the_schema_of_their_source(
    source: str, schema: object, written: tuple[Path, list[files.NativeInput]]
) -> None:
    for entry in _of(written, source):
        for path in entry.path.glob("*.parquet"):
            table = pq.read_table(path, page_checksum_verification=True)
            assert table.schema.remove_metadata() == schema
            assert table.num_rows > 5


@pytest.mark.parametrize(
    ("source", "sample", "schema"),
    [
        ("fineweb-2", "fineweb-2/data/arb_Arab/test/000_00000.parquet", files.FINEWEB_2),
        ("fineweb-edu", "english/fineweb-edu/data/CC-MAIN-2024-10/train-00000-of-00001.parquet", files.FINEWEB_EDU),
        ("open-web-math", "math/open-web-math/data/train-00000-of-00001.parquet", files.OPEN_WEB_MATH),
        (
            "the-stack-v2",
            "code/the-stack-v2-dedup/data/Python/train-00000-of-00001.parquet",
            files.THE_STACK_V2.remove(files.THE_STACK_V2.get_field_index("content")),
        ),
    ],
)
def test_the_schemas_are_those_of_real_files(source: str, sample: str, schema: object, samples: Path) -> None:
    real = pq.read_schema(samples / "data" / sample).remove_metadata()
    assert [(field.name, field.type) for field in real] == [(field.name, field.type) for field in schema], source


def test_oscar_documents_have_the_shape_of_real_ones(
    samples: Path, written: tuple[Path, list[files.NativeInput]]
) -> None:
    real = samples / "data/oscar/OSCAR-2301/ar_meta/ar_meta_part_1.jsonl.zst"
    with zstandard.open(real, "rt", encoding="utf-8") as stream:
        model = json.loads(stream.readline())
    for row in _oscar(_of(written, "oscar")[0].path):
        assert row.keys() == model.keys()
        assert row["warc_headers"].keys() == model["warc_headers"].keys()
        assert row["metadata"].keys() == model["metadata"].keys()
        assert len(row["metadata"]["sentence_identifications"]) == len(row["content"].split("\n"))


def test_oscar_repeats_a_few_pages_of_fineweb_2_and_warns_of_menus(
    written: tuple[Path, list[files.NativeInput]],
) -> None:
    rows = _oscar(_of(written, "oscar")[0].path)
    arabic = next(entry for entry in _of(written, "fineweb-2") if entry.language == "arb_Arab")
    web = set(pq.read_table(arabic.path / "000_00000.parquet", columns=["text"])["text"].to_pylist())
    repeated = [row for row in rows if row["content"] in web]
    assert 0 < len(repeated) < len(rows) / 10
    warned = [row for row in rows if "header" in (row["metadata"]["quality_warnings"] or [])]
    assert 0 < len(warned) < len(rows) / 5
    assert all(row["content"].startswith("الرئيسية\n") for row in warned)


def test_oscar_has_near_copies_of_fineweb_2_and_the_stack_has_code_that_quality_drops(
    written: tuple[Path, list[files.NativeInput]],
) -> None:
    arabic = next(entry for entry in _of(written, "fineweb-2") if entry.language == "arb_Arab")
    web = set(pq.read_table(arabic.path / "000_00000.parquet", columns=["text"])["text"].to_pylist())
    texts = [str(row["content"]) for row in _oscar(_of(written, "oscar")[0].path)]
    furnished = ["\n".join(text.split("\n")[3:-3]) for text in texts if text.startswith("الرئيسية\n")]
    assert any(text in web for text in furnished)
    for entry in _of(written, "the-stack-v2"):
        rows = pq.read_table(entry.path / "train-00000-of-00001.parquet").to_pylist()
        reasons = [failed_rule(row["content"], row["path"], "Apache-2.0") for row in rows]
        assert {"generated", "vendored"} <= set(reasons)
        assert all(row["is_vendor"] == (reason == "vendored") for row, reason in zip(rows, reasons, strict=True))
        assert reasons.count("") > 0.8 * len(reasons)


def test_openiti_books_have_the_markup_of_the_release(written: tuple[Path, list[files.NativeInput]]) -> None:
    entry = _of(written, "openiti")[0]
    books = sorted(path for path in entry.path.rglob("*") if path.is_file())
    assert len(books) >= 3
    vocalised = 0
    for path in books:
        text = path.read_text(encoding="utf-8")
        assert re.fullmatch(
            r"\d{4}AH/data/(\d{4}\w+)/(\1\.\w+)/\2\.\w+-ara1(\.\w+)?", path.relative_to(entry.path).as_posix()
        )
        assert text.startswith("######OpenITI#\n")
        header, _, body = text.partition("#META#Header#End#\n")
        assert "#META# 011.AuthorDIED\t:: " in header
        assert all(re.match("### \\| |# |~~|$", line) for line in body.split("\n"))
        assert "PageV01P001" in body
        assert "ms1" in body
        vocalised += "\u064e" in body
    assert 0 < vocalised < len(books)
    assert any("%~%" in path.read_text(encoding="utf-8") for path in books)


def test_code_rows_contain_the_blob_of_their_id(written: tuple[Path, list[files.NativeInput]]) -> None:
    for entry in _of(written, "the-stack-v2"):
        for row in pq.read_table(entry.path / "train-00000-of-00001.parquet").to_pylist():
            content = row["content"].encode()
            assert row["length_bytes"] == len(content)
            assert row["blob_id"] == hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
