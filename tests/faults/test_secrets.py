"""Tokens and keys of the environment never reach a log, a seal, a report or a sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from builds import SETTINGS

PLANTED = {
    "HF_TOKEN": "hf_PlantedTokenThatMustNeverShow",
    "HUGGING_FACE_HUB_TOKEN": "hf_PlantedOldTokenThatMustNeverShow",
    "AWS_ACCESS_KEY_ID": "AKIAPLANTEDMUSTNOTSHOW",
    "AWS_SECRET_ACCESS_KEY": "PlantedSecretKeyThatMustNeverShow",
    "AWS_SESSION_TOKEN": "PlantedSessionTokenThatMustNeverShow",
    "WANDB_API_KEY": "PlantedKeyOfAThirdPartyThatMustNeverShow",
}


def arcorp(*arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        **PLANTED,
        "HF_ENDPOINT": "http://127.0.0.1:9",  # nothing listens there
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_MAX_ATTEMPTS": "1",
    }
    command = [sys.executable, "-m", "pipelines.cli", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def assert_silent(done: subprocess.CompletedProcess[str], out: Path) -> None:
    texts = {"stdout": done.stdout.encode(), "stderr": done.stderr.encode()}
    texts |= {str(path): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    for where, text in texts.items():
        for name, secret in PLANTED.items():
            assert secret.encode() not in text, f"{name} is in {where}"


@pytest.mark.slow
def test_a_whole_build_writes_no_secret_anywhere(tmp_path):
    done = arcorp("build", "demo", "--out", tmp_path / "out", "--workers", 1, *SETTINGS)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "report.html").is_file()
    assert_silent(done, tmp_path)


@pytest.mark.parametrize("place", ["hf://datasets/someone/something/data.parquet", "s3://bucket/data.parquet"])
def test_a_failing_remote_prints_no_secret_even_with_debug(tmp_path, place):
    for more in ((), ("--debug",)):
        done = arcorp("ingest", "parquet", place, "--out", tmp_path / "out", *more)
        assert done.returncode not in (0, 130)
        assert_silent(done, tmp_path)
