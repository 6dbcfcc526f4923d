"""`arcorp fertility`: figures equal an independent computation, tables fit, the page requests nothing."""

import copy
import json
from pathlib import Path

import pytest

from pipelines import cli
from pipelines.console import Console
from pipelines.errors import UsageError
from pipelines.fertility import FIGURES, PAGE, labels, read_texts, render, show_tables, without_tashkeel
from pipelines.stages.documents import open_documents, parts_of
from tests.pipelines.conftest import Comparison
from tests.pipelines.report.reading import Page
from tests.sentencepiece_files import model_file
from tests.tokenization.slowly import slowly
from tokenization.model import Tokenizer


@pytest.fixture(scope="module")
def figures(compared: Comparison) -> dict:
    return json.loads((compared.out / FIGURES).read_bytes())


def test_figures_equal_an_independent_computation(built: Path, compared: Comparison, figures: dict) -> None:
    groups = read_texts([built / "unique"])
    for label, path in (("tokenizer", built / "tokenizer"), ("fewer", compared.other)):
        tokenizer, measured = Tokenizer.load(path), figures["tokenizers"][label]
        expected = slowly(tokenizer, [text for group in groups for text in group.texts])
        assert {name: measured["all"][name] for name in expected} == pytest.approx(expected)
        assert set(measured["by"]) == {"source", "language", "category"}
        for shown in measured["by"]["category"].values():
            assert shown["intervals"]["tokens_per_word"][0] <= shown["tokens_per_word"]
        assert measured["all"]["changed"] == 0


def test_figures_of_a_category_are_those_of_its_texts(built: Path, figures: dict) -> None:
    tokenizer, groups = Tokenizer.load(built / "tokenizer"), read_texts([built / "unique"])
    categories = figures["tokenizers"]["tokenizer"]["by"]["category"]
    assert categories.keys() == {group.category for group in groups}
    for category, shown in categories.items():
        if category != "arabic":  # the largest
            texts = [text for group in groups if group.category == category for text in group.texts]
            expected = slowly(tokenizer, texts)
            assert {name: shown[name] for name in expected} == pytest.approx(expected)


def test_morpheme_boundaries_are_those_of_the_gold(built: Path, compared: Comparison, figures: dict) -> None:
    words = {line.split("\t")[0]: line.split("\t")[1].split("+") for line in compared.gold.splitlines()}
    for label, path in (("tokenizer", built / "tokenizer"), ("fewer", compared.other)):
        tokenizer, shown = Tokenizer.load(path), figures["tokenizers"][label]["morphemes"]
        hits = ends = true = 0
        for word, morphemes in words.items():
            pieces = [tokenizer.pieces[token] for token in tokenizer.encode(f" {word}")]
            inside = {len(b"".join(pieces[:number])) - 1 for number in range(1, len(pieces))} - {0}
            truth = {len("".join(morphemes[:number]).encode()) for number in range(1, len(morphemes))}
            hits, ends, true = hits + len(inside & truth), ends + len(inside), true + len(truth)
        assert shown["precision"] == pytest.approx(hits / ends)
        assert shown["recall"] == pytest.approx(hits / true)


def test_tokenizers_are_compared_with_the_first(figures: dict) -> None:
    first, second = (figures["tokenizers"][label] for label in ("tokenizer", "fewer"))
    nsl = second["all"]["tokens"] / first["all"]["tokens"]
    assert nsl > 1
    assert second["against"]["all"]["nsl"] == pytest.approx(nsl)
    assert second["against"]["all"]["relative_difference"] == pytest.approx(1 - nsl)
    assert first["against"]["all"]["nsl"] == 1
    arabic = [name for name in figures["groups"]["language"] if name.endswith("_Arab")]
    assert set(first["varieties"]["premium"]) == set(arabic)
    assert first["varieties"]["premium"]["arb_Arab"] == 1
    assert [point["size"] for point in figures["curve"]["points"]] == [300, 1024]


def test_all_texts_of_small_folders_are_measured(built: Path, figures: dict) -> None:
    parts = parts_of(open_documents([built / "unique"]))
    documents = sum(part.read(["id"]).num_rows for part in parts)
    assert figures["tokenizers"]["tokenizer"]["all"]["documents"] == documents


def test_vowels_are_dropped_from_the_texts_that_have_them(built: Path, figures: dict) -> None:
    shown = figures["tokenizers"]["tokenizer"]["tashkeel"]
    assert shown["written"]["documents"] == shown["bare"]["documents"] > 0
    assert shown["written"]["words"] == shown["bare"]["words"]
    assert shown["written"]["chars"] > shown["bare"]["chars"]
    assert without_tashkeel("كَتَبَ ٱلـدَّرسَ") == "كتب ٱلـدرس"


def test_the_last_line_printed_is_the_page(compared: Comparison) -> None:
    lines = compared.printed.splitlines()
    assert lines[-1] == str(compared.out / PAGE)
    assert max(map(len, lines[:-1])) <= 80


def test_a_tokenizer_that_loses_text_is_measured_and_what_it_changes_is_shown(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "lossy.model"
    model.write_bytes(model_file(["<unk>", "<s>", "</s>", "\u2581", *"ابتلمنوي", "\u2581ال"], bpe=True, trim=True))
    out = tmp_path / "out"
    assert (
        cli.run(
            ["fertility", str(built / "tokenizer"), str(model), "--docs", str(built / "unique"), "--out", str(out)]
        )
        == 0
    )
    measured = json.loads((out / FIGURES).read_bytes())["tokenizers"]
    assert measured["tokenizer"]["changes"] == []
    assert measured["tokenizer"]["all"]["changed"] == 0
    assert "U+2581 becomes a space" in measured["lossy"]["changes"]
    assert measured["lossy"]["all"]["changed"] == measured["lossy"]["all"]["documents"]
    assert "lossy changes texts: " in capsys.readouterr().out
    assert "changes texts before it encodes them" in (out / PAGE).read_text(encoding="utf-8")
    assert cli.run(["tokenizer", "import", str(model), "--out", str(tmp_path / "imported")]) == 0
    assert cli.run(["tokenizer", "show", str(tmp_path / "imported"), "الباب"]) == 0


def test_tables_of_many_tokenizers_fit_eighty_columns(figures: dict, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"a-tokenizer-with-a-long-name-{number}" for number in range(5)]
    many = figures | {"reference": names[0], "tokenizers": dict.fromkeys(names, figures["tokenizers"]["fewer"])}
    show_tables(copy.deepcopy(many), Console())
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("…long-name-4" in line for line in lines) > 2


def test_the_page_requests_nothing_and_shows_every_tokenizer(compared: Comparison, figures: dict) -> None:
    html = (compared.out / PAGE).read_text()
    page = Page(html)
    for element in page.elements:
        assert element.name not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert element.attributes.get("href", "#").startswith("#")
    assert "url(" not in html
    assert sum(element.name == "script" for element in page.elements) == 1  # the page's own, by its hash
    anchors = [element.attributes["href"][1:] for element in page.elements if element.name == "a"]
    assert anchors == [element.attributes["id"] for element in page.elements if element.name == "section"]
    assert set(anchors) >= {"overview", "texts", "varieties", "morphemes", "vocabulary", "curve", "views"}
    views: dict[int, str] = {}
    for text, parents in page.texts:
        for parent in parents:
            if "tokens" in (parent.attributes.get("class") or "").split():
                views[id(parent)] = views.get(id(parent), "") + text
    tokenized = [pieces for passages in figures["views"].values() for by in passages for pieces in by.values()]
    assert sorted(views.values()) == sorted("".join(piece for piece, _ in pieces) for pieces in tokenized)


def test_names_and_texts_are_never_markup(figures: dict) -> None:
    hostile = '</p></style><script>alert(1)</script>"'
    changed = json.loads(json.dumps(figures).replace("fewer", json.dumps(hostile)[1:-1]))
    page = Page(render(changed))
    assert sum(element.name == "script" for element in page.elements) == 1
    assert "alert(1)" in "".join(text for text, parents in page.texts if parents and parents[-1].name != "script")


def test_tokenizers_of_equal_names_have_different_labels() -> None:
    assert list(labels(["a/tokenizer", "b/tokenizer/tokenizer.json", "cl100k_base"])) == [
        "a",
        "b",
        "cl100k_base",
    ]
    assert list(labels(["x/mine.tiktoken", "out/32k"])) == ["mine", "32k"]
    with pytest.raises(UsageError, match="once"):
        labels(["a", "a"])


@pytest.mark.parametrize(
    ("change", "code", "place", "mend"),
    [
        ({"--docs": "tokenizer"}, 2, "tokenizer", "or dedup"),
        ({"--sizes": "8x"}, 2, "--sizes 8x", "8k,16k,32k"),
        ({"--sizes": "100"}, 2, "100", "257"),
        ({"--sizes": "64k"}, 3, "65536", "smaller vocabulary"),
        ({"--gold": "unique"}, 3, "unique", "text"),
        ({"--out": "unique/manifest.json"}, 2, "unique/manifest.json", "--out"),
    ],
)
def test_an_invalid_flag_is_refused_in_one_sentence(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict, code: int, place: str, mend: str
) -> None:
    flags = {"--docs": "unique", "--out": str(tmp_path / "out")} | change
    words = [
        word for flag, value in flags.items() for word in (flag, str(built / value) if flag != "--sizes" else value)
    ]
    assert cli.run(["fertility", str(built / "tokenizer"), *words]) == code
    message = capsys.readouterr().err
    assert place in message
    assert mend in message
