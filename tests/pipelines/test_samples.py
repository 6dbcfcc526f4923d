"""Real files in their native formats: every folder of the samples is ingested and its letters are counted; and a build
of several sources up to a verified dataset."""

import json
import re
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from sampled import COUNTS, FOLDERS, ingested, parts

from corpora.sources.openiti_markdown import parse
from pipelines import cli
from sharding import Dataset
from sharding.seal import Sealed

LETTERS = re.compile(r"[\u0620-\u063f\u0641-\u064a\u0671-\u06d3]")
MARKUP = re.compile(r"#META#|OpenITI#|PageV|ms\d|~~|%~%|@QB@|@QE@|###|\|EDITOR\||\|PARATEXT\|")


@pytest.fixture(scope="module")
def out(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every folder of the samples, ingested with its source, under the folder's name."""
    ingested_folder = tmp_path_factory.mktemp("samples")
    counts = [ingested(samples, source, folder, flags, ingested_folder / folder) for source, folder, flags in FOLDERS]
    assert counts == yaml.safe_load(COUNTS.read_text("utf-8")), "run `python tests/sampled.py SAMPLES`"
    return ingested_folder


def column(folder: Path, name: str) -> list:
    return [value for part in parts(folder) for value in part[name].to_pylist()]


def test_every_folder_of_the_samples_is_ingested(samples: Path, out: Path) -> None:
    folders = {path.name for path in (samples / "data").iterdir() if path.is_dir()}
    assert {folder.partition("/")[0] for _, folder, _ in FOLDERS} == folders
    for _, folder, _ in FOLDERS:
        assert all(text.strip() for text in column(out / folder, "text"))
        ids = column(out / folder, "id")
        assert len(set(ids)) == len(ids)


def test_counts_are_those_of_the_published_corpora(samples: Path, out: Path) -> None:
    verses = "\n".join(column(out / "quran", "text")).split("\n")
    assert (len(column(out / "quran", "id")), len(verses)) == (114, 6236)
    assert len(column(out / "math/gsm8k", "id")) == 1319
    stories = Counter(column(out / "arastories", "language"))
    assert stories == {"arb_Arab": 597, "arz_Arab": 600, "ary_Arab": 600}
    rows = sum(pq.read_metadata(file).num_rows for file in (samples / "data" / "fineweb-2").rglob("*.parquet"))
    assert len(column(out / "fineweb-2", "id")) == rows == 4957


def test_openiti_texts_have_no_markup_and_all_letters(samples: Path, out: Path) -> None:
    books = {path.name: path for path in (samples / "data" / "openiti").rglob("*-ara1*") if path.suffix != ".yml"}
    for name, text in zip(column(out / "openiti", "id"), column(out / "openiti", "text"), strict=True):
        assert not MARKUP.search(text), name
        (path,) = [book for file, book in books.items() if file.startswith(name.removeprefix("openiti/"))]
        raw = path.read_text("utf-8")
        cut = sum(len(LETTERS.findall(part)) for part in parse(raw).removed.values())
        assert len(LETTERS.findall(raw)) == len(LETTERS.findall(text)) + cut, name


CORPORA = {
    "fineweb-2": ["fineweb-2/data/arb_Arab/train", "fineweb-2/data/ars_Arab/train", "fineweb-2/data/arz_Arab/train"],
    "oscar": ["oscar/OSCAR-2301", "oscar/OSCAR-2201"],
    "openiti": ["openiti/0350AH"],
    "the-stack-v2": ["code/the-stack-v2-dedup"],
    "starcoderdata": ["code/starcoderdata"],
    "wikipedia": ["wikipedia/20170120.ar", "wikipedia/20170120.arz"],
    "open-web-math": ["math/open-web-math"],
    "fineweb-edu": ["english/fineweb-edu"],
}
LIMIT = 60


@pytest.mark.slow
def test_native_files_of_eight_sources_become_a_dataset_whose_rows_decode_to_their_documents(samples, tmp_path):
    corpora = [
        {"source": source, "input": str(samples / "data" / path), "limit": LIMIT}
        for source, paths in CORPORA.items()
        for path in paths
    ]
    recipe = {
        "name": "samples",
        "corpora": corpora,
        "tokenizer": {"vocab_size": 2048, "sample": {"rule": "inverse-frequency", "power": 0.38, "chars": 300_000}},
        "pack": {"row_tokens": 256, "validation": {"share": 0.02}},
        "mixture": {"rule": "inverse-frequency", "power": 0.38},
        "phases": [{"name": "all", "steps": 10}],
    }
    file = tmp_path / "recipe.yaml"
    file.write_text(json.dumps(recipe))
    out = tmp_path / "out"
    assert cli.run(["build", str(file), "--out", str(out), "--until", "verify"]) == 0
    assert cli.run(["verify", str(out), "--level", "deep"]) == 0
    documents = {path.name: Sealed(path).manifest.counts["documents"].out for path in (out / "documents").iterdir()}
    assert len(documents) == len(corpora)
    assert documents["03-oscar"] == documents["00-fineweb-2"] == LIMIT
    assert documents["05-openiti"] == 5
    strata = {stratum.name for stratum in Dataset(out / "dataset").train.strata}
    assert {"fineweb-2/arz_Arab/arabic", "openiti/arb_Arab/classical", "the-stack-v2/JavaScript/code"} <= strata
