"""Statistics of weights with known properties, and of a run."""

import json
import math
from pathlib import Path

import pytest
import torch

from training.health import effective_rank, main, matrix_statistics, script_of, scripts_apart, similarity_of_blocks


def test_the_effective_rank_is_the_number_of_equal_singular_values() -> None:
    generator = torch.Generator().manual_seed(0)
    q, _ = torch.linalg.qr(torch.randn(32, 32, generator=generator))
    assert effective_rank(q) == pytest.approx(32, rel=1e-4)
    assert effective_rank(q[:, :5] @ q[:5]) == pytest.approx(5, rel=1e-2)
    assert effective_rank(torch.outer(q[0], q[1])) == pytest.approx(1, rel=1e-2)
    assert effective_rank(torch.zeros(4, 4)) == 0


def test_the_statistics_of_a_matrix_are_those_of_its_distribution() -> None:
    x = torch.randn(256, 512, generator=torch.Generator().manual_seed(0)) * 0.02
    x[:64] = 0
    statistics = matrix_statistics(x)
    assert statistics["shape"] == [256, 512]
    assert statistics["std"] == pytest.approx(0.02 * math.sqrt(0.75), rel=0.02)
    assert statistics["nearly_zero"] == pytest.approx(0.25, abs=0.002)
    assert sum(statistics["histogram"]["counts"]) == 256 * 512
    assert statistics["histogram"]["counts"][20] >= 64 * 512  # the bin around zero
    assert statistics["rank_share"] < 0.75
    assert matrix_statistics(torch.zeros(3, 3))["effective_rank"] == 0


def test_blocks_that_repeat_each_other_are_seen() -> None:
    block, other = torch.randn(2, 8, 8, generator=torch.Generator().manual_seed(0))
    weights = {"blocks.0.up": block, "blocks.1.up": 2 * block, "blocks.2.up": other, "blocks.0.norm": torch.ones(8)}
    weights["blocks.1.norm"] = weights["blocks.2.norm"] = torch.ones(8)
    similarity = similarity_of_blocks(weights, 3)
    assert set(similarity) == {"up"}
    assert similarity["up"][0][1] == pytest.approx(1, abs=1e-4)
    assert abs(similarity["up"][0][2]) < 0.5


def test_the_script_of_a_text_is_that_of_its_letters() -> None:
    assert [script_of(text) for text in ("قلم", " وال", "the", " a1", "،", "3", "", "nقل", "é")] == [
        "arabic",
        "arabic",
        "latin",
        "latin",
        None,
        None,
        None,
        None,
        None,
    ]


def test_embeddings_of_two_scripts_are_separated_if_they_are_distant() -> None:
    texts = ["قلم"] * 50 + ["pen"] * 60 + ["1"] * 10
    generator = torch.Generator().manual_seed(0)
    embedding = torch.randn(120, 16, generator=generator)
    mixed = scripts_apart(embedding, texts)
    embedding[:50, 3] += 20
    apart = scripts_apart(embedding, texts)
    assert mixed is not None
    assert apart is not None
    assert apart["tokens"] == {"arabic": 50, "latin": 60}
    assert apart["told_apart"] == 1.0
    assert apart["explained"][0] > 0.8 > 0.3 > mixed["explained"][0]
    assert apart["centres_apart"] > 4 > 1 > mixed["centres_apart"]
    sides = {script: {dot["x"] > 0 for dot in dots} for script, dots in apart["plane"].items()}
    assert sides["arabic"] != sides["latin"]
    assert len(sides["arabic"]) == len(sides["latin"]) == 1
    assert scripts_apart(embedding, ["1"] * 120) is None


@pytest.mark.parametrize("name", ["done", "done_with_values"])
def test_a_run_is_examined(dataset: Path, tmp_path: Path, name: str, request: pytest.FixtureRequest) -> None:
    run, out = request.getfixturevalue(name), tmp_path / "health"
    assert main(["--run", str(run), "--data", str(dataset), "--out", str(out)]) == 0
    health = json.loads((out / "health.json").read_text())
    assert health["step"] == 12
    assert "blocks.0.attention.q.weight" in health["matrices"]
    assert health["scripts"]["tokens"]["arabic"] >= 2
    assert [path.name for path in out.iterdir()] == ["health.json"]
