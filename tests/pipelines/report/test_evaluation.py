"""The section on evaluation: scores of the build's own models, beside the figures that a seed publishes."""

import json
import shutil
from pathlib import Path

import pytest
from builds import build

from pipelines.evaluation import RESULTS, SUITES, evaluate_stage, find_model, find_tasks, folder_of
from pipelines.evaluation.stage import VERSION
from pipelines.report import gather, render
from pipelines.report.evaluation import render as render_section
from pipelines.run import Context, Finish, Stage, Work, run_stage
from sharding import seal
from sharding.seal import Counts, Sealed


@pytest.mark.slow
def test_a_build_is_scored_after_its_training_and_the_report_shows_the_scores(own, capsys, monkeypatch):
    """`arcorp evaluate` writes the same folder, and another model's scores are not shown."""
    scored = ("--set", "evaluate={tasks: [minimal-pairs], limit: 5}")
    monkeypatch.chdir(own.parent)
    assert build(Path(own.name), "--workers", "1", *scored, until="report") == 0
    folder = folder_of(own / "run", ["minimal-pairs"])
    results = Sealed(folder, "evaluate").read_json(RESULTS)
    (shown,) = gather(own)["evaluation"]
    assert (shown["folder"], shown["run"], shown["limit"]) == ("evaluation/minimal-pairs", "run", 5)
    assert shown["tasks"] == results["tasks"]
    page = (own / "report.html").read_text()
    for row in results["tasks"][0]["rows"][1:]:
        assert row["name"] in page
    assert build(own, "--workers", "1", *scored, until="report") == 0
    assert "nothing to do" in capsys.readouterr().err
    stage = evaluate_stage(folder, find_model(own / "run", None), find_tasks(["minimal-pairs"]), 5)
    assert run_stage(stage, Context()).idle

    shutil.rmtree(own / "run")
    assert "evaluation" not in gather(own)


def test_a_suites_tasks_are_shown_beside_guessing_and_its_seeds_figures(own):
    (weights,) = own.glob("run/checkpoints/step-000008/model.safetensors")
    row = {"name": "hellaswag", "version": "1.0", "shots": 0, "documents": 10}
    row["metrics"] = {"acc_norm": {"value": 0.3125, "stderr": 0.0123}, "acc": {"value": 0.28, "stderr": None}}
    task = {"task": "hellaswag", "suite": "v2-base", "chat": False, "documents": 10, "of": 10, "rows": [row]}
    means = {"CORE": 0.0456}

    def finish(finished: Finish) -> None:
        finished.counts = {"documents": Counts(input=10, out=10)}
        finished.summary = {"tasks": [task], "means": means}

    inputs = {"model": seal.hash_file(weights).sha256, "tokenizer.json": "0" * 64}
    folder = own / "evaluation" / "v2"
    run_stage(Stage("evaluate", VERSION, folder, {"limit": None}, inputs, lambda: Work(finish=finish)), Context())
    figures = gather(own)
    text = str(render_section(figures["evaluation"])[0].content)
    entry = SUITES["v2-base"].entries[0]
    for value in ("0.3125", "0.0123", f"{entry.guessing:.4f}", f"{entry.published:.4f}", SUITES["v2-base"].model):
        assert value in text, value
    assert f"{means['CORE']:.4f}" in text
    assert f"{SUITES['core'].published:.4f}" in text
    assert "Evaluation" in render(figures)
    json.dumps(figures)
