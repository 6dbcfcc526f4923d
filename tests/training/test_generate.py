from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sharding import Dataset
from training.config import Config, Generate, Preset
from training.detokenize import TokenBytes, byte_characters
from training.errors import InputError
from training.generate import main
from training.model import make_model
from training.sampling import generate, generate_rows, pick, prompts

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


def test_generation_is_a_function_of_the_seed_and_ends_at_the_stop_or_after_its_tokens() -> None:
    model = make_model(Config(preset="gpt2", layers=1, width=16).model(50, 24), 0).eval()
    settings = Generate(tokens=20, temperature=1.0, top_k=0)
    first, again, other = (list(generate(model, [1, 2, 3, 4], settings, seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert len(first) == 20
    end = first[3]
    assert list(generate(model, [1, 2, 3, 4], settings, 1, stop=end)) == first[: first.index(end)]


def test_greedy_generation_with_a_cache_equals_reading_the_whole_text_for_each_id() -> None:
    model = make_model(Config(preset="llama", layers=2, width=16).model(50, 24), 3).eval()
    ids = [5, 6]
    for _ in range(10):
        with torch.no_grad():
            ids.append(int(model.logits(torch.tensor([ids]))[0, -1].argmax()))
    assert list(generate(model, [5, 6], Generate(tokens=10, temperature=0), 0)) == ids[2:]


@pytest.mark.parametrize("preset", ["nanochat", "gpt2"])
def test_generation_continues_beyond_the_context_from_the_last_half_of_it(preset: Preset) -> None:
    model = make_model(Config(preset=preset, layers=1, width=16).model(50, 24), 0).eval()
    ids = [1, 2, 3, 4, *generate(model, [1, 2, 3, 4], Generate(tokens=60, temperature=0), 0)]
    for begin, read in ((0, 4), (13, 25), (26, 38)):  # ids that the model has read before it writes the next ones
        settings = Generate(tokens=begin + 25 - read, temperature=0)
        assert ids[read : begin + 25] == list(generate(model, ids[begin:read], settings, 0))
    assert len(ids) == 64


def test_prompts_that_are_continued_together_equal_each_alone_though_some_end_before() -> None:
    model = make_model(Config(preset="llama", layers=2, width=16).model(9, 24), 3).eval()
    settings, starts = Generate(tokens=40, temperature=1.0, top_k=0), [[id, 1] for id in range(9)]
    together: list[list[int]] = [[] for _ in starts]
    for step in generate_rows(model, starts, settings, range(9), 7):
        for number, id in step.items():
            together[number].append(id)
    assert together == [list(generate(model, start, settings, n, 7)) for n, start in enumerate(starts)]
    assert len({len(ids) for ids in together}) > 3


def test_prompts_begin_validation_rows_of_each_stratum_arabic_and_beginnings_of_documents_first(dataset: Path) -> None:
    data = Dataset(dataset)
    chosen = prompts(data.validation, Generate(prompts=3, prompt_tokens=6))
    assert "Arab" in str(chosen[0][0].language)
    for stratum, ids in chosen:
        rows = data.validation.read(range(stratum.first_row, stratum.first_row + stratum.rows))
        (row, *_) = np.flatnonzero((rows.ids[:, :6] == ids).all(axis=1))
        begins = [segments[0]["offset"] == 0 for segments in rows.segments]
        assert begins[row] or not any(begins & ~rows.starts[:, 1:6].any(axis=1))
    assert {stratum.language for stratum, _ in chosen} == {"arb_Arab", "arz_Arab", "eng_Latn"}
    longer = prompts(data.validation, Generate(prompts=9, prompt_tokens=data.row_tokens - 1))
    assert {stratum.language for stratum, _ in longer} == {"arb_Arab", "arz_Arab", "eng_Latn"}


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
    assert written("--prompt", "<|bos|>the").startswith("<|bos|>the")  # a name stays text, and has no id of its own

    def refused(place: str, mend: str, *more: str) -> None:
        assert main([*where, *more]) == 2
        message = capsys.readouterr().err
        assert place in message
        assert mend in message

    refused("generate.temprature", "generate.temperature", "--set", "temprature=1")
    refused("--prompt has 102 tokens", "shorten", "--prompt", "x " * 50 + "x")
    refused("--prompt is empty", "remove it", "--prompt", "")
