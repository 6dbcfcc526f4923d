"""The counts of a sample are those of its texts for any number of parts, and an interrupted run resumes."""

import json
from pathlib import Path

import pytest

from pipelines.recipe import SampleOptions, TokenizerOptions
from pipelines.run import Context, run_stage
from pipelines.stages import counting
from pipelines.stages.counting import count_stage, read_counts
from pipelines.stages.documents import open_documents, parts_of
from pipelines.stages.tokenizer import tokenizer_stage
from sharding.errors import OptionError
from sharding.scheduling import Mixture
from sharding.seal import write_json
from tokenization.errors import SampleError
from tokenization.model import pretoken_pattern as pattern
from tokenization.training import count_pretokens as count


def options(chars: int = 2_000_000_000, vocab_size: int = 600) -> TokenizerOptions:
    return TokenizerOptions(vocab_size=vocab_size, sample=SampleOptions(rule="natural", chars=chars, document_cap=700))


def test_the_counts_of_parts_add_up_to_those_of_the_sample(built: Path, tmp_path: Path) -> None:
    documents = open_documents(sorted((built / "documents").iterdir()))
    stage = count_stage(tmp_path, documents, options(), 42)
    counts = read_counts(run_stage(stage, Context()).sealed)
    texts = [text for part in parts_of(documents) for text in part.read(["text"])["text"].to_pylist()]
    assert len(parts_of(documents)) > 1
    expected = count([text[:700] for text in texts], pattern())
    assert dict(counts.items()) == dict(expected.items())


def test_a_tokenizer_is_the_same_with_any_number_of_workers_and_its_counts_are_removed(
    built: Path, tmp_path: Path
) -> None:
    folders = sorted((built / "documents").iterdir())
    made = []
    for workers in (1, 2):
        out = tmp_path / str(workers)
        made.append(run_stage(tokenizer_stage(out, folders, options(30_000), 7), Context(workers)).sealed.digest)
        assert not [*out.glob(".arcorp/*/.arcorp")]
    assert made[0] == made[1]
    meta = json.loads((tmp_path / "1" / "tokenizer_meta.json").read_bytes())["made"]
    assert sum(meta["sample"]["asked"].values()) == sum(line["drawn"] for line in meta["mixture"]) == 30_000


def test_finished_counts_are_not_counted_again(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = sorted((built / "documents").iterdir())
    stage = tokenizer_stage(tmp_path, folders, options(), 42)
    write_json(tmp_path / ".arcorp" / "stage.json", stage.identity)
    run_stage(count_stage(tmp_path / ".arcorp", open_documents(folders), options(), 42), Context())
    monkeypatch.setattr(counting._Count, "_texts", None)
    run_stage(stage, Context())
    assert (tmp_path / "tokenizer.json").is_file()


def test_shares_are_those_of_the_recipe_for_any_amounts_of_text(built: Path, tmp_path: Path) -> None:
    documents = open_documents(sorted((built / "documents").iterdir()))
    categories = sorted({line["category"] for folder in documents for line in folder.manifest.summary["strata"]})
    inside = Mixture(by="language", rule="inverse-frequency", power=0.38)
    sample_options = SampleOptions(
        rule="proportional",
        by="category",
        shares={category: 1 / len(categories) for category in categories},
        within={"arabic": inside},
        document_cap=300,
    )
    sealed = run_stage(count_stage(tmp_path, documents, TokenizerOptions(sample=sample_options), 42), Context()).sealed
    sample = sealed.manifest.summary["sample"]
    taken, available = (by(sample["asked"], 2), by(sample["available"], 2))
    total = sum(available.values())
    assert all(chars == pytest.approx(total / len(categories), abs=len(taken)) for chars in taken.values())
    assert any(taken[category] > available[category] for category in categories)  # read again
    arabic = {name: chars for name, chars in sample["available"].items() if name.endswith("/arabic")}
    weights = {language: chars**0.62 for language, chars in by(arabic, 1).items()}
    for language, chars in by({name: sample["asked"][name] for name in arabic}, 1).items():
        assert chars / taken["arabic"] == pytest.approx(weights[language] / sum(weights.values()), rel=0.001)
    counts = sealed.manifest.counts["chars"]
    assert counts.out == total
    assert counts.added["read again"] > 0
    assert read_counts(sealed).total > 0


def test_a_mixture_that_needs_more_than_max_epochs_is_refused(built: Path, tmp_path: Path) -> None:
    documents = open_documents(sorted((built / "documents").iterdir()))
    sample_options = SampleOptions(rule="inverse-frequency", power=1, max_epochs=1)
    with pytest.raises(OptionError, match=r"max_epochs.*\d+ characters"):
        run_stage(count_stage(tmp_path, documents, TokenizerOptions(sample=sample_options), 42), Context())


def by(chars: dict[str, int], place: int) -> dict[str, int]:
    """Return the characters of strata, added up by the label at `place` in their names."""
    total: dict[str, int] = {}
    for name, number in chars.items():
        total[name.split("/")[place]] = total.get(name.split("/")[place], 0) + number
    return total


def test_a_part_without_text_in_the_sample_is_not_counted(built: Path, tmp_path: Path) -> None:
    documents = open_documents(sorted((built / "documents").iterdir()))
    sealed = run_stage(count_stage(tmp_path, documents, options(chars=5), 42), Context()).sealed
    assert 0 < len(sealed.names(suffix=".counts")) < len(parts_of(documents))
    assert sum(len(word.decode()) * times for word, times in read_counts(sealed).items()) == 5


def test_an_id_in_two_folders_is_refused_and_the_message_names_it(built: Path, tmp_path: Path) -> None:
    folder = min((built / "documents").iterdir())
    ids = parts_of(open_documents([folder]))[0].read(["id"])["id"].to_pylist()
    with pytest.raises(SampleError, match="id") as caught:
        run_stage(count_stage(tmp_path, open_documents([folder, folder]), options(), 42), Context())
    assert str(caught.value).split("'")[1] in ids
