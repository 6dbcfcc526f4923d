from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sharding import Dataset
from training.config import Config, Generate
from training.detokenize import TokenBytes, byte_characters
from training.errors import InputError
from training.generate import main
from training.model import make_model
from training.sampling import generate, pick, prompts

LOGITS = torch.tensor([0.0, 3.0, 1.0, 2.0, -5.0])


@pytest.fixture(scope="module")
def decoder(dataset: Path) -> TokenBytes:
    return TokenBytes(dataset / "tokenizer")


def test_every_byte_has_a_character_of_its_own() -> None:
    assert sorted(byte_characters().values()) == list(range(256))
    assert byte_characters()["Ġ"] == ord(" ")


@given(text=st.text())
def test_ids_are_decoded_to_the_text_that_was_encoded(decoder: TokenBytes, text: str) -> None:
    assert decoder.decode([264, *text.encode("utf-8")]) == text  # 264 is <|bos|>, which has no text
    pieces = list(decoder.stream(text.encode("utf-8")))
    assert [piece for piece in pieces if piece] == list(text)  # a character at a time


def test_merged_tokens_and_incomplete_characters_are_decoded_too(dataset: Path, decoder: TokenBytes) -> None:
    assert decoder.decode([256, *"قلم".encode(), 9999]) == "القلم"
    assert decoder.decode("ق".encode()[:1]) == "\ufffd"
    with pytest.raises(InputError, match=r"tokenizer\.json .*generate\.prompts 0"):
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
    first, again, other = (list(generate(model, [1, 2, 3, 4], settings, seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert len(first) == 20  # up to the end of the context
    end = first[3]
    assert list(generate(model, [1, 2, 3, 4], settings, 1, stop=end)) == first[: first.index(end)]


def test_greedy_generation_with_a_cache_equals_reading_the_whole_text_for_each_id() -> None:
    model = make_model(Config(preset="llama", layers=2, width=16).model(50, 24), 3).eval()
    ids = [5, 6]
    for _ in range(10):
        with torch.no_grad():
            ids.append(int(model.logits(torch.tensor([ids]))[0, -1].argmax()))
    assert list(generate(model, [5, 6], Generate(tokens=10, temperature=0), 0)) == ids[2:]


def test_prompts_are_beginnings_of_validation_rows_arabic_first(dataset: Path) -> None:
    data = Dataset(dataset)
    chosen = prompts(data.validation, Generate(prompts=3, prompt_tokens=6))
    assert [stratum.language for stratum, _ in chosen] == ["arb_Arab", "arz_Arab", "eng_Latn"]
    for stratum, ids in chosen:
        rows = data.validation.read(range(stratum.first_row, stratum.first_row + stratum.rows))
        assert ids in rows.ids[:, :6].tolist()


def test_a_run_writes_the_same_text_for_a_seed_and_refuses_invalid_options(
    dataset: Path, done: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--run", str(done), "--data", str(dataset)]
    capsys.readouterr()

    def written(*more: str) -> str:
        assert main([*where, "--set", "tokens=8", *more]) == 0
        return capsys.readouterr().out

    assert written() == written()
    assert written() != written("--seed", "7")
    continued = written("--prompt", "the man", "--set", "temperature=0")
    assert continued.startswith("the man")
    assert continued == written("--prompt", "the man", "--set", "top_k=1", "--seed", "7")

    def refused(place: str, mend: str, *more: str) -> None:
        assert main([*where, *more]) == 2
        message = capsys.readouterr().err
        assert place in message
        assert mend in message

    refused("generate.temprature", "generate.temperature", "--set", "temprature=1")
    refused("--prompt has 102 tokens", "shorten", "--prompt", "x " * 50 + "x")
    refused("--prompt is empty", "remove it", "--prompt", "")
