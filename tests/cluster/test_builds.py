"""A build on SLURM gives the bytes of the local build after any failure, and seals nothing wrong.

The test starts a real SLURM of two nodes on this machine. Faults are injected in the jobs (`sabotage/`) or by an
operator's means: scancel, a node taken down, a time limit.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from builds import SETTINGS, build, tree

from pipelines.run import job_label
from tests.cluster.conftest import ROOT, SECRET
from tests.cluster.loopback import Loopback, wait_for

pytestmark = pytest.mark.slurm
STAGES = ("documents/00-jsonl-arb_Arab", "unique", "tokens", "dataset")
FAILING = STAGES if "ARCORP_SLURM" in os.environ else STAGES[-1:]
"""Stages in which ranks are made to fail: each costs a launch, so that the suite tries the last."""


def sealed(out: Path) -> set[str]:
    return {str(path.parent.relative_to(out)) for path in out.rglob("manifest.json")}


@pytest.mark.fault(6)
def test_a_demo_build_on_slurm_is_the_local_one_byte_for_byte_training_included(cluster, tmp_path):
    """Training runs in a separate job, on a copy of the dataset that was verified on the machine's disk."""
    train = "{gpus: 0, cpus: 1, memory: 2G, time: '00:20:00'}"
    more = ("--set", "slurm.memory=500M", "--set", f"slurm.train={train}", "--set", "slurm.scratch=$SCRATCH_OF_TEST")
    out, scratch = tmp_path / "slurm", tmp_path / "scratch"
    environment = {"PYTHONPATH": str(ROOT), "SCRATCH_OF_TEST": str(scratch)}
    command = [sys.executable, "-m", "pipelines.cli", "build", "demo", "--until", "train", *SETTINGS, *more]
    command += ["--executor", "slurm", "--out", str(out)]
    given = {**os.environ, **cluster.environment, **environment}
    launched = subprocess.run(command, env=given, capture_output=True, text=True, cwd=ROOT)
    assert launched.returncode == 0, launched.stderr
    assert build(tmp_path / "local", "--workers", "1", until="train") == 0
    cluster.drain()
    assert tree(out) == tree(tmp_path / "local")
    [staged] = scratch.iterdir()
    assert tree(staged) == tree(out / "dataset")
    again = subprocess.run(command, env=given, capture_output=True, text=True, cwd=ROOT)
    assert again.returncode == 0
    assert "nothing to do" in again.stderr
    assert not cluster.queue()


@pytest.mark.skipif("ARCORP_SLURM" not in os.environ, reason="minutes of waiting for SLURM: `make test-cluster`")
@pytest.mark.fault(2)
def test_training_on_two_machines_that_is_preempted_is_queued_again_and_ends_as_if_undisturbed(
    cluster, arcorp, tmp_path
):
    """torchrun on two nodes, against two ranks here. The signal is what SLURM sends before a job's time is up."""
    out, release = tmp_path / "slurm", tmp_path / "release"
    model = "{ranks: 1, layers: 1, width: 32, heads: 2, batch_rows: 4, threads: 1, checkpoint: {every: 1}}"
    train = "{nodes: 2, gpus: 0, cpus: 1, memory: 2G, time: '00:20:00'}"
    settings = ("--until", "train", "--set", f"train={model}", "--set", "phases.0.steps=6")
    assert arcorp.build_here(tmp_path / "two", *settings, "--set", "train.ranks=2").returncode == 0
    on_slurm = ("--set", f"slurm.train={train}")
    launched = arcorp.build(out, *settings, *on_slurm, faults="train=hang", release=release)
    assert launched.returncode == 0, launched.stderr
    wait_for(release.with_suffix(".hangs").exists, "training", lambda: logs(cluster, out))
    [job] = [name for name, what, _ in cluster.queue() if what == job_label(out, "build")]
    cluster("scancel", "--signal=USR1", "--batch", job)
    wait_for(lambda: (job, "PENDING") in [(name, state) for name, _, state in cluster.queue()], "the job's return")
    assert not (out / "run" / "checkpoints" / "step-000006").exists()
    cluster("scancel", job)  # SLURM holds it for two minutes; this test does not wait for that
    cluster.drain()
    assert arcorp.build(out, *settings, *on_slurm).returncode == 0
    cluster.drain()
    assert tree(out) == tree(tmp_path / "two"), logs(cluster, out)
    again = arcorp.build(out, *settings, *on_slurm)
    assert again.returncode == 0
    assert "nothing to do" in again.stderr


def logs(cluster: Loopback, out: Path) -> str:
    """Return the logs of the steps of a build and of SLURM's daemons."""
    return "\n".join(path.read_text() for path in (out / ".arcorp" / "slurm").glob("step-*.out")) + cluster.logs()


@pytest.mark.fault(5)
def test_ranks_that_fail_are_named_nothing_is_sealed_and_the_next_launch_makes_those_alone(
    cluster, arcorp, local_tree, tmp_path
):
    """The first rank, one in the middle (killed with its job) and the last. `make test-cluster`: all stages."""
    out = tmp_path / "out"
    before: set[str] = set()
    for folder in FAILING:
        here = out / folder
        names = [name.removesuffix(".json") for name in local_tree if name.startswith(f"{folder}/")]
        parts = sorted(
            Path(name).relative_to(folder).as_posix()
            for name in names
            if "part-" in name or "shards/" in name
            if f"{name}.json" in local_tree
        )
        order = sorted(parts, key=lambda name: ("validation" in name, name))  # of ranks: training shards come first
        first, middle, last = order[0], order[len(order) // 2], order[-1]
        faults = {first: "raise", middle: "kill", last: "raise"}
        words = " ".join(f"{here.name}/{name}={fault}" for name, fault in faults.items())
        assert arcorp.build(out, faults=words).returncode == 0
        cluster.drain()
        status = arcorp.status(out)
        message = status["stopped"]["message"]
        assert f"{here}: " in message
        assert f"of {len(order)} ranks failed: 0, " in message
        assert f"{first} was made to fail" in message
        assert ".out" in message
        [line] = [line for line in status["folders"] if line["folder"] == folder]
        assert {0, len(order) // 2, len(order) - 1} <= set(line["failed"])
        assert sealed(out) - before == (sealed(out) - before) - {folder}, "a stage with missing ranks was sealed"
        assert folder not in sealed(out)
        assert not any((out / later).exists() for later in STAGES[STAGES.index(folder) + 1 :])
        sidecars = [here / f"{name}.json" for name in order]
        made = {path: path.stat().st_mtime_ns for path in sidecars if path.exists()}
        before = sealed(out)
    assert arcorp.build(out).returncode == 0
    cluster.drain()
    assert all(path.stat().st_mtime_ns == time for path, time in made.items()), "a rank that was done ran again"
    assert tree(out) == local_tree


@pytest.mark.skipif("ARCORP_SLURM" not in os.environ, reason="minutes of waiting for SLURM: `make test-cluster`")
@pytest.mark.fault(2)
@pytest.mark.fault(4)
def test_a_second_build_is_refused_meanwhile_and_a_job_that_is_killed_or_out_of_time_leaves_nothing_wrong(
    cluster, arcorp, local_tree, tmp_path
):
    """Two builds side by side; in each the second job of three hangs in the midst of writing a part."""
    killed, late = tmp_path / "killed", tmp_path / "late"
    for out in (killed, late):
        hang = {"faults": "tokens/part-00004=hang", "release": out.with_suffix(".release")}
        assert arcorp.build(out, "--until", "tokenize", **hang).returncode == 0
    for out in (killed, late):
        wait_for(out.with_suffix(".hangs").exists, "a rank at work", cluster.logs)
    for build_again in (arcorp.build, arcorp.build_here):
        refused = build_again(killed)
        assert refused.returncode == 1
        [message] = [line for line in refused.stderr.splitlines() if not line.startswith("building ")]
        assert "is being built on SLURM (jobs running: " in message
    [tokens] = [line for line in arcorp.status(killed)["folders"] if line["folder"] == "tokens"]
    assert tokens["state"] == "running"
    cluster("scancel", "-s", "KILL", second_job(cluster, killed))
    cluster("scontrol", "update", f"JobId={second_job(cluster, late)}", "EndTime=now+1")
    cluster.drain()
    for out, why in ((killed, ""), (late, "DUE TO TIME LIMIT")):
        message = arcorp.status(out)["stopped"]["message"]
        assert f"{out / 'tokens'}: " in message
        assert "ranks failed: 4, " in message
        assert why in message
        assert "tokens" not in sealed(out)
        assert arcorp.build(out, "--until", "tokenize").returncode == 0
    cluster.drain()
    for out in (killed, late):
        assert "tokens" in sealed(out)
        assert tree(out) == {name: data for name, data in local_tree.items() if name in tree(out)}


def second_job(cluster: Loopback, out: Path) -> str:
    [job] = [name for name, what, _ in cluster.queue() if what == job_label(out, "tokens") and name.endswith("_1")]
    return job


@pytest.mark.skipif("ARCORP_SLURM" not in os.environ, reason="minutes of waiting for SLURM: `make test-cluster`")
@pytest.mark.fault(2)
def test_slurmd_stopped_and_started_again_changes_nothing(cluster, arcorp, local_tree, tmp_path):
    out, release = tmp_path / "out", tmp_path / "release"
    hang = {"faults": "unique/part-00000=hang", "release": release}
    assert arcorp.build(out, "--until", "dedup", **hang).returncode == 0
    wait_for(release.with_suffix(".hangs").exists, "a rank at work", cluster.logs)
    cluster.stop_nodes()
    release.touch()
    cluster.start_nodes()
    cluster.drain()
    assert tree(out) == {name: data for name, data in local_tree.items() if name in tree(out)}
    assert STAGES[1] in sealed(out)


def test_a_sites_chatty_sbatch_is_understood_and_no_secret_is_written(cluster, arcorp, tmp_path):
    wrapper = tmp_path / "bin" / "sbatch"
    wrapper.parent.mkdir()
    real = subprocess.check_output(["which", "sbatch"], text=True, env={"PATH": cluster.environment["PATH"]}).strip()
    before, after = 'echo "Welcome to cluster 9000"', 'code=$?\necho "You have 312 hours left"\nexit $code'
    wrapper.write_text(f'#!/bin/bash\n{before}\n{real} "$@"\n{after}\n')
    wrapper.chmod(0o755)
    out = tmp_path / "out"
    launched = arcorp.build(out, "--until", "ingest", path=f"{wrapper.parent}:{cluster.environment['PATH']}")
    assert launched.returncode == 0, launched.stderr
    cluster.drain()
    assert STAGES[0] in sealed(out)
    written = [path for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert not written


@pytest.mark.fault(7)
def test_a_recipe_that_was_changed_is_refused_before_anything_is_submitted(cluster, arcorp, tmp_path):
    out = tmp_path / "out"
    assert arcorp.build(out, "--until", "ingest").returncode == 0
    cluster.drain()
    refused = arcorp.build(out, "--set", "quality.min_chars=7")
    assert refused.returncode == 2
    assert "options.quality.min_chars was 0, now 7" in refused.stderr
    assert not cluster.queue()


def test_without_sbatch_the_refusal_names_it(cluster, arcorp, tmp_path):
    refused = arcorp.build(tmp_path / "out", path="/nowhere")
    assert refused.returncode == 2
    assert "there is no sbatch here" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_what_sbatch_refuses_is_passed_on(cluster, arcorp, tmp_path):
    refused = arcorp.build(tmp_path / "out", "--set", "slurm.partition=nosuch")
    assert refused.returncode == 1
    assert "sbatch refused the job" in refused.stderr
    assert "partition" in refused.stderr
