"""Small training runs, in this process or under torchrun."""

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from sharding import Dataset
from sharding.scheduling import Mixture, Phase, create_schedule
from sharding.seal import hash_file, read_manifest, write_json
from training import checkpoint
from training.config import Config, ModelConfig, Preset
from training.export_hf import hf_config, hf_weights
from training.model import Decoder, ModelCost, count

ROOT = Path(__file__).resolve().parents[1]
PYTHON = str(Path(sys.executable).absolute())
SMALL = {
    "layers": 1,
    "width": 16,
    "heads": 2,
    "dropout": 0.1,
    "threads": 1,
    "warmup": 2,
    "log_every": 2,
    "eval": "{every: 3, rows: 6, batch: 4}",
    "checkpoint": "{every: 4, keep: 9}",
    "generate": "{prompts: 2, prompt_tokens: 4, tokens: 6}",
    "device": "cpu",
}
VARIANTS: dict[str, tuple[Preset, bool]] = {
    "nanochat": ("nanochat", False),
    "gpt2": ("gpt2", False),
    "llama": ("llama", False),
    "values": ("nanochat", True),
}
"""Preset, and whether it has value embeddings."""


def model_of(variant: str, vocab_size: int, context: int) -> Decoder:
    """A model with weights far enough from zero that logits differ."""
    preset, values = VARIANTS[variant]
    config = Config(
        preset=preset,
        layers=3,
        width=32,
        heads=4,
        kv_heads=4 if preset == "gpt2" else 2,
        value_embeddings=values,
        rope_theta=50_000.0,
    )
    model = Decoder(config.model(vocab_size, context)).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            mean = float(parameter.ndim == 1 and name.endswith("weight"))
            parameter.normal_(mean, 0.05 if parameter.ndim == 1 else 0.15, generator=generator)
    return model


def save(model: Decoder, dataset: Dataset, run: Path) -> Path:
    """Write a run whose only checkpoint is this model."""
    zero = "0" * 64
    meta = checkpoint.Meta(1, zero, (0, zero), dataset.digest, "none", asdict(model.config), {}, 1, {}, {})
    state = {"none/step": torch.zeros(1)}
    checkpoint.save(run / "checkpoints", meta, dict(model.named_parameters()), state)
    return run


def cost_of(config: ModelConfig) -> ModelCost:
    """The cost of a model of any size, which is built on the meta device."""
    with torch.device("meta"):
        return count(Decoder(config))


def arguments(dataset: Path, out: Path, **changes: object) -> list[str]:
    """The command line of a small run; `changes` override SMALL."""
    settings = [f"--set={key}={value}" for key, value in {**SMALL, **changes}.items()]
    return ["--data", str(dataset), "--out", str(out), *settings]


def lines(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def same_result(run: Path, other: Path, step: int = 12) -> bool:
    names = ("metrics.jsonl", weights_of(step), "samples.json")
    return all(hash_file(run / name) == hash_file(other / name) for name in names)


def weights_of(step: int) -> str:
    """The weights after a step, in a run's folder."""
    return f"checkpoints/{checkpoint.name_of(step)}/model.safetensors"


def torchrun(
    dataset: Path, out: Path, *more: str, ranks: int = 2, largest_file: int | None = None, **changes: object
) -> subprocess.Popen[str]:
    """Start a small run. more: further arguments; largest_file: bytes beyond which a write fails."""

    def limit() -> None:
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    command = [PYTHON, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    command += ["--signals-to-handle=SIGTERM,SIGINT,SIGUSR1", str(ROOT / "training/train.py")]
    return subprocess.Popen(
        [*command, *arguments(dataset, out, **changes), *more],
        cwd=out.parent,  # not the checkout: train.py must find its packages itself
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=limit,
        env={**os.environ, "PYTHONPATH": "", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )


def add_schedule(dataset: Path, steps: int, batch_rows: int = 8) -> str:
    """Write another schedule into a dataset's folder. Returns the name of its file."""
    name = f"schedule-{steps}.json"
    phases = [Phase("begin", steps=steps * 2 // 3), Phase("end", steps=steps - steps * 2 // 3)]
    write_json(
        dataset / name, create_schedule(read_manifest(dataset), phases, Mixture(), batch_rows=batch_rows, seed=1)
    )
    return name


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if text in line:
            return
    raise AssertionError("".join(lines))


def write_hf(tmp_path: Path, weights: Mapping[str, Tensor], config: ModelConfig, data: Dataset) -> Path:
    """Write weights, by our names, as a Hugging Face folder below `tmp_path`."""
    folder = tmp_path / "hf"
    folder.mkdir()
    write_json(folder / "config.json", hf_config(config))
    tensors = {name: value.detach().clone() for name, value in hf_weights(config, weights).items()}
    save_file(tensors, folder / "model.safetensors")
    shutil.copy(data.tokenizer / "tokenizer.json", folder)
    return folder
