"""Counts of a sample are those of its texts, in however many parts, and a run that ended early goes on."""

import json
from pathlib import Path

import pytest

from pipelines.recipe import SampleOptions, TokenizerOptions
from pipelines.run import Context, run_stage
from pipelines.stages import counting
from pipelines.stages.counting import count_stage, counted
from pipelines.stages.documents import open_documents, parts_of
from pipelines.stages.tokenizer import tokenizer_stage
from sharding.errors import OptionError
from sharding.scheduling import Mixture
from tokenization.errors import SampleError
from tokenization.model import pretoken_pattern as pattern
from tokenization.training import count_pretokens as count


def options(chars: int = 2_000_000_000, vocab_size: int = 600) -> TokenizerOptions:
    return TokenizerOptions(vocab_size=vocab_size, sample=SampleOptions(rule="natural", chars=chars, document_cap=700))


def test_parts_add_up_to_the_counts_of_the_sample(built: Path, tmp_path: Path) -> None:
    documents = open_documents(sorted((built / "documents").iterdir()))
    stage = count_stage(tmp_path, documents, options(), 42)
    found = counted(run_stage(stage, Context()).sealed)
    texts = [text for part in parts_of(documents) for text in part.read(["text"])["text"].to_pylist()]
    assert len(parts_of(documents)) > 1
    expected = count([text[:700] for text in texts], pattern())
    assert dict(found.items()) == dict(expected.items())


def test_a_tokenizer_is_the_same_with_any_number_of_workers_and_keeps_no_counts(built: Path, tmp_path: Path) -> None:
    folders = sorted((built / "documents").iterdir())
    made = []
    for workers in (1, 2):
        out = tmp_path / str(workers)
        made.append(run_stage(tokenizer_stage(out, folders, options(30_000), 7), Context(workers)).sealed.digest)
        assert not [*out.glob(".arcorp/*/.arcorp")]
    assert made[0] == made[1]
    meta = json.loads((tmp_path / "1" / "tokenizer_meta.json").read_bytes())["made"]
    assert sum(meta["sample"]["asked"].values()) == sum(line["drawn"] for line in meta["mixture"]) == 30_000


def test_what_was_counted_is_not_counted_again(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = sorted((built / "documents").iterdir())
    run_stage(count_stage(tmp_path / ".arcorp", open_documents(folders), options(), 42), Context())
    monkeypatch.setattr(counting._Count, "_texts", None)
    run_stage(tokenizer_stage(tmp_path, folders, options(), 42), Context())
    assert (tmp_path / "tokenizer.json").is_file()


def test_shares_are_those_of_the_recipe_whatever_there_is_of_each(built: Path, tmp_path: Path) -> None:
    documents = open_documents(sorted((built / "documents").iterdir()))
    categories = sorted({line["category"] for folder in documents for line in folder.manifest.summary["strata"]})
    inside = Mixture(by="language", rule="inverse-frequency", power=0.38)
    asked = SampleOptions(
        rule="proportional",
        by="category",
        shares={category: 1 / len(categories) for category in categories},
        within={"arabic": inside},
        document_cap=300,
    )
    sealed = run_stage(count_stage(tmp_path, documents, TokenizerOptions(sample=asked), 42), Context()).sealed
    sample = sealed.manifest.summary["sample"]
    taken, there = (by(sample["asked"], 2), by(sample["available"], 2))
    total = sum(there.values())
    assert all(chars == pytest.approx(total / len(categories), abs=len(taken)) for chars in taken.values())
    assert any(taken[category] > there[category] for category in categories)  # and is read again
    arabic = {name: chars for name, chars in sample["available"].items() if name.endswith("/arabic")}
    weights = {language: chars**0.62 for language, chars in by(arabic, 1).items()}
    for language, chars in by({name: sample["asked"][name] for name in arabic}, 1).items():
        assert chars / taken["arabic"] == pytest.approx(weights[language] / sum(weights.values()), rel=0.001)
    ledger = sealed.manifest.counts["chars"]
    assert ledger.out == total
    assert ledger.added["read again"] > 0
    assert counted(sealed).total > 0


def test_a_mixture_that_would_be_read_too_often_is_refused(built: Path, tmp_path: Path) -> None:
    documents = open_documents(sorted((built / "documents").iterdir()))
    asked = SampleOptions(rule="inverse-frequency", power=1, max_epochs=1)
    with pytest.raises(OptionError, match=r"with max_epochs 1 it is \d+ characters short"):
        run_stage(count_stage(tmp_path, documents, TokenizerOptions(sample=asked), 42), Context())


def by(chars: dict[str, int], place: int) -> dict[str, int]:
    """Characters of strata, added up by one part of their names."""
    total: dict[str, int] = {}
    for name, some in chars.items():
        total[name.split("/")[place]] = total.get(name.split("/")[place], 0) + some
    return total


def test_a_part_of_which_nothing_is_taken_is_not_read(built: Path, tmp_path: Path) -> None:
    documents = open_documents(sorted((built / "documents").iterdir()))
    sealed = run_stage(count_stage(tmp_path, documents, options(chars=5), 42), Context()).sealed
    assert 0 < len(sealed.names(suffix=".counts")) < len(parts_of(documents))
    assert sum(len(word.decode()) * times for word, times in counted(sealed).items()) == 5


def test_an_id_that_two_folders_share_is_refused_by_name(built: Path, tmp_path: Path) -> None:
    folder = min((built / "documents").iterdir())
    ids = parts_of(open_documents([folder]))[0].read(["id"])["id"].to_pylist()
    with pytest.raises(SampleError, match="two documents have the id") as caught:
        run_stage(count_stage(tmp_path, open_documents([folder, folder]), options(), 42), Context())
    assert str(caught.value).split("'")[1] in ids
