"""The dataset card: valid for the Hub, true to the dataset, and never written over an edited one."""

import json
import shutil
import subprocess
import sys

import pytest
from huggingface_hub import DatasetCard

from pipelines import cli
from pipelines.build import write_report_and_card
from pipelines.errors import UsageError
from pipelines.publish import CARD, card_of, write_card
from pipelines.report import report_is_current
from sharding import Dataset
from sharding.seal import Sealed

LOAD = """
import json, sys
from datasets import load_dataset

rows = load_dataset(sys.argv[1], cache_dir=sys.argv[2])
print(json.dumps({name: [len(split), split[0]["input_ids"]] for name, split in rows.items()}))
"""


@pytest.fixture(scope="session")
def exported(built, tmp_path_factory):
    """The small build's dataset as Parquet, each row once. Shared: copy it before changing it."""
    out = tmp_path_factory.mktemp("exported") / "parquet"
    assert cli.run(["export", str(built / "dataset"), "--to", "parquet", "--unique", "--out", str(out)]) == 0
    return out


def test_a_card_is_valid_and_has_counts_and_licences(built):
    sealed = Sealed(built / "dataset")
    text = card_of(sealed, "demo")
    card = DatasetCard(text)
    metadata = card.data.to_dict()
    assert {"ar", "arz", "ars", "en"} <= set(metadata["language"])
    assert metadata["license"] == "other"
    assert metadata["task_categories"] == ["text-generation"]
    train = sealed.manifest.summary["splits"]["train"]
    assert f"| train | {train['rows']:,} |" in card.text
    for stratum in train["strata"]:
        assert f"| {stratum['name']} | {stratum['documents']:,} |" in card.text
    assert "CC-BY-NC-SA-4.0" in card.text
    assert sealed.digest in card.text
    assert str(built) not in text


def test_an_exports_card_has_the_splits_for_load_dataset(exported, tmp_path):
    folder = shutil.copytree(exported, tmp_path / "parquet")
    card = DatasetCard.load(write_card(folder, "demo", "user/demo"))
    (config,) = card.data.to_dict()["configs"]
    assert [files["split"] for files in config["data_files"]] == ["train", "validation"]
    assert 'load_dataset("user/demo"' in card.text


def test_load_dataset_reads_the_parquet_export_row_for_row(built, exported, tmp_path):
    folder = shutil.copytree(exported, tmp_path / "parquet")
    write_card(folder, "demo")
    environment = {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1", "PATH": ""}
    command = [sys.executable, "-c", LOAD, str(folder), str(tmp_path / "cache")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout.splitlines()[-1])
    dataset = Dataset(built / "dataset")
    for name, split in (("train", dataset.train), ("validation", dataset.validation)):
        rows, first = loaded[name]
        assert (rows, len(first)) == (split.rows, dataset.row_tokens)


def test_a_build_writes_the_datasets_card_with_its_report_and_leaves_an_edited_one(built, tmp_path):
    out = shutil.copytree(built, tmp_path / "demo")
    root = Sealed(out / "dataset").digest
    assert write_report_and_card(out) == out / "report.html"
    card = out / "dataset" / CARD
    assert card.read_text("utf-8") == card_of(Sealed(out / "dataset"), "demo")
    assert cli.run(["verify", str(out / "dataset")]) == 0
    assert Sealed(out / "dataset").digest == root
    write_card(out / "dataset", "other", "me/other")  # not edited: written again
    assert "me/other" in card.read_text("utf-8")
    card.write_text(card.read_text("utf-8").replace("## Known limits", "## Remarks"), encoding="utf-8")
    assert cli.run(["report", str(out)]) == 0
    assert "## Remarks" in card.read_text("utf-8")


def test_a_report_is_current_only_when_its_dataset_has_its_card(built, tmp_path, monkeypatch):
    out = shutil.copytree(built, tmp_path / "demo")
    monkeypatch.setattr("pipelines.report.render", None)  # the report fails half-way
    with pytest.raises(TypeError):
        write_report_and_card(out)
    assert (out / "dataset" / CARD).is_file()
    assert not report_is_current(out)


def test_a_name_that_would_break_a_table_or_the_metadata_does_not(built):
    text = card_of(Sealed(built / "dataset"), 'a "name": with\n| <b> ---')
    assert DatasetCard(text).data.to_dict()["pretty_name"] == 'a "name": with\n| <b> ---'


def test_a_folder_of_another_kind_has_no_card(built):
    with pytest.raises(UsageError, match=r"tokens .*a dataset or an export"):
        card_of(Sealed(built / "tokens"), "x")
