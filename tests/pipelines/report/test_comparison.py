"""Two builds side by side: each figure is that of its build, and what is equal is not shown as a change."""

import copy
import re
import shutil

import pytest

from pipelines import cli
from pipelines.errors import UsageError
from pipelines.report.comparison import change, names_of, render_comparison
from pipelines.report.figures import gather
from tests.pipelines.report.reading import Page

NAMES = ("before", "after")


def cells(page: Page) -> list[list[str]]:
    """The text of every row of every table."""
    rows = [element for element in page.elements if element.name == "tr"]
    texts: dict[int, dict[int, str]] = {id(row): {} for row in rows}
    for element in page.elements:
        if element.name in ("td", "th"):
            row = next(parent for parent in reversed(element.parents) if parent.name == "tr")
            texts[id(row)][id(element)] = ""
    for text, parents in page.texts:
        for element in parents:
            if element.name in ("td", "th"):
                row = next(parent for parent in reversed(element.parents) if parent.name == "tr")
                texts[id(row)][id(element)] += text
    return [list(texts[id(row)].values()) for row in rows]


@pytest.fixture(scope="module")
def changed(figures) -> dict:
    """The figures of a build with fewer documents, another vocabulary and a better model."""
    other = copy.deepcopy(figures)
    other["summary"]["documents"] //= 2
    other["summary"]["bits_per_byte"]["after"] -= 0.25
    folder = next(line for line in other["provenance"]["folders"] if line["stage"] == "tokenizer")
    folder["options"]["vocab_size"] = 2048
    folder["digest"] = "f" * 64
    other["sources"]["funnel"][1]["dropped"]["too short"] = 9
    return other


def test_a_build_compared_with_itself_has_no_change(figures):
    page = Page(render_comparison(NAMES, (figures, figures)))
    assert all(row[-1] in ("", "change") for row in cells(page) if len(row) == 4)
    assert "byte for byte" in "".join(text for text, _ in page.texts)


def test_what_changed_is_shown_with_both_values(figures, changed):
    page = Page(render_comparison(NAMES, (figures, changed)))
    rows = {row[0]: row[1:] for row in cells(page)}
    documents = figures["summary"]["documents"]
    assert rows["documents kept"][:2] == [f"{documents:,}", f"{documents // 2:,}"]
    assert rows["documents kept"][2].startswith("−5")
    assert rows["too short"] == ["0", "9", "new"]
    assert rows["tokenizer"] in (["vocab_size", "1024", "2048"], rows["tokenizer"])
    assert ["tokenizer", "vocab_size", "1024", "2048"] in cells(page)
    assert rows["rows"][2] == ""
    after = figures["summary"]["bits_per_byte"]["after"]
    assert rows["validation bits per byte"][:2] == [f"{after:.3f}", f"{after - 0.25:.3f}"]
    assert re.search("first folder that differs is tokenizer", "".join(text for text, _ in page.texts))


@pytest.mark.parametrize("missing", ["training", "tokenizer", "shares", "sources"])
def test_a_stage_that_one_build_has_not_run_leaves_its_section_out(figures, missing):
    other = {key: value for key, value in figures.items() if key != missing}
    section = {"shares": "shares", "sources": "documents"}.get(missing, missing)
    whole = Page(render_comparison(NAMES, (figures, figures)))
    part = Page(render_comparison(NAMES, (figures, other)))
    ids = [{e.attributes["id"] for e in page.elements if e.name == "section"} for page in (whole, part)]
    assert ids[0] - ids[1] == {section}


@pytest.mark.parametrize(
    ("pair", "shown"),
    [
        ((100, 110), "+10.0 %"),
        ((100, 50), "−50.0 %"),
        ((0, 5), "new"),
        ((5, 5), ""),
        ((None, 5), ""),
        ((5, None), ""),
        ((100_000, 100_020), "+0.02 %"),
    ],
)
def test_a_change_is_relative_to_the_first_build(pair, shown):
    assert change(pair) == shown.replace(" ", "\u202f")
    assert change((0.25, 0.2), points=True) == "−5.0\u202fpoints"


def test_builds_are_named_by_the_ends_of_their_paths_that_differ(tmp_path):
    assert names_of(tmp_path / "a", tmp_path / "b") == ("a", "b")
    assert names_of(tmp_path / "a" / "demo", tmp_path / "b" / "demo") == ("a", "b")
    with pytest.raises(UsageError, match="two builds"):
        names_of(tmp_path / "a", tmp_path / "a")


def test_the_command_writes_the_page_beside_the_second_build(own, tmp_path, capsys):
    other = shutil.copytree(own, tmp_path / "other")
    assert cli.run(["report", str(own), str(other)]) == 0
    assert capsys.readouterr().out.strip() == str(other / "comparison.html")
    first = (other / "comparison.html").read_bytes()
    assert str(tmp_path).encode() not in first
    assert cli.run(["report", str(own), str(other)]) == 0  # its own page is replaced
    assert (other / "comparison.html").read_bytes() == first
    (other / "comparison.html").write_text("mine")
    assert cli.run(["report", str(own), str(other)]) == 2
    assert (other / "comparison.html").read_text() == "mine"
    assert gather(own) == gather(other)
