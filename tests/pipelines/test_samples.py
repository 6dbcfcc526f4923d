"""A build on real files in their native formats: every reader of the first recipes, through to a verified dataset."""

import json

import pytest

from pipelines import cli
from sharding import Dataset
from sharding.seal import Sealed

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
