"""Push to a local server in the place of the Hub: sealed files arrive unchanged, damaged ones are not sent."""

import hashlib
import json
import shutil
import subprocess
import sys

import pytest
from hub import Hub

from pipelines import cli
from pipelines.publish import CARD
from sharding import Dataset
from sharding.seal import Sealed

DOWNLOAD = """
import sys
from huggingface_hub import snapshot_download

print(snapshot_download("user/demo", repo_type="dataset", local_dir=sys.argv[1]))
"""


@pytest.fixture
def hub():
    with Hub() as serving:
        yield serving


@pytest.fixture
def dataset(built, tmp_path):
    return shutil.copytree(built / "dataset", tmp_path / "dataset")


@pytest.fixture
def arcorp(hub, tmp_path):
    """Run the command line in a process that takes the local server for the Hub."""

    def run(*words, token=True):
        environment = hub.environment(tmp_path / "home") if token else hub.environment(tmp_path / "home", None)
        command = [sys.executable, "-m", "pipelines.cli", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, env=environment)

    return run


def test_sealed_files_arrive_unchanged_and_read_back(hub, arcorp, dataset, tmp_path):
    done = arcorp("push", dataset, "user/demo", "--format", "json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    repo = hub.repos["user/demo"]
    assert repo.private
    assert result["files"] == len(repo.files)
    for name, record in Sealed(dataset).manifest.files.items():
        assert hashlib.sha256(repo.files[name]).hexdigest() == record.sha256
    assert {"manifest.json", "schedule.json", CARD} <= set(repo.files)
    assert b'snapshot_download("user/demo"' in repo.files[CARD]
    back = tmp_path / "back"
    command = [sys.executable, "-c", DOWNLOAD, str(back)]
    subprocess.run(command, env=hub.environment(tmp_path / "home"), check=True, capture_output=True)
    assert Dataset(back).digest == Dataset(dataset).digest
    assert arcorp("verify", back).returncode == 0


def test_a_push_again_sends_no_object_twice(hub, arcorp, dataset):
    hub.fails_on = "/commit/main"
    assert arcorp("push", dataset, "user/demo").returncode == 1
    assert hub.repos["user/demo"].files == {}
    sent = sum(path.startswith("/lfs-objects/") for _, path in hub.requests)
    assert sent > 0
    assert arcorp("push", dataset, "user/demo", "--public").returncode == 0
    assert sum(path.startswith("/lfs-objects/") for _, path in hub.requests) == sent
    assert len(hub.repos["user/demo"].commits) == 1


def test_a_dry_run_sends_nothing(dataset, capsys, monkeypatch):
    monkeypatch.setattr("socket.socket.connect", None)
    assert cli.run(["push", str(dataset), "user/demo", "--dry-run"]) == 0
    assert "user/demo" in capsys.readouterr().out


def test_a_folder_that_is_damaged_unsealed_or_misnamed_is_not_sent(dataset, built, capsys, monkeypatch):
    monkeypatch.setattr("socket.socket.connect", None)
    assert cli.run(["push", str(dataset), "demo"]) == 2
    assert "USER/NAME" in capsys.readouterr().err
    assert cli.run(["push", str(built / "tokens"), "user/demo"]) == 2
    (shard, *_) = sorted(dataset.glob("shards/*.bin"))
    data = bytearray(shard.read_bytes())
    data[7] ^= 1
    shard.write_bytes(data)
    capsys.readouterr()
    assert cli.run(["push", str(dataset), "user/demo"]) == 4
    assert shard.name in capsys.readouterr().err
    (dataset / "manifest.json").unlink()
    assert cli.run(["push", str(dataset), "user/demo"]) == 5


def test_a_refusal_is_one_sentence_and_shows_no_secret(hub, arcorp, dataset):
    done = arcorp("push", dataset, "user/demo", token=False)
    assert done.returncode == 1
    assert done.stderr.startswith("arcorp: user/demo: ")
    assert "hf auth login" in done.stderr
    assert done.stderr.count("\n") == 1
    hub.server.server_close()
    hub.server.shutdown()
    done = arcorp("push", dataset, "user/demo")
    assert done.returncode == 1
    assert done.stderr.startswith("arcorp: user/demo: ")
    assert done.stderr.count("\n") == 1
    assert "hf_of" not in done.stderr + done.stdout
