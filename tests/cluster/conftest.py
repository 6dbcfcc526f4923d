"""A SLURM for the tests, a recipe of ten parts, and the tree that a local build makes of it."""

import contextlib
import getpass
import io
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from builds import tree

from pipelines import cli
from pipelines.cli.status import look
from tests.cluster.loopback import PACKAGES, Loopback, missing_programs

ROOT = Path(__file__).resolve().parents[2]
SABOTAGE = ROOT / "tests/cluster/sabotage"
SECRET = "hf_not-to-be-written-anywhere"
WORDS = ["كتاب", "قلم", "مدرسة", "بيت", "شمس", "قمر", "بحر", "نهر", "جبل", "سماء", "أرض", "كلمة", "لغة", "علم", "نور"]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loopback]:
    """A SLURM of two nodes. Skipped where its programs are not installed."""
    missing = missing_programs()
    if missing:
        pytest.skip(f"no {', '.join(missing)} here, so nothing is tried on SLURM: apt-get install {PACKAGES}")
    slurm = Loopback(tmp_path_factory.mktemp("slurm"), nodes=2)
    try:
        slurm.start()
        yield slurm
    finally:
        slurm.stop()


@pytest.fixture(autouse=True)
def nothing_left(cluster: Loopback) -> Iterator[None]:
    """Jobs that a failed test has left don't hold up the next."""
    yield
    if cluster.queue():
        cluster("scancel", f"--user={getpass.getuser()}")
        cluster.drain()


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


class Arcorp:
    """The command line, as on a login node, in an environment that holds a secret."""

    def __init__(self, cluster: Loopback, recipe: Path) -> None:
        self.cluster, self.recipe = cluster, recipe

    def build(self, out: Path, *more: object, faults: str = "", release: Path = Path("/none"), path: str = "") -> Done:
        """Launch a build on SLURM, in this process; its jobs inherit what the environment holds now."""
        environment = {
            **self.cluster.environment,
            "PYTHONPATH": f"{SABOTAGE}:{ROOT}",
            "ARCORP_TEST_FAULTS": faults,
            "ARCORP_TEST_RELEASE": str(release),
            "HF_TOKEN": SECRET,
        }
        environment["PATH"] = path or environment["PATH"]
        until = [] if "--until" in more else ["--until", "pack"]
        arguments = ["build", str(self.recipe), "--out", str(out), "--executor", "slurm", *until, *map(str, more)]
        printed, logged = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(logged):
                code = cli.run(arguments)
        return Done(code, printed.getvalue(), logged.getvalue())

    def build_here(self, out: Path, *more: object) -> Done:
        """The same build by the local executor."""
        command = [sys.executable, "-m", "pipelines.cli", "build", str(self.recipe), "--out", str(out)]
        command += ["--workers", "2", *([] if "--until" in more else ["--until", "pack"]), *map(str, more)]
        environment = {**os.environ, **self.cluster.environment, "PYTHONPATH": f"{SABOTAGE}:{ROOT}"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
        return Done(done.returncode, done.stdout, done.stderr)

    def status(self, out: Path) -> dict[str, Any]:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.cluster.environment.items():
                patch.setenv(name, value)
            return look(out)


@pytest.fixture(scope="session")
def arcorp(cluster: Loopback, tmp_path_factory: pytest.TempPathFactory) -> Arcorp:
    folder = tmp_path_factory.mktemp("recipe")
    dice = random.Random(7)
    with (folder / "text.jsonl").open("w", encoding="utf-8") as file:
        for number in range(120):
            text = " ".join(dice.choices(WORDS, k=150))
            file.write(json.dumps({"id": str(number), "text": text}, ensure_ascii=False) + "\n")
    (folder / "ten.yaml").write_text(
        "name: ten\n"
        "corpora: [{source: jsonl, input: text.jsonl, language: arb_Arab}]\n"
        "tokenizer: {vocab_size: 280, sample: {chars: 20000}}\n"
        "pack: {row_tokens: 64, validation: {share: 0.05}, rows_per_shard: 60}\n"
        "phases: [{name: all, steps: 2}]\n"
        "train: {batch_rows: 4}\n"
        "slurm: {memory: 500M, time: '00:20:00'}\n"
    )
    return Arcorp(cluster, folder / "ten.yaml")


@pytest.fixture(scope="session")
def local_tree(arcorp: Arcorp, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every byte of the recipe's build by the local executor."""
    out = tmp_path_factory.mktemp("local") / "ten"
    done = arcorp.build_here(out)
    assert done.returncode == 0, done.stderr
    return tree(out)
