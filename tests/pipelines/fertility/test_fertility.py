"""`arcorp fertility`: figures are those of an independent computation, tables fit, the page asks nothing of anyone."""

import json
import shutil
from pathlib import Path

import pytest

from pipelines import cli
from pipelines.errors import UsageError
from pipelines.fertility import FIGURES, PAGE
from pipelines.fertility.figures import labels
from pipelines.fertility.page import render
from pipelines.fertility.texts import TASHKEEL, read_texts
from pipelines.stages.documents import open_documents, parts_of
from tests.pipelines.report.reading import Page
from tests.tokenization.slowly import slowly
from tokenization.model import Tokenizer

GOLD = "والكتاب\tو+ال+كتاب\nبيت\tبيت\nمدرستها\tمدرس+ت+ها\n"


@pytest.fixture(scope="module")
def other(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another tokenizer: the same, with half of its merges."""
    folder = tmp_path_factory.mktemp("other") / "fewer"
    folder.mkdir()
    config = json.loads((built / "tokenizer" / "tokenizer.json").read_bytes())
    del config["model"]["merges"][300:]
    (folder / "tokenizer.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def out(built: Path, other: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fertility")
    (folder / "gold.tsv").write_text(GOLD)
    command = ["fertility", str(built / "tokenizer"), str(other), "--docs", str(built / "unique")]
    assert cli.run([*command, "--out", str(folder), "--gold", str(folder / "gold.tsv"), "--sizes", "300,1k"]) == 0
    return folder


@pytest.fixture(scope="module")
def figures(out: Path) -> dict:
    return json.loads((out / FIGURES).read_bytes())


def test_figures_equal_an_independent_computation(built: Path, other: Path, figures: dict) -> None:
    strata = read_texts([built / "unique"])
    for label, path in (("tokenizer", built / "tokenizer"), ("fewer", other)):
        tokenizer, found = Tokenizer.load(path), figures["tokenizers"][label]
        expected = slowly(tokenizer, [text for one in strata for text in one.texts])
        assert {name: found["all"][name] for name in expected} == pytest.approx(expected)
        assert set(found["by"]) == {"source", "language", "category"}
        for group, shown in found["by"]["category"].items():
            if group != "arabic":  # the largest
                expected = slowly(tokenizer, [t for one in strata if one.category == group for t in one.texts])
                assert {name: shown[name] for name in expected} == pytest.approx(expected)
            assert shown["intervals"]["tokens_per_word"][0] <= shown["tokens_per_word"]
        assert found["all"]["changed"] == 0
        word = {segments.replace("+", ""): segments.split("+") for _, segments in map(str.split, GOLD.splitlines())}
        hits = ends = true = 0
        for text, segments in word.items():
            pieces = [tokenizer.pieces[at] for at in tokenizer.encode(f" {text}")]
            cuts = {len(b"".join(pieces[:number])) - 1 for number in range(1, len(pieces))} - {0}
            truth = {len("".join(segments[:number]).encode()) for number in range(1, len(segments))}
            hits, ends, true = hits + len(cuts & truth), ends + len(cuts), true + len(truth)
        assert found["morphemes"]["precision"] == pytest.approx(hits / ends)
        assert found["morphemes"]["recall"] == pytest.approx(hits / true)


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
    assert TASHKEEL.sub("", "كَتَبَ ٱلـدَّرسَ") == "كتب ٱلـدرس"


def test_tables_fit_eighty_columns(
    built: Path, other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / f"a-tokenizer-with-a-long-name-{number}" for number in range(5)]
    names = [str(shutil.copytree(other, path)) for path in paths]
    assert cli.run(["fertility", *names, "--docs", str(built / "unique"), "--out", str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines[:-1])) <= 80
    assert sum("…long-name-4" in line for line in lines) > 2
    assert lines[-1] == str(tmp_path / "out" / PAGE)


def test_the_page_asks_nothing_of_anyone_and_shows_every_tokenizer(out: Path, figures: dict) -> None:
    html = (out / PAGE).read_text()
    page = Page(html)
    for element in page.elements:
        assert element.name not in ("script", "link", "img", "iframe", "object", "embed", "base", "form")
        assert element.attributes.get("href", "#").startswith("#")
    assert "url(" not in html
    anchors = [element.attributes["href"][1:] for element in page.elements if element.name == "a"]
    assert anchors == [element.attributes["id"] for element in page.elements if element.name == "section"]
    assert set(anchors) >= {"overview", "texts", "varieties", "morphemes", "vocabulary", "curve", "views"}
    views: dict[int, str] = {}
    for text, parents in page.texts:
        for parent in parents:
            if "tokens" in (parent.attributes.get("class") or "").split():
                views[id(parent)] = views.get(id(parent), "") + text
    cuts = [one for some in figures["views"].values() for passage in some for one in passage.values()]
    assert sorted(views.values()) == sorted("".join(piece for piece, _ in pieces) for pieces in cuts)


def test_names_and_texts_are_never_markup(figures: dict) -> None:
    hostile = '</p></style><script>alert(1)</script>"'
    changed = json.loads(json.dumps(figures).replace("fewer", json.dumps(hostile)[1:-1]))
    page = Page(render(changed))
    assert not [element for element in page.elements if element.name == "script"]


def test_tokenizers_of_one_name_are_told_apart() -> None:
    assert list(labels(["a/tokenizer", "b/tokenizer/tokenizer.json", "cl100k_base"])) == [
        "a/tokenizer",
        "b/tokenizer/tokenizer.json",
        "cl100k_base",
    ]
    assert list(labels(["x/mine.tiktoken", "out/32k"])) == ["mine", "32k"]
    with pytest.raises(UsageError, match="named twice"):
        labels(["a", "a"])


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"--docs": "tokenizer"}, 2, "documents come from ingest or dedup"),
        ({"--sizes": "8x"}, 2, "write them as 8k,16k,32k"),
        ({"--sizes": "100"}, 2, "sizes 100: choose 257 or more"),
        ({"--sizes": "64k"}, 3, "the text gives"),
        ({"--gold": "unique"}, 3, "cannot be read as text"),
        ({"--out": "unique/manifest.json"}, 2, "can't be written"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict, code: int, message: str
) -> None:
    flags = {"--docs": "unique", "--out": str(tmp_path / "out")} | change
    words = [
        word for flag, value in flags.items() for word in (flag, str(built / value) if flag != "--sizes" else value)
    ]
    assert cli.run(["fertility", str(built / "tokenizer"), *words]) == code
    assert message in capsys.readouterr().err
