"""What a publisher or an extractor left in a text is removed, each part is counted by name, and words stay whole."""

import json
from pathlib import Path

import openiti_books
import pytest

from corpora.sources.cuts import Cuts
from corpora.sources.wiki_markup import remove_markup


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('نص<ref name="ف، 9/9">ف، ص 9</ref>. ثم', "نص. ثم"),
        ('نص<ref name="x"/>ثم</ref> كذا<ref>', "نص ثم كذا"),
        ("آخر [[تصنيف:علماء]]\n[[Category:A]]\n[[ en:Cairo ]]", "آخر \n\n"),
        ("في [[مصر|المصرية]] و[[القاهرة]].", "في المصرية والقاهرة."),
        ("قبل [[ملف:Map 9.svg|يسار|خريطة [[مصر|مصرية]] و[[شام]]]] بعد", "قبل  بعد"),
        ("قبل{{مصدر|9}}بعد <br> ثم</br> <nowiki>كذا</nowiki> </div>", "قبل بعد  ثم كذا "),
        ("س < 5 و ص > 3، و [1] و{كذا} و[[غير مغلق", "س < 5 و ص > 3، و [1] و{كذا} و[[غير مغلق"),
    ],
)
def test_wiki_markup_is_removed_and_text_stays(text: str, expected: str) -> None:
    cuts = Cuts()
    plain = remove_markup(text, cuts)
    assert plain == expected
    assert not openiti_books.unbalanced(text, plain, cuts.joined())
    assert not openiti_books.welded(text, plain.replace("والقاهرة", "القاهرة"))


def test_markup_in_wikiextractors_files_is_counted(tmp_path: Path, ingest) -> None:  # type: ignore[no-untyped-def]
    text = 'عنوان\n\nنص المقال<ref name="a">مرجع</ref>، وبعده.\n[[تصنيف:مدن]]\n'
    head = '<doc id="7" url="https://ar.wikipedia.org/wiki?curid=7" title="عنوان">'
    (tmp_path / "wiki_00").write_text(f"{head}\n{text}</doc>\n", "utf-8")
    documents, counter = ingest("wikipedia", tmp_path)
    assert documents[0].text.strip() == "نص المقال، وبعده."
    assert counter.balanced
    assert counter.dropped["chars"]["wiki markup"] == len('<ref name="a">مرجع</ref>[[تصنيف:مدن]]')


def test_the_line_that_links_to_a_story_is_cut_by_name(tmp_path: Path, ingest) -> None:  # type: ignore[no-untyped-def]
    link = "رابط الخبر بصحيفة الوئام: بالصور.. اصابة مقيم"
    contents = [f"أعلنت الوزارة.\n{link}", f" {link} ", "قال: رابط الأخوة: ما نريد.\nرابط بين الدول: كذا"]
    article = {"source": "alweeam", "date_extracted": "2015-07-23", "title": "خبر", "author": ""}
    articles = [{**article, "content": text, "url": f"http://x/{number}"} for number, text in enumerate(contents)]
    (tmp_path / "2015-07-23.json").write_text(json.dumps(articles, ensure_ascii=False), "utf-8")
    documents, counter = ingest("saudinewsnet", tmp_path)
    assert [document.text.strip() for document in documents] == ["خبر\nأعلنت الوزارة.", "خبر", f"خبر\n{contents[2]}"]
    assert counter.balanced
    assert counter.dropped["chars"]["link to the story"] >= 2 * len(link)
