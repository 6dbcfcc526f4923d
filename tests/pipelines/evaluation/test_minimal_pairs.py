"""The suite `minimal-pairs` on a run: no download and no lm-evaluation-harness."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from corpora.demo.minimal_pairs import FRAMES, minimal_pairs
from pipelines import cli
from pipelines.evaluation import RESULTS, evaluate_stage, find_model, find_tasks, folder_of
from pipelines.evaluation.minimal_pairs import evaluate_pairs
from pipelines.evaluation.models import Item
from pipelines.run import Context, run_stage
from sharding.seal import Sealed


class Prefers:
    """A model that gives the sentences in a set more probability than all others."""

    prefix, context = 0, 1000

    def __init__(self, sentences: set[str]) -> None:
        self.sentences = sentences

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def score(self, items: Sequence[Item]) -> list[tuple[float, bool]]:
        return [(-1.0 if bytes(ids[1:]).decode() in self.sentences else -2.0, False) for ids, _ in items]


def test_accuracy_is_the_share_of_pairs_whose_allowed_sentence_is_more_probable() -> None:
    pairs = minimal_pairs()
    negation = {pair.allowed for pair in pairs if pair.phenomenon != "negation"}
    negation |= {pair.other for pair in pairs if pair.phenomenon == "negation"}
    result = evaluate_pairs(Prefers(negation), None)
    values = {row["name"]: row["metrics"]["acc"]["value"] for row in result["rows"]}
    assert values == {name: float(name != "negation") for name in FRAMES} | {"minimal-pairs": values["minimal-pairs"]}
    right = sum(pair.phenomenon != "negation" for pair in pairs)
    assert values["minimal-pairs"] == pytest.approx(right / len(pairs))
    none = evaluate_pairs(Prefers(set()), 3)
    assert none["rows"][0]["metrics"]["acc"]["value"] == 0  # equal probabilities are no preference
    assert (none["documents"], none["of"]) == (3 * len(FRAMES), len(pairs))


def test_a_run_is_scored_into_a_sealed_folder_and_a_killed_evaluation_continues(
    run_of: Callable[[str], Path], built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", str(run_of("gpt2")), "--data", str(built / "dataset"), "--tasks", "minimal-pairs"]
    command += ["--limit", "4", "--format", "json", "--out", str(tmp_path / "out")]
    assert cli.run(command) == 0
    shown = json.loads(capsys.readouterr().out)
    sealed = Sealed(tmp_path / "out", "evaluate")
    assert shown["digest"] == sealed.digest
    assert shown["tasks"] == sealed.read_json(RESULTS)["tasks"]
    counts = sealed.manifest.counts["documents"]
    assert (counts.out, counts.input) == (4 * len(FRAMES), len(minimal_pairs()))
    names = ["model", "tokenizer.json"]
    assert sorted(sealed.manifest.inputs) == names
    assert str(tmp_path) not in (tmp_path / "out/manifest.json").read_text()

    killed = Path(shutil.copytree(tmp_path / "out", tmp_path / "killed"))
    (killed / "manifest.json").unlink()
    (part,) = (path for path in killed.glob("000-*.json"))
    before = part.stat().st_mtime_ns
    assert cli.run([*command[:-1], str(killed)]) == 0
    capsys.readouterr()
    assert part.stat().st_mtime_ns == before  # its part is kept
    assert Sealed(killed, "evaluate").digest == sealed.digest
    part.write_text(part.read_text().replace("negation", "negatoin"))
    assert cli.run([*command[:-1], str(killed)]) == 0
    assert Sealed(killed, "evaluate").digest == sealed.digest


def test_a_checkpoint_is_scored_as_its_run(run_of: Callable[[str], Path], built: Path, tmp_path: Path) -> None:
    run, data = run_of("gpt2"), built / "dataset"
    (step,) = (run / "checkpoints").iterdir()
    assert find_model(step, data).model == find_model(run, data).model
    stage = evaluate_stage(tmp_path / "out", find_model(step, data), find_tasks(["minimal-pairs"]), 1)
    assert run_stage(stage, Context()).sealed.manifest.counts["documents"].out == len(FRAMES)
    build = run.parent
    assert folder_of(step, ["core,v2-base"]) == build / "evaluation" / f"gpt2-{step.name}-core-v2-base"
    assert folder_of(build / "runs" / "sft", ["a/b.yaml"]) == build / "evaluation" / "sft-b"
    assert folder_of(build / "run", ["minimal-pairs"]) == build / "evaluation" / "minimal-pairs"


def test_a_damaged_or_missing_checkpoint_is_refused(
    run_of: Callable[[str], Path], built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--data", str(built / "dataset"), "--tasks", "minimal-pairs", "--out", str(tmp_path / "out")]

    def refused(run: Path, code: int, *places: str) -> None:
        assert cli.run(["evaluate", str(run), *command]) == code
        message = capsys.readouterr().err.strip().splitlines()[-1]
        assert all(place in message for place in places), message

    damaged = Path(shutil.copytree(run_of("gpt2"), tmp_path / "damaged"))
    weights = next(damaged.glob("checkpoints/*/model.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-4])
    refused(damaged, 4, "checkpoints", "delete the folder")
    (weights.with_name("meta.json")).write_text("{")
    refused(damaged, 4, "meta.json")
    (tmp_path / "empty" / "checkpoints").mkdir(parents=True)
    refused(tmp_path / "empty", 5, "no checkpoint")
    assert cli.run(["evaluate", str(run_of("gpt2")), "--tasks", "minimal-pairs"]) == 2
    assert "give --data" in capsys.readouterr().err
