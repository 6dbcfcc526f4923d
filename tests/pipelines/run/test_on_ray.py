"""A build on Ray gives the bytes of the local build, and names the ranks that fail.

The tests start a Ray cluster of two nodes on this machine. They are skipped where Ray is not installed.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from builds import tree

pytest.importorskip("ray", reason="Ray is not installed: pip install 'arcorp[ray]'")
pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]
SABOTAGE = ROOT / "tests/cluster/sabotage"
PART = "documents/00-jsonl-arb_Arab"
WORDS = ["كتاب", "قلم", "مدرسة", "بيت", "شمس", "قمر", "بحر", "نهر", "جبل", "سماء", "أرض", "كلمة", "لغة", "علم", "نور"]


def recipe(folder: Path, language: str) -> Path:
    """Write a recipe of seven parts."""
    draw = random.Random(1)
    lines = [{"id": str(n), "text": " ".join(draw.choices(WORDS, k=40))} for n in range(300)]
    (folder / "text.jsonl").write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines))
    path = folder / "few.yaml"
    corpora = [{"source": "jsonl", "input": "text.jsonl", "language": language}]
    path.write_text(json.dumps({"name": "few", "corpora": corpora, "dedup": {"method": "exact"}}))
    return path


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A cluster of two nodes with one CPU each, in whose processes two ranks of one corpus fail."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{SABOTAGE}:{ROOT}")
        patch.setenv("ARCORP_TEST_FAULTS", f"{Path(PART).name}/part-00002=raise {Path(PART).name}/part-00004=kill")
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        cluster.add_node(num_cpus=1)
        yield cluster.address
        cluster.shutdown()


def build(recipe: Path, out: Path, executor: str, address: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines.cli", "build", str(recipe), "--out", out.name, "--until", "dedup"]
    environment = {**os.environ, "PYTHONPATH": f"{SABOTAGE}:{ROOT}", "ARCORP_TEST_FAULTS": "", "RAY_ADDRESS": address}
    command += ["--executor", executor, "--workers", "1"]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=out.parent)


@pytest.mark.fault(5)
def test_a_rank_that_fails_and_one_that_is_killed_are_named_and_the_next_build_makes_them(tmp_path, address):
    few = recipe(tmp_path, "arb_Arab")
    out = tmp_path / "out"
    done = build(few, out, "ray", address)
    assert done.returncode == 1, done.stderr
    assert "2 of 7 ranks failed: 2, 4; rank 2: " in done.stderr
    assert "part-00002 was made to fail" in done.stderr
    assert f"{PART}/.arcorp/logs/ranks.log" in done.stderr
    assert "was made to fail" in (out / PART / ".arcorp/logs/ranks.log").read_text()
    assert not (out / PART / "manifest.json").exists()
    made = {path: path.stat().st_mtime_ns for path in (out / PART).glob("part-*.json")}
    assert len(made) == 5, "the other ranks were made"
    assert build(few, out, "local").returncode == 0
    assert build(few, tmp_path / "local", "local").returncode == 0
    assert tree(out) == tree(tmp_path / "local")
    assert all(path.stat().st_mtime_ns == time for path, time in made.items())


@pytest.mark.fault(6)
def test_a_build_on_ray_is_the_local_one_byte_for_byte(tmp_path, address):
    few = recipe(tmp_path, "arz_Arab")
    done = build(few, tmp_path / "ray", "ray", address)
    assert done.returncode == 0, done.stderr
    assert build(few, tmp_path / "local", "local").returncode == 0
    assert tree(tmp_path / "ray") == tree(tmp_path / "local")
    assert build(few, tmp_path / "ray", "ray", "127.0.0.1:1").returncode == 0, "nothing to do: no cluster is asked"
    refused = build(few, tmp_path / "other", "ray", "127.0.0.1:1")
    assert refused.returncode == 1
    assert "RAY_ADDRESS" in refused.stderr
