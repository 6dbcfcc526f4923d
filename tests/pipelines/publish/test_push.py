"""Push, to a stand-in hub on loopback: what arrives is what was sealed, and what is damaged is not sent."""

import hashlib
import json
import shutil
import subprocess
import sys

import pytest
from hub import Hub

from pipelines.publish.card import CARD
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
    """Runs the command line in a process that takes the stand-in for the Hub."""

    def run(*words, token=True):
        environment = hub.environment(tmp_path / "home") if token else hub.environment(tmp_path / "home", None)
        command = [sys.executable, "-m", "pipelines.cli", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, env=environment)

    return run


def test_what_arrives_is_what_was_sealed_and_reads_back(hub, arcorp, dataset, tmp_path):
    done = arcorp("push", dataset, "user/demo", "--format", "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    repo = hub.repos["user/demo"]
    assert repo.private
    assert told["files"] == len(repo.files)
    for name, record in Sealed(dataset).manifest.files.items():
        assert hashlib.sha256(repo.files[name]).hexdigest() == record.sha256
    assert {"manifest.json", "schedule.json", CARD} <= set(repo.files)
    assert b'snapshot_download("user/demo"' in repo.files[CARD]
    back = tmp_path / "back"
    command = [sys.executable, "-c", DOWNLOAD, str(back)]
    subprocess.run(command, env=hub.environment(tmp_path / "home"), check=True, capture_output=True)
    assert Dataset(back).root == Dataset(dataset).root
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


def test_a_dry_run_sends_nothing(hub, arcorp, dataset):
    done = arcorp("push", dataset, "user/demo", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "would go to user/demo" in done.stdout
    assert hub.requests == []


def test_what_is_damaged_unsealed_or_misnamed_is_not_sent(hub, arcorp, dataset, built):
    assert arcorp("push", dataset, "demo").returncode == 2
    assert arcorp("push", built / "tokens", "user/demo").returncode == 2
    (shard, *_) = sorted(dataset.glob("shards/*.bin"))
    data = bytearray(shard.read_bytes())
    data[7] ^= 1
    shard.write_bytes(data)
    done = arcorp("push", dataset, "user/demo")
    assert done.returncode == 4
    assert shard.name in done.stderr
    (dataset / "manifest.json").unlink()
    assert arcorp("push", dataset, "user/demo").returncode == 5
    assert hub.requests == []


def test_a_refusal_is_one_sentence_and_tells_no_secret(hub, arcorp, dataset):
    done = arcorp("push", dataset, "user/demo", token=False)
    assert done.returncode == 1
    assert done.stderr.startswith("arcorp: user/demo: the Hub refused (")
    assert done.stderr.count("\n") == 1
    hub.server.server_close()
    hub.server.shutdown()
    done = arcorp("push", dataset, "user/demo")
    assert done.returncode == 1
    assert "the Hub can't be reached" in done.stderr
    assert "hf_of" not in done.stderr + done.stdout
