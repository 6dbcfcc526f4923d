"""Figures: those of the report equal those of the manifests, and stages that have not run have none."""

import json
import re
import shutil
from itertools import pairwise

import pytest

from pipelines.errors import Incomplete, UsageError
from pipelines.recipe import PackOptions, ScheduleOptions
from pipelines.report import gather, render
from pipelines.run import Context, run_stage
from pipelines.stages.pack import pack_stage, write_schedule
from sharding import seal
from sharding.scheduling import Mixture
from sharding.seal import Damaged, Sealed

DOCUMENTS = {"sources", "corpora", "map", "duplicates", "provenance"}
DATASET = DOCUMENTS | {"tokenizer", "shares", "packing", "rows"}
AFTER = {  # the folders that are made after each folder, and the sections that need none of them
    "unique": (["tokenizer", "tokens", "dataset", "verified", "run"], DOCUMENTS),
    "tokenizer": (["tokens", "dataset", "verified", "run"], DOCUMENTS | {"tokenizer"}),
    "dataset": (["verified", "run"], DATASET),
    "verified": (["run"], DATASET),
}
ALWAYS = {"format", "made_from", "name", "description", "summary"}


def counts_in(value):
    """Every count of input and output in a tree of figures."""
    if isinstance(value, dict):
        if {"in", "added", "out", "dropped"} <= value.keys():
            yield value
        for each in value.values():
            yield from counts_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from counts_in(each)


def test_every_corpus_has_the_counts_of_its_manifest(finished, figures):
    corpora = figures["sources"]["corpora"]
    assert [corpus["folder"] for corpus in corpora] == sorted(corpus["folder"] for corpus in corpora)
    for corpus in corpora:
        manifest = Sealed(finished / corpus["folder"]).manifest
        for unit, counts in manifest.counts.items():
            shown = corpus["read"][unit]
            assert (shown["in"], shown["out"]) == (counts.input, counts.out)
            assert shown["dropped"] == {reason: count for reason, count in counts.dropped.items() if count}


def test_every_count_in_the_figures_balances(figures):
    counts = list(counts_in(figures))
    assert len(counts) > 40
    for count in counts:
        assert count["in"] + sum(count["added"].values()) == count["out"] + sum(count["dropped"].values())


def test_counts_of_deduplication_by_corpus_add_up_to_its_own(finished, figures):
    whole = Sealed(finished / "unique").manifest.counts
    for unit in ("documents", "bytes", "chars"):
        each = [corpus["dedup"][unit] for corpus in figures["sources"]["corpora"]]
        assert sum(counts["in"] for counts in each) == whole[unit].input
        assert sum(counts["out"] for counts in each) == whole[unit].out
        duplicates = sum(counts["dropped"].get("exact duplicate", 0) for counts in each)
        assert duplicates == whole[unit].dropped["exact duplicate"]
    for corpus in figures["sources"]["corpora"]:
        assert corpus["dedup"]["documents"]["in"] == corpus["read"]["documents"]["out"]


def test_the_funnel_begins_with_what_was_read_and_ends_with_what_is_in_rows(finished, figures):
    funnel = figures["sources"]["funnel"]
    assert funnel[0]["documents"] == sum(corpus["read"]["documents"]["in"] for corpus in figures["sources"]["corpora"])
    assert funnel[-1]["documents"] == Sealed(finished / "dataset").manifest.counts["documents"].out
    for before, after in pairwise(funnel):
        assert before["documents"] - sum(after["dropped"].values()) == after["documents"]


def test_lengths_and_licences_count_every_document_of_the_dataset(finished, figures):
    documents = Sealed(finished / "dataset").manifest.counts["documents"].input
    assert sum(map(sum, figures["sources"]["lengths"].values())) == documents
    assert sum(line["documents"] for line in figures["provenance"]["licences"]) == documents


def test_shares_are_those_of_the_schedule_and_groups_add_up(finished, figures):
    schedule = json.loads((finished / "dataset" / "schedule.json").read_text())
    shares = figures["shares"]
    for line in shares["strata"]:
        written = schedule["shares"][line["stratum"]]
        assert {key: line[key] for key in written} == written
    for way in ("natural", "final"):
        assert sum(group[way] for group in shares["groups"]) == pytest.approx(1)
    assert sum(group["drawn"] for group in shares["groups"]) == shares["steps"] * shares["batch_rows"]
    for phase, written in zip(shares["phases"], schedule["phases"], strict=True):
        assert all(phase[key] == written[key] for key in ("name", "steps", "formula"))
        assert sum(phase["rows"].values()) == phase["steps"] * shares["batch_rows"]


def test_packing_has_the_counts_of_the_dataset(finished, figures):
    sealed = Sealed(finished / "dataset")
    packing, summary = figures["packing"], sealed.manifest.summary
    for name, split in summary["splits"].items():
        assert packing["splits"][name]["rows"] == split["rows"]
        assert packing["splits"][name]["documents"] == sum(stratum["documents"] for stratum in split["strata"])
    rows = sum(split["rows"] for split in summary["splits"].values())
    assert packing["tokens"]["out"] == rows * summary["row_tokens"]
    segments = sum(sealed.manifest.files[name].bytes // 16 for name in sealed.names(suffix=".seg"))
    assert packing["segments"] == segments
    assert packing["cuts"] == segments - sealed.manifest.counts["documents"].out


def test_the_tokenizer_is_measured_on_documents_of_each_language(finished, figures):
    tokenizer = figures["tokenizer"]
    languages = {line["language"] for line in figures["sources"]["kept"]}
    assert set(tokenizer["fit"]["groups"]) == languages == set(tokenizer["views"])
    assert tokenizer["fit"]["all"]["changed"] == 0
    assert sum(line["taken"] for line in tokenizer["sample"]) == tokenizer["chars"]
    assert sum(line["taken_share"] for line in tokenizer["sample"]) == pytest.approx(1)
    for passages in tokenizer["views"].values():
        for pieces in passages:
            assert 0 < sum(len(piece) for piece, _ in pieces) <= 160
            assert all(tokens >= 1 for _, tokens in pieces)


def test_the_run_has_the_values_of_its_metrics(finished, figures):
    lines = [json.loads(line) for line in (finished / "run" / "metrics.jsonl").read_text().splitlines()]
    steps = [line for line in lines if "loss" in line]
    validations = [line["validation"]["bits_per_byte"] for line in lines if "validation" in line]
    training = figures["training"]
    assert [point["loss"] for point in training["curve"]] == [line["loss"] for line in steps]
    assert training["bits_per_byte"]["before"] == validations[0]
    assert training["bits_per_byte"]["after"] == validations[-1]
    assert training["order_hash"] == steps[-1]["order_hash"]
    shares = [(phase["name"], phase["first_step"]) for phase in figures["shares"]["phases"]]
    assert [(phase["name"], phase["first_step"]) for phase in training["phases"]] == shares
    samples = json.loads((finished / "run" / "samples.json").read_text())["samples"]
    for key in ("text", "ended"):
        assert [sample[key] for sample in training["samples"]] == [sample[key] for sample in samples]


def test_the_summary_agrees_with_the_sections(finished, figures):
    summary = figures["summary"]
    assert summary["documents"] == Sealed(finished / "unique").manifest.counts["documents"].out
    assert summary["rows"] * summary["row_tokens"] == summary["tokens"] == figures["packing"]["tokens"]["out"]
    assert summary["verified"]["files"] == len(Sealed(finished / "dataset").manifest.files)


@pytest.mark.parametrize("last", AFTER)
def test_stages_that_have_not_run_are_left_out(own, last):
    later, sections = AFTER[last]
    for name in later:
        shutil.rmtree(own / name)
    figures = gather(own)
    assert figures.keys() - ALWAYS == sections
    assert (figures["summary"]["verified"] is None) == ("verified" in later)
    assert (figures["summary"]["rows"] is None) == ("dataset" in later)


def test_strata_that_are_not_split_by_language_are_grouped_by_what_they_are_split_by(own):
    for name in ("dataset", "verified", "run"):
        shutil.rmtree(own / name)
    options = PackOptions(row_tokens=128, strata=["source"], rows_per_shard=256)
    run_stage(pack_stage(own / "dataset", [own / "tokens"], options, seed=1), Context())
    mixture = Mixture(by="source", rule="natural")
    options = ScheduleOptions(batch_rows=2, mixture=mixture, phases=[{"name": "a", "steps": 3}])
    write_schedule(own / "dataset", options, 1, own / "dataset" / "schedule.json")
    figures = gather(own)
    assert figures["shares"]["by"] == "source"
    sources = {line["source"] for line in figures["sources"]["kept"]}
    assert {group["group"] for group in figures["shares"]["groups"]} == sources
    assert "Natural and final shares by source" in render(figures)


def test_a_run_on_another_dataset_is_set_aside(own):
    manifest = seal.read_manifest(own / "run")
    manifest.inputs["dataset"] = "0" * 64
    seal.write_manifest(own / "run", manifest)
    figures = gather(own)
    assert "training" not in figures
    assert figures["summary"]["bits_per_byte"] is None
    assert figures["provenance"]["aside"] == ["run"]


def test_folders_deleted_to_save_space_set_nothing_aside(own):
    for name in ("raw", "tokens"):
        shutil.rmtree(own / name)
    shutil.rmtree(min((own / "documents").iterdir()))
    figures = gather(own)
    assert figures["provenance"]["aside"] == []
    assert {"shares", "packing", "training"} <= figures.keys()
    assert all(corpus["dedup"] is None for corpus in figures["sources"]["corpora"])


def test_a_damaged_folder_is_refused_by_name(own):
    name = Sealed(own / "run").names(suffix="metrics.jsonl")[0]
    (own / "run" / name).write_bytes(b"")
    with pytest.raises(Damaged, match=r"metrics\.jsonl"):
        gather(own)


def test_nothing_built_is_an_error_in_one_sentence(tmp_path):
    with pytest.raises(Incomplete, match=rf"{re.escape(str(tmp_path))} .*arcorp build"):
        gather(tmp_path)
    with pytest.raises(UsageError, match=re.escape(str(tmp_path / "absent"))):
        gather(tmp_path / "absent")
