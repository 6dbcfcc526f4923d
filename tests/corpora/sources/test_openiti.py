"""OpenITI: texts have no markup, words stay whole, numbers that are text stay, and every letter and digit is in the
text or in a removed part with a name."""

import os
from pathlib import Path

import openiti_books
import pytest

from corpora.errors import BadInput
from corpora.sources.openiti import OpenITI
from corpora.sources.openiti_markdown import NotOpenITI, parse


def book(body: str, start: str = "######OpenITI#") -> str:
    return f"{start}\n\n#META# 010.AuthorNAME\t:: الجاحظ\n#META# 020.BookTITLE\t:: NODATA\n\n#META#Header#End#\n{body}"


def text(body: str, **options: bool) -> str:
    return parse(book(body), **options).text


@pytest.fixture(scope="module")
def books(samples: Path) -> list[Path]:
    """Return the books of the samples, and those below the folder that ARCORP_OPENITI names."""
    folders = [samples / "data" / "openiti", *filter(None, [Path(os.environ.get("ARCORP_OPENITI", ""))])]
    paths = [path for folder in folders for path in folder.rglob("*-ara[0-9]*") if path.suffix != ".yml"]
    assert len(paths) >= 16
    return paths


def check(raw: str, name: str) -> None:
    parsed = parse(raw)
    assert not openiti_books.unbalanced(raw, parsed.text, parsed.removed), name
    assert not openiti_books.welded(raw, parsed.text), name
    assert not openiti_books.leftovers(parsed.text), name


@pytest.mark.parametrize("number", range(320))
def test_books_in_every_spelling_give_their_text_to_the_character(number: int) -> None:
    written = openiti_books.written(number)
    assert parse(written.raw).text == written.text
    check(written.raw, str(written.spellings))


def test_every_letter_and_digit_of_a_book_is_in_the_text_or_in_a_named_cut(books: list[Path]) -> None:
    for path in books:
        check(path.read_text("utf-8"), path.name)


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
        ("# لصوص «1» النهار (12) ، وكذا [3]\n# (1) أول", "لصوص «1» النهار (12) ، وكذا [3]\n(1) أول"),
        ('# قال <a href="x">نعم</a> </span>', "قال نعم"),
    ],
)
def test_markup_is_removed_and_words_are_kept(body: str, expected: str) -> None:
    assert text(body) == expected


def test_a_note_on_its_page_makes_a_number_a_reference() -> None:
    page = "# خبيث(1)الحديد في سنة (1061)، وتدع (2) ، والمادة (3) كذا.\n"
    notes = "# __________\n# (1) في نسخة: حديد\n# (2) ساقط من ب PageV01P005\n"
    expected = "خبيث الحديد في سنة (1061)، وتدع، والمادة (3) كذا."
    assert text(page + notes + "# وخلف (1) آخر.") == f"{expected}\nوخلف (1) آخر."
    assert text(page + notes.partition("\n")[2]) == expected
    assert text(page + "PageV01P005\n") == "خبيث(1)الحديد في سنة (1061)، وتدع (2) ، والمادة (3) كذا."


def test_endnotes_make_numbers_references_by_page_and_by_order() -> None:
    page = "# قال(1)الشيخ (2) في سنة (1061).\nPageV01P00{}\n"
    body = page.format(1) + page.format(2)
    first = "قال الشيخ في سنة (1061)."
    by_page = "### |EDITOR|\nENDNOTES:\n\nPageV01P001:\n\n(1) ساقط\n\n(2) كذا\n\nPageV01P002:\n\n"
    assert text(body + by_page) == f"{first}\nقال(1)الشيخ (2) في سنة (1061)."
    after = "# ### |EDITOR|\n# ENDNOTES\n\n# (1) ساقط\nPageV01P001\n# (1) ساقط\n# (2) كذا\nPageV01P002\n"
    assert text(body + after) == f"قال الشيخ (2) في سنة (1061).\n{first}"
    assert text(body + "#####ENDNOTES#\n(1) ساقط\n(2) كذا\n") == f"{first}\n{first}"
    many = "".join(f"(٢{digit}) كذا\n" for digit in "٠١٢٣")
    assert text(body + "#####ENDNOTES#\n(١) ساقط\n" + many) == text(body).replace("(1)", " ").replace(
        "(1061)", "(1061)"
    )


def test_numbers_that_count_on_every_page_are_references_though_the_notes_are_not_in_the_file() -> None:
    page = "# قال «1» الشيخ «2» في سنة «1061» كذا.\nPageV01P0{:02}\n"
    assert text("".join(map(page.format, range(8)))) == "\n".join(["قال الشيخ في سنة «1061» كذا."] * 8)
    ayas = "# {{الم}} (1) {{ذلك الكتاب}} (2) {{هدى}} ({0}).\nPageV01P0{0:02}\n"
    assert "(1)" in text("".join(map(ayas.format, range(3, 6))))
    amounts = "# وقدره ({0}) دينارا، والمادة ({1}).\nPageV01P0{0:02}\n"
    for number in range(10, 20):
        assert f"({number})" in text("".join(amounts.format(page, 7 * page) for page in range(10, 20)))


def test_a_number_alone_amid_a_sentence_is_a_reference_and_the_number_of_a_section_is_not() -> None:
    broken = (
        "# يكلفون إصلاح الطرق العامة\n\n# 1\n\n# بواسطة عمال، ثم اللوجستاي\n\n# 2 ms07\n\n# الذين يتلقون الحساب.\n"
    )
    assert text(broken) == "يكلفون إصلاح الطرق العامة بواسطة عمال، ثم اللوجستاي الذين يتلقون الحساب."
    sections = "# | أحلام\n# 1\n# فلما كانت الليلة.\n# 2\n# وكان الصوت.\n"
    assert text(sections) == "أحلام\n1\nفلما كانت الليلة.\n2\nوكان الصوت."


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("# قالوا: رب العرش\n# [ص: 67]\n# العظيم، الحمد", "قالوا: رب العرش العظيم، الحمد"),
        ("# قال لهم ثنا زهير،\n### | [ص: 18]\n# حدثني ليث", "قال لهم ثنا زهير، حدثني ليث"),
        ("# فلم يدر ما يقضي (*)\n# PageV01P193\n# بيننا", "فلم يدر ما يقضي بيننا"),
        ("# انتهى الكلام.\n# PageV01P193\n# باب آخر", "انتهى الكلام.\nباب آخر"),
        ("# ثم قال له\n# PageV01P193\n### | باب\n# نص", "ثم قال له\n\nباب\nنص"),
        ("# ثم قال له\n# PageV01P193\n# 12 - حدثنا", "ثم قال له\n12 - حدثنا"),
        ("# صدر أول %~% عجز\n# PageV01P193\n# صدر ثان %~% عجز", "صدر أول\tعجز\nصدر ثان\tعجز"),
        ("# ألفى ديـ\n# --- PageV02P114 [ 115 ]\n# نار وما", "ألفى ديـ نار وما"),
        ("# ثم [115] قال\nPageV02P114\n", "ثم [115] قال"),
    ],
)
def test_a_page_break_amid_a_sentence_does_not_break_it(body: str, expected: str) -> None:
    assert text(body) == expected


def test_a_citation_of_sura_sad_is_no_page() -> None:
    assert text("# {إن هذا أخي} [ص: 23] قال\n# ثم [ص: 24] كذا") == "{إن هذا أخي} [ص: 23] قال\nثم [ص: 24] كذا"
    pages = "# وقال القوم\n# [ص: 22]\n# له {إن هذا أخي} [ص: 23] وهو [ص: 23] هنا [ص:320] وهناك"
    assert text(pages) == "وقال القوم له {إن هذا أخي} [ص: 23] وهو هنا وهناك"


def test_editors_sections_end_at_the_next_heading_and_are_counted_by_name() -> None:
    notes = "# ### |EDITOR|\n# ENDNOTES\n# (1) حديث\n"
    raw = book(f"# قديم\n{notes}### | باب\n# أقدم\n### |PARATEXT|\n# ختم\n### |/PARATEXT|\n# آخر")
    parsed = parse(raw)
    assert parsed.text == "قديم\n\nباب\nأقدم\nآخر"
    assert "حديث" in parsed.removed["endnotes section"]
    assert "ختم" in parsed.removed["paratext section"]
    assert not openiti_books.unbalanced(raw, parsed.text, parsed.removed)
    assert text("# The editor and his notes\n# قديم") == "The editor and his notes\nقديم"


@pytest.mark.parametrize("parted", ["{} %~% {}", "% {} % % {} % % 2", "{} ... {}", "{} …… {}", "{} *** {}"])
def test_a_book_of_verse_has_the_profile_verse(parted: str, tmp_path: Path, ingest) -> None:  # type: ignore[no-untyped-def]
    verse = "# " + parted.format("الآن إذ برد السلو ظمائي", "وأصاب بعدكم الأساة دوائي") + "\n"
    prose = "# قال ... وهو في حديث طويل لا شعر فيه ولا رجز، وإنما هو كلام من كلام العرب ... كذا قال.\n"
    for name, body, expected in (("V", verse * 9 + prose, "verse"), ("P", verse + prose * 9, None)):
        (tmp_path / f"0001A.{name}.X1-ara1").write_text(book(body), "utf-8")
        documents, _ = ingest("openiti", tmp_path / f"0001A.{name}.X1-ara1")
        assert documents[0].metadata["metadata"].get("form") == expected
        assert OpenITI().profile_of(documents[0].metadata) == expected


def test_notes_are_kept_on_request() -> None:
    body = "# لصوص «1» النهار (¬2)\n# __________\n# «1» في نسخة PageV01P002"
    assert text(body) == "لصوص النهار"
    assert text(body, keep_notes=True) == "لصوص «1» النهار (2)\n«1» في نسخة"


HOSTILE = (
    "\n",
    " ",
    "_",
    "-",
    "# (1) ",
    "# (1) نص\n",
    "# ---\n",
    "# ---\n# (1) نص\n",
    "نص (1) ",
    " [ص: 9] ",
    " % ",
    "~~",
    "\n~~ ",
    "![",
    "<a ",
    "&lt;",
    "@QB@",
    "### |",
    "### |EDITOR|\n",
    "# 1\n",
    "PageV01P001",
    "# PageV01P001\n",
    "\ufdd0",
    "EDITOR |   ",
    "###" + " " * 99,
)


@pytest.mark.parametrize("repeated", HOSTILE)
@pytest.mark.parametrize("end", ["", "\n~~نص (1)\n# (1) نص"])
def test_a_hundred_thousand_characters_of_one_mark_are_read_and_counted(repeated: str, end: str) -> None:
    raw = book("# نص EDITOR (1) " + repeated * (100_000 // len(repeated)) + end)
    parsed = parse(raw)
    assert not openiti_books.unbalanced(raw, parsed.text, parsed.removed)
