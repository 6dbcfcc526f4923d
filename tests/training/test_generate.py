from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from trainings import arguments

from sharding import Dataset
from training.config import Config, Generate
from training.errors import InputError
from training.generate import TokenBytes, byte_characters, generate, main, pick, prompts
from training.model import make_model
from training.train import main as train

LOGITS = torch.tensor([0.0, 3.0, 1.0, 2.0, -5.0])


def test_every_byte_has_a_character_of_its_own() -> None:
    assert sorted(byte_characters().values()) == list(range(256))
    assert byte_characters()["Ġ"] == ord(" ")


@given(text=st.text())
def test_ids_are_decoded_to_the_text_they_came_from(dataset: Path, text: str) -> None:
    decoder = TokenBytes(dataset / "tokenizer")
    assert decoder.decode([264, *text.encode("utf-8")]) == text  # 264 is <|bos|>, which has no text


def test_merged_tokens_and_cut_characters_are_decoded_too(dataset: Path) -> None:
    decoder = TokenBytes(dataset / "tokenizer")
    assert decoder.decode([256, *"قلم".encode(), 9999]) == "القلم"
    assert decoder.decode("ق".encode()[:1]) == "\ufffd"
    with pytest.raises(InputError, match="is not a byte-level tokenizer"):
        TokenBytes(dataset)


def picked(settings: Generate) -> set[int]:
    generator = torch.Generator().manual_seed(0)
    return {pick(LOGITS, settings, generator) for _ in range(300)}


def test_temperature_top_k_and_top_p_bound_what_is_picked() -> None:
    assert picked(Generate(temperature=0)) == {1}
    assert picked(Generate(temperature=5, top_k=0)) == {0, 1, 2, 3, 4}
    assert picked(Generate(temperature=5, top_k=2)) == {1, 3}
    assert picked(Generate(temperature=1, top_k=0, top_p=0.01)) == {1}
    assert picked(Generate(temperature=1, top_k=0, top_p=0.8)) == {1, 3}


def test_generation_is_a_function_of_the_seed_and_ends_at_the_stop_or_the_context() -> None:
    model = make_model(Config(preset="gpt2", layers=1, width=16).model(50, 24), 0).eval()
    settings = Generate(tokens=40, temperature=1.0, top_k=0)
    one, again, other = (list(generate(model, [1, 2, 3, 4], settings, seed)) for seed in (1, 1, 2))
    assert one == again != other
    assert len(one) == 20  # the context has no more
    end = one[3]
    assert list(generate(model, [1, 2, 3, 4], settings, 1, stop=end)) == one[: one.index(end)]


def test_greedy_generation_equals_reading_everything_anew_for_each_id() -> None:
    model = make_model(Config(preset="llama", layers=2, width=16).model(50, 24), 3).eval()
    ids = [5, 6]
    for _ in range(10):
        with torch.no_grad():
            ids.append(int(model.logits(torch.tensor([ids]))[0, -1].argmax()))
    assert list(generate(model, [5, 6], Generate(tokens=10, temperature=0), 0)) == ids[2:]


def test_prompts_are_beginnings_of_validation_rows_arabic_first(dataset: Path) -> None:
    data = Dataset(dataset)
    found = prompts(data.validation, Generate(prompts=3, prompt_tokens=6))
    assert [stratum.language for stratum, _ in found] == ["arb_Arab", "arz_Arab", "eng_Latn"]
    for stratum, ids in found:
        rows = data.validation.read(range(stratum.first_row, stratum.first_row + stratum.rows))
        assert ids in rows.ids[:, :6].tolist()


@given(text=st.text())
def test_text_comes_a_character_at_a_time_and_adds_up(dataset: Path, text: str) -> None:
    pieces = list(TokenBytes(dataset / "tokenizer").stream(text.encode("utf-8")))
    assert [piece for piece in pieces if piece] == list(text)


def test_a_run_writes_text_the_same_for_a_seed_and_refuses_what_cannot_be(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(arguments(dataset, tmp_path / "run", steps=2)) == 0
    where = ["--run", str(tmp_path / "run"), "--data", str(dataset)]
    capsys.readouterr()

    def written(*more: str) -> str:
        assert main([*where, "--set", "tokens=8", *more]) == 0
        return capsys.readouterr().out

    assert written() == written()
    assert written() != written("--seed", "7")
    begun = written("--prompt", "the man", "--set", "temperature=0")
    assert begun.startswith("the man")
    assert begun == written("--prompt", "the man", "--set", "top_k=1", "--seed", "7")

    def refused(code: int, sentence: str, *more: str) -> None:
        assert main([*where, *more]) == code
        assert sentence in capsys.readouterr().err

    refused(2, "unknown key generate.temprature; did you mean generate.temperature", "--set", "temprature=1")
    refused(2, "--prompt has 102 tokens, and the model reads 32", "--prompt", "x " * 50 + "x")
    refused(2, "--prompt is empty", "--prompt", "")
    assert main(["--run", str(tmp_path), "--data", str(dataset)]) == 5
    assert "has no checkpoint" in capsys.readouterr().err
