"""A build of many parts on SLURM, whose jobs may open 256 files each, that is killed at several moments and resumed.

`ARCORP_PARTS` sets the number of parts: 3,000 take half an hour.
"""

import contextlib
import json
import os
import random
import resource
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from builds import tree

from pipelines.run import job_label
from pipelines.run.state_files import PAIRS, PRINTS, TABLES
from sharding.seal import Sealed
from tests.cluster.conftest import WORDS, Arcorp
from tests.cluster.loopback import Loopback, wait_for

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif("ARCORP_SLURM" not in os.environ, reason="minutes of waiting for SLURM: `make test-cluster`"),
]
PARTS = int(os.environ.get("ARCORP_PARTS", "60"))
DESCRIPTORS = 256
LINE = 400
"""Bytes of a document; three are a part."""


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def many(cluster: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Arcorp:
    """A recipe of PARTS parts, with copies and near copies among its documents."""
    monkeypatch.setenv("ARCORP_TEST_SLICE", str(3 * LINE))
    draw = random.Random(3)
    lines: list[str] = []
    for number in range(3 * PARTS):
        words = draw.choices(WORDS, k=20)
        text = json.loads(draw.choice(lines))["text"] if number % 10 == 9 else " ".join(words)
        text = f"{text} {draw.choice(WORDS)}" if number % 20 == 9 else text
        line = json.dumps({"id": f"{number:07d}", "text": text}, ensure_ascii=False)
        lines.append(line + " " * (LINE - 1 - len(line.encode())))
    (tmp_path / "text.jsonl").write_text("\n".join(lines) + "\n")
    limited = f"ulimit -n {DESCRIPTORS}; export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH"
    (tmp_path / "many.yaml").write_text(
        "name: many\n"
        "corpora: [{source: jsonl, input: text.jsonl, language: arb_Arab}]\n"
        "dedup: {method: minhash}\n"
        "tokenizer: {vocab_size: 280, sample: {chars: 200000}}\n"
        "pack: {row_tokens: 64, validation: {rows: 8}, rows_per_shard: 400}\n"
        "phases: [{name: all, steps: 2}]\n"
        "train: {batch_rows: 4}\n"
        f"slurm: {{memory: 2G, cpus: 2, jobs: 8, time: '01:00:00', environment: {json.dumps(limited)}}}\n"
    )
    return Arcorp(cluster, tmp_path / "many.yaml")


def kill_a_rank(cluster: Loopback, out: Path, folder: str) -> None:
    """Kill a process that makes parts, as the system does when memory is short."""
    job = {f"SLURM_JOB_NAME={job_label(out, folder.replace('/', '.'))}", f"SLURM_CONF={cluster.folder}/slurm.conf"}

    def ranks() -> list[int]:
        """Children of a server of workers: a server without workers that is killed is started again."""
        parents = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                environment = (process / "environ").read_text(errors="replace").split("\0")
                if job <= set(environment) and "forkserver" in (process / "cmdline").read_text(errors="replace"):
                    status = (process / "status").read_text()
                    parents[int(process.name)] = int(status.partition("PPid:")[2].split()[0])
            except OSError:
                continue
        return [process for process, parent in parents.items() if parent in parents]

    def killed() -> bool:
        for process in ranks():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
                return True
        return False

    wait_for(killed, f"a rank of {folder}", cluster.logs)


def cancel_the_array(cluster: Loopback, out: Path, folder: str) -> None:
    names = {name for name, what, _ in cluster.queue() if what == job_label(out, folder.replace("/", "."))}
    assert names
    cluster("scancel", *sorted({name.partition("_")[0] for name in names}))


def kill_a_step(cluster: Loopback, out: Path, folder: str) -> None:
    """Kill the next job that plans and seals stages, while it runs."""

    def running() -> list[str]:
        label = job_label(out, "build")
        return [name for name, what, state in cluster.queue() if what == label and state == "RUNNING"]

    wait_for(running, "a step", cluster.logs)
    cluster("scancel", "--signal=KILL", "--full", *running())


@pytest.mark.fault(1)
@pytest.mark.fault(2)
def test_a_build_of_many_parts_that_is_killed_at_several_moments_has_the_bytes_of_the_local_one(
    cluster: Loopback, many: Arcorp, tmp_path: Path, few_descriptors: None
) -> None:
    local, out = tmp_path / "local", tmp_path / "out"
    assert many.build_here(local, "--until", "verify").returncode == 0
    assert len(Sealed(local / "unique").names(suffix=".parquet")) == PARTS
    moments = [
        ("documents/00-jsonl-arb_Arab", "part-*.json", cancel_the_array),
        (f"unique/{PRINTS}", "part-*.json", kill_a_rank),
        (f"unique/{PAIRS}", "*-00000.json", kill_a_step),
        ("unique", "part-*.json", cancel_the_array),
        ("tokens", "part-*.json", kill_a_rank),
        (f"dataset/{TABLES}", "**/part-*.json", cancel_the_array),
        ("dataset", "shards/*.json", kill_a_step),
    ]
    for folder, sidecars, disturb in moments:
        launched = many.build(out, "--until", "verify")
        assert launched.returncode == 0, launched.stderr
        wait_for(lambda here=out / folder, each=sidecars: any(here.glob(each)), f"parts of {folder}", cluster.logs)
        disturb(cluster, out, folder)
        cluster.drain()
        assert not (out / "verified").exists()
    assert many.build(out, "--until", "verify").returncode == 0
    cluster.drain()
    assert "stopped" not in many.status(out) or not many.status(out)["stopped"]
    assert tree(out) == tree(local)
    assert "nothing to do" in many.build(out, "--until", "verify").stderr
