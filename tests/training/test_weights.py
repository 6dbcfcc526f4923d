"""Starting from the weights of a run, a checkpoint or a Hugging Face folder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save
from tiny import small_dataset
from trainings import arguments, weights_of, write_hf

from sharding import Dataset
from sharding.seal import write_json
from training.config import Config
from training.model import make_model
from training.train import main
from training.weights import starting_weights


@pytest.mark.parametrize("what", ["run", "checkpoint"])
def test_a_run_begins_where_the_weights_of_another_ended_with_a_schedule_and_an_optimizer_of_its_own(
    dataset: Path, done: Path, tmp_path: Path, what: str
) -> None:
    path = done if what == "run" else done / "checkpoints/step-000004"
    out = tmp_path / "out"
    assert main(arguments(dataset, out, init_from=path, steps=2, lr=0.0, schedule="cosine")) == 0
    begun, last = (load_file(run / weights_of(step)) for run, step in ((out, 2), (done, 12 if what == "run" else 4)))
    assert begun.keys() == last.keys()
    assert all(torch.equal(begun[name], last[name]) for name in last)


@pytest.mark.parametrize(
    "changes", [{}, {"value_embeddings": True}, {"preset": "gpt2"}, {"preset": "llama", "kv_heads": 1}], ids=str
)
def test_an_exported_folder_gives_back_the_weights_exactly(
    dataset: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    data = Dataset(dataset)
    config = Config(layers=2, width=16, heads=2, **changes).model(data.vocab_size, data.row_tokens)
    weights = dict(make_model(config, 3).named_parameters())
    folder = write_hf(tmp_path, weights, config, data)
    read = starting_weights(folder, config, data, print)
    assert read.keys() == weights.keys()
    assert all(torch.equal(read[name], weights[name]) for name in weights)


def test_weights_of_another_vocabulary_width_or_tokenizer_are_refused_in_a_sentence(
    dataset: Path, done: Path, tmp_path: Path, refused: Callable[..., None]
) -> None:
    out = tmp_path / "out"
    refused(main, arguments(dataset, out, init_from=done, width=32), 2, "step-000012", "width 16", "32")
    refused(main, arguments(dataset, out, init_from=done, heads=1), 2, "step-000012", "heads 2")
    refused(main, arguments(dataset, out, init_from=done, preset="llama"), 2, "step-000012", "preset nanochat")
    refused(main, arguments(dataset, out, init_from=tmp_path / "none"), 5, str(tmp_path / "none"), "Hugging Face")
    larger = small_dataset(tmp_path / "larger", end="eos")
    refused(main, arguments(larger, out, init_from=done), 2, "step-000012", "vocab_size 265")
    data = Dataset(dataset)
    config = Config(layers=1, width=16, heads=2).model(data.vocab_size, data.row_tokens)
    folder = write_hf(tmp_path, dict(make_model(config, 3).named_parameters()), config, data)
    refused(main, arguments(dataset, out, init_from=folder, width=32), 2, str(folder), "width 16", "32")
    refused(main, arguments(dataset, out, init_from=folder, preset="gpt2"), 2, str(folder), "model_type nanochat")
    refused(main, arguments(dataset, out, init_from=folder, layers=3), 2, str(folder), "not there")
    tokenizer = json.loads((folder / "tokenizer.json").read_bytes())
    tokenizer["model"]["vocab"]["another"] = 3
    write_json(folder / "tokenizer.json", tokenizer)
    refused(main, arguments(dataset, out, init_from=folder), 2, str(folder), "vocab")
    assert not (out / "checkpoints").exists()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("config.json", lambda data: b"[" * 100_000),
        ("config.json", lambda data: b'{"model_type": 1e999}'),
        ("config.json", lambda data: data.replace(b'"nanochat"', b'["nanochat"]')),
        ("config.json", lambda data: b"[]"),
        ("tokenizer.json", lambda data: b'{"model": {}}'),
        ("tokenizer.json", lambda data: b'{"model":' * 20_000),
        ("model.safetensors", lambda data: data[: len(data) // 2]),
        ("model.safetensors", lambda data: data.replace(b"embed_tokens", b"other_tokens")),
        ("model.safetensors", lambda data: save({"model.embed_tokens.weight": torch.zeros(4)})),
    ],
)
def test_a_damaged_model_to_start_from_is_refused_in_a_sentence(
    dataset: Path, tmp_path: Path, refused: Callable[..., None], name: str, change: Callable[[bytes], bytes]
) -> None:
    data = Dataset(dataset)
    config = Config(layers=1, width=16, heads=2).model(data.vocab_size, data.row_tokens)
    folder = write_hf(tmp_path, dict(make_model(config, 3).named_parameters()), config, data)
    before = (folder / name).read_bytes()
    (folder / name).write_bytes(change(before))
    assert (folder / name).read_bytes() != before
    refused(main, arguments(dataset, tmp_path / "out", init_from=folder, layers=1), 2, str(folder))
