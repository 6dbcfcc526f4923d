"""The section on corpora: the input is what was kept and what was dropped, in every unit; samples of both."""

import json
import shutil
from collections import Counter

import pytest

from pipelines.report import gather, render
from pipelines.report.documents import document_anchor
from sharding import seal
from sharding.seal import Sealed
from tests.pipelines.report.reading import Page

UNITS = ("documents", "bytes", "chars", "words")


def test_the_input_is_what_was_kept_and_what_was_dropped(figures):
    kinds = figures["corpora"]["kinds"]
    assert {kind["source"] for kind in kinds} == {line["source"] for line in figures["sources"]["kept"]}
    for kind in kinds:
        for unit in UNITS:
            dropped = sum(line[unit] for line in kind["dropped"])
            assert kind["in"][unit] == kind["kept"][unit] + dropped
        assert kind["kept"]["words"] > 0


def test_kept_documents_are_those_of_the_seals(figures):
    sealed = {(line["source"], line["language"], line["category"]): line for line in figures["sources"]["kept"]}
    for kind in figures["corpora"]["kinds"]:
        line = sealed[kind["source"], kind["language"], kind["category"]]
        assert {unit: kind["kept"][unit] for unit in UNITS[:3]} == {unit: line[unit] for unit in UNITS[:3]}
    assert sum(map(sum, figures["corpora"]["lengths"].values())) == sum(line["documents"] for line in sealed.values())


def test_reasons_are_those_of_the_sealed_counts(finished, figures):
    dropped = Sealed(finished / "unique").manifest.counts["documents"].dropped
    shown: Counter[str] = Counter()
    for kind in figures["corpora"]["kinds"]:
        for line in kind["dropped"]:
            if line["at"] == "deduplication":
                shown[line["reason"]] += line["documents"]
    assert shown == Counter({reason: count for reason, count in dropped.items() if count})


def test_there_are_ten_samples_of_each_source_and_dropped_ones_with_their_reason(figures):
    samples = figures["corpora"]["samples"]
    kept = Counter()
    for kind in figures["corpora"]["kinds"]:
        kept[kind["source"]] += kind["kept"]["documents"]
    assert samples.keys() == kept.keys()
    for source, kinds in samples.items():
        assert len(kinds["kept"]) == min(10, kept[source])
        assert not any(document["reason"] for document in kinds["kept"])
    dropped: Counter[tuple[str, str]] = Counter()
    for kind in figures["corpora"]["kinds"]:
        for line in kind["dropped"]:
            dropped[kind["source"], line["reason"]] += line["documents"]
    assert dropped
    shown = Counter(
        (source, document["reason"]) for source, kinds in samples.items() for document in kinds.get("dropped", [])
    )
    assert shown == {key: min(5, number) for key, number in dropped.items()}


def test_documents_have_their_rows(finished, figures):
    from sharding.checking import document_view

    shown = 0
    for kinds in figures["corpora"]["samples"].values():
        for document in kinds["kept"]:
            places = document_view(finished / "dataset", document["id"]).places
            assert [tuple(row) for row in document["rows"]] == list(dict.fromkeys((p.split, p.row) for p in places))
            if view := document.get("row"):
                assert document["id"] in {piece["id"] for piece in view["pieces"]} or view["segments"] > 6
                shown += 1
    assert shown


def test_a_reason_links_to_the_documents_that_were_dropped_for_it(figures):
    page = Page(render(figures))
    links = [element for element in page.elements if "data-reason" in element.attributes and element.name == "a"]
    assert links
    for link in links:
        target = next(
            element for element in page.elements if element.attributes.get("id") == link.attributes["href"][1:]
        )
        cards = [e for e in page.elements if target in e.parents and e.name == "article"]
        assert cards
        for card in cards:
            assert card.attributes["data-reason"] == link.attributes["data-reason"]
            assert card.attributes["data-source"] == link.attributes["data-source"]


def test_samples_are_on_the_page(figures):
    shown = "".join(text for text, _ in Page(render(figures)).texts)
    for kinds in figures["corpora"]["samples"].values():
        for documents in kinds.values():
            assert all(document["id"] in shown and document["text"][:100] in shown for document in documents)


def test_folders_of_an_earlier_version_have_no_section(own):
    for name in ("unique", "tokenizer", "tokens", "dataset", "verified", "run"):
        shutil.rmtree(own / name)
    folder = min((own / "documents").iterdir())
    manifest = seal.read_manifest(folder)
    del manifest.files["census.json"]
    seal.write_manifest(folder, manifest)
    assert "corpora" not in gather(own)


def test_without_deduplication_what_was_read_is_kept(own):
    for name in ("unique", "tokenizer", "tokens", "dataset", "verified", "run"):
        shutil.rmtree(own / name)
    figures = gather(own)
    for kind in figures["corpora"]["kinds"]:
        assert kind["in"]["words"] == kind["kept"]["words"] + sum(line["words"] for line in kind["dropped"])
        assert all(line["at"] == "reading" for line in kind["dropped"])
    assert figures["sources"]["dedup"] is None
    ingested = [Sealed(path).manifest.counts["chars"].out for path in (own / "documents").iterdir()]
    assert sum(line["chars"] for line in figures["sources"]["kept"]) == sum(ingested)


@pytest.mark.parametrize("name", ["documents", "unique"])
def test_the_statistics_of_documents_are_sealed(finished, name):
    folder = finished / name if name == "unique" else min((finished / name).iterdir())
    assert json.loads(Sealed(folder).read("census.json"))["groups"]


def test_the_map_has_documents_of_every_source_and_links_to_the_samples(figures):
    points, page = figures["map"]["points"], render(figures)
    assert {point["source"] for point in points} == {line["source"] for line in figures["sources"]["kept"]}
    linked = {document_anchor(point["id"]) for point in points if point["shown"]}
    assert linked == {
        document_anchor(document["id"])
        for kinds in figures["corpora"]["samples"].values()
        for document in kinds["kept"]
    }
    for anchor in linked:
        assert page.count(f'href="#{anchor}"') == page.count(f'id="{anchor}"') == 1
    assert len(page.encode()) < 3_000_000
