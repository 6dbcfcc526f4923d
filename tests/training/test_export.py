"""The exported folders against transformers' own classes, which know nothing of ours."""

import json
import sys
from pathlib import Path

import pytest
import torch

from sharding import Dataset
from training import checkpoint
from training.config import Config, Generate, Preset
from training.export import export, main
from training.generate import generate
from training.model import Decoder
from training.train import main as train

SIZES = [
    "layers=2",
    "width=32",
    "heads=4",
    "kv_heads=2",
    "steps=2",
    "threads=1",
    "device=cpu",
    "generate={prompts: 0}",
]


def run_of(dataset: Path, out: Path, preset: Preset, *changes: str) -> Path:
    kv_heads = "kv_heads=2" if preset == "llama" else "kv_heads=4"
    settings = [f"--set={one}" for one in (*SIZES, kv_heads, f"preset={preset}", *changes)]
    assert train(["--data", str(dataset), "--out", str(out), *settings]) == 0
    return out


def shaken(run: Path) -> Decoder:
    """Our own model with weights large enough to tell from zero, written back into the run's checkpoint."""
    _, meta = checkpoint.choose(run / "checkpoints", print) or pytest.fail("no checkpoint")
    model = Decoder(Config(**_sizes(meta.model)).model(meta.model["vocab_size"], meta.model["context"]))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            one = parameter.ndim == 1 and name.endswith("weight")
            parameter.normal_(float(one), 0.05 if parameter.ndim == 1 else 0.15, generator=generator)
    checkpoint.save(run / "checkpoints", meta, dict(model.named_parameters()), {"none/step": torch.zeros(1)})
    return model.eval()


def _sizes(model: dict[str, object]) -> dict[str, object]:
    return {key: model[key] for key in ("preset", "layers", "width", "heads", "kv_heads", "ffn")}


@pytest.mark.parametrize("preset", ["nanochat", "gpt2", "llama"])
@pytest.mark.filterwarnings("ignore")  # transformers' own
def test_logits_and_greedy_text_of_the_exported_folder_equal_ours(
    dataset: Path, tmp_path: Path, preset: Preset
) -> None:
    import transformers

    run = run_of(dataset, tmp_path / "run", preset)
    model = shaken(run)
    out = export(run, dataset, tmp_path / "hf")
    other, loading = transformers.AutoModelForCausalLM.from_pretrained(out, output_loading_info=True)
    assert not any(loading[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    ids = torch.randint(0, 264, (2, 24), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ours, theirs = model.logits(ids), other(ids).logits
    assert ours.abs().max() > 0.5
    apart = float((ours - theirs).abs().max())
    sys.stdout.write(f"{preset}: logits up to {ours.abs().max():.2f}, apart by {apart:.1e}\n")  # with -s
    assert apart < 1e-5

    settings = Generate(tokens=8, temperature=0)
    text = other.generate(ids[:1, :6], max_new_tokens=8, do_sample=False, eos_token_id=None, pad_token_id=0)
    assert list(generate(model, ids[0, :6].tolist(), settings, seed=0)) == text[0, 6:].tolist()


def test_the_folder_holds_the_tokenizer_and_the_special_ids(dataset: Path, tmp_path: Path) -> None:
    run = run_of(dataset, tmp_path / "run", "nanochat")
    out = tmp_path / "hf"
    assert main(["--run", str(run), "--data", str(dataset), "--out", str(out)]) == 0
    assert (out / "tokenizer.json").read_bytes() == (dataset / "tokenizer/tokenizer.json").read_bytes()
    config = json.loads((out / "config.json").read_text())
    assert (config["bos_token_id"], config["eos_token_id"]) == (Dataset(dataset).layout.bos, None)


def test_what_cannot_be_exported_is_refused_with_a_sentence(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(run: Path, out: Path, sentence: str, code: int = 2) -> None:
        assert main(["--run", str(run), "--data", str(dataset), "--out", str(out)]) == code
        assert sentence in capsys.readouterr().err

    refused(tmp_path, tmp_path / "hf", "has no checkpoint: train first", 5)
    run = run_of(dataset, tmp_path / "run", "gpt2")
    refused(run, tmp_path, "is there already")
    values = run_of(dataset, tmp_path / "values", "nanochat", "value_embeddings=true")
    refused(values, tmp_path / "hf", "has value_embeddings, which no class of transformers computes")
