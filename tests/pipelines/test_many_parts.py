"""A build of many parts: manifests with leaves, folded sidecars, few descriptors, and kills."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from builds import tree

from sharding import Dataset
from sharding.seal import Sealed

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
DESCRIPTORS = 100
SETTINGS = """
import corpora.reading
from sharding import leaves, seal
for module in (corpora.reading, corpora.reading.formats):
    module.SLICE = 2000
seal.MOST_FILES, leaves.LEAF = 30, 20
"""
"""Some forty parts of a small file, and leaves for them."""
WORDS = ["كتاب", "قلم", "مدرسة", "بيت", "شمس", "قمر", "بحر", "نهر", "جبل", "سماء", "أرض", "كلمة", "لغة", "علم", "نور"]


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    draw = random.Random(2)
    lines = [{"id": str(n), "text": " ".join(draw.choices(WORDS, k=40 if n % 9 else 1))} for n in range(300)]
    (tmp_path / "text.jsonl").write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines))
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "sitecustomize.py").write_text(SETTINGS)
    path = tmp_path / "many.yaml"
    path.write_text(
        "name: many\n"
        "corpora: [{source: jsonl, input: text.jsonl, language: arb_Arab}]\n"
        "tokenizer: {vocab_size: 280, sample: {chars: 20000}}\n"
        "pack: {row_tokens: 32, validation: {rows: 8}, rows_per_shard: 64}\n"
        "phases: [{name: all, steps: 2}]\n"
        "train: {batch_rows: 4}\n"
    )
    return path


def start(recipe: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a command in processes that may open DESCRIPTORS files each."""
    environment = {**os.environ, "PYTHONPATH": f"{recipe.parent / 'settings'}:{ROOT}"}

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))

    command = [sys.executable, "-m", "pipelines.cli", *arguments]
    return subprocess.Popen(command, env=environment, cwd=recipe.parent, preexec_fn=limit, stderr=subprocess.DEVNULL)


def build(recipe: Path, out: str) -> subprocess.Popen[bytes]:
    return start(recipe, "build", str(recipe), "--out", out, "--until", "verify", "--workers", "2")


@pytest.mark.fault(1)
def test_a_build_of_many_parts_that_is_killed_again_and_again_has_the_bytes_of_an_undisturbed_one(
    recipe: Path, tmp_path: Path
) -> None:
    assert build(recipe, "whole").wait() == 0
    moments = {"documents": 0.3, "unique": 0.0, "tokens": 0.2, "dataset": 0.1}
    for stage, moment in moments.items():  # killed when the stage has begun, and some parts are made
        process = build(recipe, "killed")
        while process.poll() is None and not list((tmp_path / "killed" / stage).rglob("*.json")):
            time.sleep(0.02)
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert build(recipe, "killed").wait() == 0
    assert tree(tmp_path / "killed") == tree(tmp_path / "whole")

    unique = Sealed(tmp_path / "whole" / "unique")
    parts = unique.names(suffix=".parquet")
    assert len(parts) >= 40
    assert unique.manifest.leaves is not None
    assert not list((tmp_path / "whole").rglob("part-*.json")), "sidecars are in the leaves"
    state = [path for path in (tmp_path / "whole").rglob("*") if ".arcorp" in path.parts and path.is_file()]
    assert len(state) < 80, "no file of the state for each part"
    data = Dataset(tmp_path / "whole" / "dataset")
    assert len(data.batch(1).rows) == 4
    assert start(recipe, "verify", "whole", "--level", "deep").wait() == 0
    assert start(recipe, "report", "whole").wait() == 0
