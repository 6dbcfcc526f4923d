"""The exported folders against transformers' own classes, which are independent of ours."""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from sharding import Dataset
from training import checkpoint
from training.config import Config, Generate, Preset
from training.export import export, main
from training.model import Decoder
from training.sampling import generate


def run_of(preset: Preset, done: Path, out: Path) -> Decoder:
    """A run whose only checkpoint is of this preset, with weights far enough from zero; returns its model."""
    meta = checkpoint.read_meta(done / "checkpoints/step-000012")
    kv_heads = 2 if preset == "llama" else 4
    config = Config(preset=preset, layers=2, width=32, heads=4, kv_heads=kv_heads).model(265, 32)
    model = Decoder(config).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            mean = float(parameter.ndim == 1 and name.endswith("weight"))
            parameter.normal_(mean, 0.05 if parameter.ndim == 1 else 0.15, generator=generator)
    state = {"none/step": torch.zeros(1)}
    checkpoint.save(out / "checkpoints", replace(meta, model=asdict(config)), dict(model.named_parameters()), state)
    return model


@pytest.mark.parametrize("preset", ["nanochat", "gpt2", "llama"])
@pytest.mark.filterwarnings("ignore")  # transformers' own
def test_logits_and_greedy_text_of_the_exported_folder_equal_ours(
    dataset: Path, done: Path, tmp_path: Path, preset: Preset
) -> None:
    import transformers

    model = run_of(preset, done, tmp_path / "run")
    out = export(tmp_path / "run", dataset, tmp_path / "hf")
    other, loading = transformers.AutoModelForCausalLM.from_pretrained(out, output_loading_info=True)
    assert not any(loading[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    ids = torch.randint(0, 264, (2, 24), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ours, theirs = model.logits(ids), other(ids).logits
    assert ours.abs().max() > 0.5
    difference = float((ours - theirs).abs().max())
    sys.stdout.write(f"{preset}: logits up to {ours.abs().max():.2f}, apart by {difference:.1e}\n")  # with -s
    assert difference < 1e-5

    settings = Generate(tokens=8, temperature=0)
    text = other.generate(ids[:1, :6], max_new_tokens=8, do_sample=False, eos_token_id=None, pad_token_id=0)
    assert list(generate(model, ids[0, :6].tolist(), settings, seed=0)) == text[0, 6:].tolist()


def test_the_folder_holds_the_tokenizer_and_the_special_ids(dataset: Path, done: Path, tmp_path: Path) -> None:
    out = tmp_path / "hf"
    assert main(["--run", str(done), "--data", str(dataset), "--out", str(out)]) == 0
    assert (out / "tokenizer.json").read_bytes() == (dataset / "tokenizer/tokenizer.json").read_bytes()
    config = json.loads((out / "config.json").read_text())
    assert (config["bos_token_id"], config["eos_token_id"]) == (Dataset(dataset).layout.bos, None)


def test_what_cannot_be_exported_is_refused_with_a_sentence(
    dataset: Path, done: Path, done_with_values: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for run, out, place in ((done, tmp_path, str(tmp_path)), (done_with_values, tmp_path / "hf", "value_embeddings")):
        assert main(["--run", str(run), "--data", str(dataset), "--out", str(out)]) == 2
        assert place in capsys.readouterr().err
