"""Models under torch.compile: one graph from ids to nats and back, with the result of the eager model.

Graphs are captured and differentiated (aot_eager), which is where graph breaks occur. ARCORP_INDUCTOR=1 also runs
inductor and a C++ compiler, half a minute per model.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch import distributed as dist
from trainings import arguments

from training.config import Config, Preset
from training.fp8 import use_fp8
from training.loop import distributed
from training.model import Decoder, make_model
from training.ranks import Ranks
from training.train import main

pytestmark = pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # torch.compile's

INDUCTOR = pytest.param(
    "inductor",
    marks=[
        pytest.mark.slow,
        pytest.mark.skipif("ARCORP_INDUCTOR" not in os.environ, reason="set ARCORP_INDUCTOR=1 to run inductor"),
        pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs g++, and there is none"),
    ],
)
BACKENDS = ["aot_eager", INDUCTOR]
IDS = torch.arange(32).view(2, 16)


def gradients(model: torch.nn.Module) -> tuple[Tensor, Tensor]:
    """The loss of one pass in bf16, and all gradients, flattened."""
    model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        total, _ = model(IDS, IDS.roll(-1, 1), IDS % 7 == 0)
    total.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    return total.detach(), torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def shaken(preset: Preset, **changes: bool) -> Decoder:
    torch.compiler.reset()
    return shake(make_model(Config(preset=preset, layers=1, width=32, heads=2, **changes).model(64, 16), 0))  # type: ignore[arg-type]


def shake(model: Decoder) -> Decoder:
    """Change the initial weights, which contain zeros that would make gradients zero."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return model


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("preset", "fp8", "changes"),
    [
        ("nanochat", True, {"value_embeddings": True, "intra_document": True}),
        ("gpt2", True, {}),
        ("llama", False, {}),
    ],
)
def test_the_model_with_head_and_loss_is_one_graph_and_learns_the_same(
    preset: Preset, fp8: bool, changes: dict[str, bool], backend: str
) -> None:
    model = shaken(preset, **changes)
    if fp8:
        use_fp8(model.blocks, IDS.numel())
    # fullgraph raises at the first break
    total, compiled = gradients(torch.compile(model, fullgraph=True, backend=backend))  # type: ignore[arg-type]
    plain_total, plain = gradients(model)
    torch.testing.assert_close(total, plain_total, rtol=1e-2, atol=0)
    assert (compiled - plain).norm() < 0.05 * plain.norm()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Ranks]:
    """A process group of one."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    yield Ranks(0, 1, torch.device("cpu"))
    dist.destroy_process_group()


def test_under_ddp_the_graph_is_split_at_buckets_and_learns_the_same(alone: Ranks) -> None:
    torch.compiler.reset()
    model = shake(make_model(Config(preset="llama", layers=4, width=128, heads=2).model(64, 16), 0))
    ddp = distributed(model, alone)
    ddp.bucket_bytes_cap = 1 << 20  # of 4 MB of parameters
    graphs = []

    def counted(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> object:
        graphs.append(graph)
        return graph

    total, compiled = gradients(torch.compile(ddp, backend=counted))  # type: ignore[arg-type]
    assert len(graphs) > 2
    plain_total, plain = gradients(model)
    torch.testing.assert_close(total, plain_total, rtol=1e-2, atol=0)
    assert (compiled - plain).norm() < 0.05 * plain.norm()


def test_a_missing_compiler_is_reported_before_training(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(arguments(dataset, tmp_path / "run", compile="true")) == 2
    message = capsys.readouterr().err
    assert "compile is true" in message
    assert "set compile to false" in message
