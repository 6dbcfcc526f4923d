"""CUDA without a GPU: whole steps on fake tensors of `cuda:0`, and the memory that compiled models need.

They do not see cuBLASLt, cuDNN, NCCL, streams or speed. `make bench-gpu` on a GPU does. With ARCORP_TRITON, the folder
of `pip install --no-deps --target FOLDER triton`, compiled models are assembled for sm_90a too, which takes minutes.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from trainings import ROOT

HERE = Path(__file__).parent
GIB = 2**30
CASES = [
    *((preset, precision, ()) for preset in ("nanochat", "gpt2", "llama") for precision in ("fp32", "bf16", "fp8")),
    ("nanochat", "bf16", ("value_embeddings",)),
    ("nanochat", "fp8", ("value_embeddings",)),
    ("gpt2", "bf16", ("intra_document",)),
]
PRODUCTS = {"nanochat": 6, "gpt2": 6, "llama": 7}  # linear layers of a block
SAVED = [
    ("autoresearch-v1", 32, "bf16", ("value_embeddings=true",), 46.8),
    ("autoresearch-v1", 32, "fp8", ("value_embeddings=true",), 34.2),
    ("arafusion-ar", 48, "bf16", (), 24.6),
    ("nanochat-d20", 32, "bf16", (), 68.9),
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library of device.cpp."""
    if torch.version.cuda is not None or shutil.which("g++") is None:
        pytest.skip("it needs a torch without CUDA, and g++")
    root, out = Path(torch.__file__).parent, tmp_path_factory.mktemp("cuda") / "device.so"
    folders = [
        f"-I{root}/include",
        f"-I{root}/include/torch/csrc/api/include",
        f"-L{root}/lib",
        f"-Wl,-rpath,{root}/lib",
    ]
    command = ["g++", "-shared", "-fPIC", "-std=c++20", *folders, str(HERE / "device.cpp"), "-o", str(out)]
    subprocess.run([*command, "-lc10", "-ltorch_cpu"], check=True)
    return out


def run(library: Path, *arguments: str, script: str = "step.py", **variables: str) -> list[dict[str, float]]:
    """Return what the script prints, a line of JSON for each step. One process, because torch starts slowly."""
    environment = {**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": f"{ROOT}", "OMP_NUM_THREADS": "1"}
    environment |= variables
    command = [sys.executable, "-W", "ignore", str(HERE / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def steps(library: Path) -> dict[str, dict[str, float]]:
    """Results by step: those of CASES and of SAVED."""
    traces = [",".join(("trace", preset, precision, *settings)) for preset, precision, settings in CASES]
    saved = [",".join(("saved", recipe, str(rows), precision, *more)) for recipe, rows, precision, more, _ in SAVED]
    return dict(zip([*traces, *saved], run(library, *traces, *saved), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(("preset", "precision", "settings"), CASES, ids=lambda value: str(value))
def test_a_whole_step_of_every_preset_and_precision_follows_the_rules_of_cuda(
    steps: dict[str, dict[str, float]], preset: str, precision: str, settings: tuple[str, ...]
) -> None:
    """Forward, backward, clipping, Muon and AdamW. In FP8 each linear layer has three products."""
    counts = steps[",".join(("trace", preset, precision, *settings))]
    assert "error" not in counts, counts["error"]
    assert counts["scaled_mm"] == (2 * 3 * PRODUCTS[preset] if precision == "fp8" else 0)
    assert counts["update"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(("recipe", "rows", "precision", "settings", "expected"), SAVED)
def test_compiled_models_of_the_seeds_save_no_more_for_the_backward_pass_than_stated(
    steps: dict[str, dict[str, float]],
    recipe: str,
    rows: int,
    precision: str,
    settings: tuple[str, ...],
    expected: float,
) -> None:
    """GiB at the seed's size, counted by AOTAutograd with its partitioner, within 5 %."""
    result = steps[",".join(("saved", recipe, str(rows), precision, *settings))]
    assert "error" not in result, result["error"]
    assert result["bytes"] / GIB == pytest.approx(expected, rel=0.05)


@pytest.mark.slow
@pytest.mark.skipif("ARCORP_TRITON" not in os.environ, reason="ARCORP_TRITON is not set: the folder of package triton")
@pytest.mark.parametrize(("preset", "precision", "settings"), CASES, ids=lambda value: str(value))
def test_compiled_models_are_assembled_for_sm_90a(
    library: Path, tmp_path: Path, preset: str, precision: str, settings: tuple[str, ...]
) -> None:
    """Every Triton kernel of forward and backward. FP8 adds those that scale operands."""
    (counts,) = run(
        library,
        preset,
        precision,
        *settings,
        script="kernels.py",
        PYTHONPATH=f"{ROOT}:{os.environ['ARCORP_TRITON']}",
        TORCHINDUCTOR_CACHE_DIR=str(tmp_path / "inductor"),
        TRITON_CACHE_DIR=str(tmp_path / "triton"),
    )
    sys.stdout.write(f"{preset} {precision} {' '.join(settings)}: {counts}\n")
    assert counts["kernels"] > (30 if precision == "fp8" else 8)
