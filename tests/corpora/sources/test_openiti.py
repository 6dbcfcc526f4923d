"""OpenITI: texts have no markup, and every Arabic letter is in the text or in a removed part with a reason."""

import re
from pathlib import Path

import pytest

from corpora.errors import BadInput
from corpora.sources.openiti_markdown import NotOpenITI, parse

LETTERS = re.compile(r"[\u0620-\u063f\u0641-\u064a\u0671-\u06d3]")
MARKUP = re.compile(r"#META#|PageV|ms\d|~~|%~%|@QB@|@QE@|###")


def book(body: str, start: str = "######OpenITI#") -> str:
    return f"{start}\n\n#META# 010.AuthorNAME\t:: الجاحظ\n#META# 020.BookTITLE\t:: NODATA\n\n#META#Header#End#\n{body}"


def text(body: str, **options: bool) -> str:
    return parse(book(body), **options).text


@pytest.fixture(scope="module")
def books(samples: Path) -> list[Path]:
    paths = [path for path in (samples / "data" / "openiti").rglob("*-ara1*") if path.suffix != ".yml"]
    assert len(paths) == 16
    return paths


def test_every_arabic_letter_is_in_the_text_or_in_a_removed_part(books: list[Path]) -> None:
    for path in books:
        raw = path.read_text("utf-8")
        parsed = parse(raw)
        removed = sum(len(LETTERS.findall(part)) for part in parsed.removed.values())
        assert len(LETTERS.findall(raw)) == len(LETTERS.findall(parsed.text)) + removed, path.name
        assert len(LETTERS.findall(parsed.text)) > 900, path.name


def test_texts_have_no_markup(books: list[Path]) -> None:
    for path in books:
        assert not MARKUP.search(parse(path.read_text("utf-8")).text), path.name


def test_the_most_reliable_version_of_each_book_is_read(samples: Path, ingest) -> None:  # type: ignore[no-untyped-def]
    documents, counter = ingest("openiti", samples / "data" / "openiti")
    assert len(documents) == 13
    assert counter.balanced
    chosen = [document.id for document in documents if "Bighal" in document.id]
    assert chosen == ["openiti/0255Jahiz.Bighal.Shamela0010506-ara1"]  # primary in the metadata file
    documents, _ = ingest("openiti", *sorted((samples / "data" / "openiti").glob("*AH")))
    chosen = [document.id for document in documents if "Bighal" in document.id]
    assert chosen == ["openiti/0255Jahiz.Bighal.Shamela0010428BK18-ara1"]  # both are .mARkdown: first by name
    books = [document.metadata["metadata"]["book"] for document in documents]
    assert len(set(books)) == 13
    assert len(ingest("openiti", samples / "data" / "openiti", versions="all")[0]) == 16


@pytest.mark.parametrize("start", ["######OpenITI#", "\ufeff######OpenITI#", "#####OpenITI#"])
def test_all_spellings_of_the_magic_value_are_accepted(start: str) -> None:
    parsed = parse(book("# نص", start))
    assert (parsed.text, parsed.meta) == ("نص", {"author": "الجاحظ"})


def test_the_columns_of_release_metadata_are_found_by_its_header(tmp_path: Path, ingest) -> None:  # type: ignore[no-untyped-def]
    for version in ("A1-ara1", "B2-ara1.mARkdown"):
        (tmp_path / f"0001A.B.{version}").write_text(book(f"# {version}"))
    table = tmp_path / "OpenITI_metadata_2022.csv"
    table.write_text("version_uri\tid\tstatus\n0001A.B.A1-ara1\tA1\tpri\n0001A.B.B2-ara1\tB2\tsec\n")
    assert [document.text for document in ingest("openiti", tmp_path)[0]] == ["A1-ara1"]
    table.write_text("book\tstate\n")
    with pytest.raises(BadInput, match=r"metadata_2022\.csv: .*versionUri and status.*; remove it"):
        ingest("openiti", tmp_path)
    table.write_bytes(b"")
    with pytest.raises(BadInput, match="is empty"):
        ingest("openiti", tmp_path)


@pytest.mark.fault(19)
def test_a_file_of_another_format_is_refused(tmp_path: Path, ingest) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NotOpenITI, match="Header#End"):
        parse("######OpenITI#\n# نص")
    (tmp_path / "a-ara1").write_text("# just text")
    with pytest.raises(BadInput, match=r"a-ara1: .*######OpenITI#; `text` reads plain text"):
        ingest("openiti", tmp_path)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("# فإذا هو PageV01P033\n~~ قد باع", "فإذا هو قد باع"),
        ("# واستعمال PageVW1P091A الأولى\n~~PageV9MP\n", "واستعمال الأولى"),
        ("# أول\nPageV02P211\n~~آخر", "أول آخر"),
        ("# الذي وضعه ms001 رجل msA12 و Milestone300 آخر", "الذي وضعه رجل و آخر"),
        ("# صدر %~% عجز\n# صدر % عجز\n# 5 % منه", "صدر\tعجز\nصدر\tعجز\n5 % منه"),
        ("# قال @QB@ الصراط @QE@ : الطريق @HAD9 وكذا", "قال الصراط : الطريق وكذا"),
        ("# | وقال : | قائل ^ ( نعم ) ^", "وقال : قائل ( نعم )"),
        ("### | باب\n# نص\n### $$ 1 ترجمة\n# نص", "باب\nنص\n\n1 ترجمة\nنص"),
        ("### |EDITOR|\n# حديث\n# | مقدمة\n### || باب\n# قديم", "باب\nقديم"),
        ("# قديم\n#####ENDNOTES#\n(1) حاشية", "قديم"),
        ("# لصوص «1» النهار (12) ، وكذا [3]\n# (1) أول", "لصوص النهار، وكذا\n(1) أول"),
        ('# قال <a href="x">نعم</a> </span>', "قال نعم"),
    ],
)
def test_markup_is_removed_and_words_are_kept(body: str, expected: str) -> None:
    assert text(body) == expected


def test_references_to_notes_are_kept_on_request() -> None:
    assert text("# لصوص «1» النهار", keep_notes=True) == "لصوص «1» النهار"
