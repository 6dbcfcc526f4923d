"""The exported folders against transformers, llama.cpp and lm-evaluation-harness, which are independent of ours."""

import json
import os
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiktoken
import torch
from engines import fuzzed
from task_files import QUESTIONS, write_tasks
from tiktoken.load import load_tiktoken_bpe
from trainings import VARIANTS, model_of, save

from sharding import Dataset
from sharding.seal import Sealed
from tokenization.model import Tokenizer
from training.config import Generate
from training.export import export, main
from training.export_hf import Tokenizer as ExportedTokenizer
from training.model import Decoder
from training.sampling import generate

TEXTS = ["", "وستكتبونها غدا", "don't <|bos|>\n\n  كَتَبَ 1234", "x"]
pytestmark = pytest.mark.filterwarnings("ignore")  # of the other libraries


@pytest.fixture(scope="module")
def data(built: Path) -> Dataset:
    """A dataset of real text with a real tokenizer."""
    return Dataset(built / "dataset", schedule=None)


@pytest.fixture(scope="module")
def exported(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], tuple[Decoder, Path]]:
    """Return a function from variant and format to the model and its exported folder, made once."""
    made: dict[tuple[str, str], tuple[Decoder, Path]] = {}
    base = tmp_path_factory.mktemp("exported")

    def make(variant: str, to: str) -> tuple[Decoder, Path]:
        if (variant, to) not in made:
            model = model_of(variant, data.vocab_size, data.row_tokens)
            run = save(model, data, base / f"{variant}-{to}-run")
            arguments = [
                "--run",
                str(run),
                "--data",
                str(data.path),
                "--to",
                to,
                "--out",
                str(base / f"{variant}-{to}"),
            ]
            assert main(arguments) == 0
            made[variant, to] = model, base / f"{variant}-{to}"
        return made[variant, to]

    return make


# -- Hugging Face -----------------------------------------------------------------------------------------


def opened(folder: Path) -> Any:
    import transformers

    model, loading = transformers.AutoModelForCausalLM.from_pretrained(
        folder, output_loading_info=True, trust_remote_code=True
    )
    assert not any(loading[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    return model.eval()


@pytest.mark.parametrize("variant", VARIANTS)
def test_logits_and_greedy_text_of_the_exported_folder_equal_ours(
    exported: Callable[[str, str], tuple[Decoder, Path]], variant: str
) -> None:
    model, out = exported(variant, "hf")
    other = opened(out)
    ids = torch.randint(0, 1000, (2, 24), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ours, theirs = model.logits(ids), other(ids).logits
    assert ours.abs().max() > 0.5
    difference = float((ours - theirs).abs().max())
    sys.stdout.write(f"{variant}: logits up to {ours.abs().max():.2f}, apart by {difference:.1e}\n")  # with -s
    assert difference < 1e-5

    greedy = {"max_new_tokens": 8, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    expected = [
        list(generate(model, prompt, Generate(tokens=8, temperature=0), seed=0))
        for prompt in (ids[0, :6].tolist(), ids[1, :3].tolist())
    ]
    assert other.generate(ids[:1, :6], **greedy)[0, 6:].tolist() == expected[0]
    padded = torch.stack([ids[0, :6], torch.cat([torch.zeros(3, dtype=torch.int64), ids[1, :3]])])
    mask = torch.tensor([[1] * 6, [0] * 3 + [1] * 3])
    assert other.generate(padded, attention_mask=mask, **greedy)[:, 6:].tolist() == expected
    labels = ids.clone()
    labels[0, :5] = -100
    assert torch.isfinite(other(ids, labels=labels).loss)


def test_a_model_with_value_embeddings_holds_its_code_which_is_named_and_saves_itself(
    exported: Callable[[str, str], tuple[Decoder, Path]], tmp_path: Path
) -> None:
    model, out = exported("values", "hf")
    config = json.loads((out / "config.json").read_text())
    assert config["auto_map"]["AutoModelForCausalLM"] == "modeling_arcorp.ArcorpForCausalLM"
    assert (out / "modeling_arcorp.py").is_file()
    other = opened(out)
    other.save_pretrained(tmp_path / "again")
    ids = torch.arange(20)[None]
    with torch.no_grad():
        again, half = opened(tmp_path / "again"), other.bfloat16()
        assert torch.equal(again(ids).logits, opened(out)(ids).logits)
        assert (half(ids).logits - model.logits(ids)).abs().max() < 0.5


def test_configuration_and_tokenizer_name_the_ids_that_were_trained(
    exported: Callable[[str, str], tuple[Decoder, Path]], data: Dataset
) -> None:
    from transformers import AutoTokenizer

    _, out = exported("llama", "hf")
    layout, ours = data.layout, Tokenizer.load(data.tokenizer)
    for name in ("config.json", "generation_config.json"):
        config = json.loads((out / name).read_text())
        assert (config["bos_token_id"], config["eos_token_id"]) == (layout.bos, layout.end)
        assert config["pad_token_id"] == ours.pad
    auto = AutoTokenizer.from_pretrained(str(out))
    assert (auto.bos_token_id, auto.eos_token_id, auto.pad_token_id) == (layout.bos, layout.end, ours.pad)
    assert auto.model_max_length == data.row_tokens
    meta = json.loads((data.tokenizer / "tokenizer_meta.json").read_bytes())
    ranks = tiktoken.Encoding(
        "arcorp",
        pat_str=meta["pattern"],
        mergeable_ranks=load_tiktoken_bpe(str(data.tokenizer / "tokenizer.tiktoken")),
        special_tokens=meta["layout"]["specials"],
    )
    for text in [*TEXTS, *fuzzed(50, seed=3)]:
        ids = auto(text, split_special_tokens=True)["input_ids"]
        assert ids == [layout.bos, *ours.encode(text)] == [layout.bos, *ranks.encode_ordinary(text)]
    assert auto("<|eos|>")["input_ids"] == [layout.bos, ours.eos]
    assert auto.decode(auto("نص")["input_ids"], skip_special_tokens=True) == "نص"


@pytest.mark.parametrize(("bos", "eos"), [(True, False), (False, True), (False, False)])
def test_bos_and_the_end_follow_the_rows_and_not_the_tokenizers_roles(
    data: Dataset, tmp_path: Path, bos: bool, eos: bool
) -> None:
    from dataclasses import replace

    from transformers import AutoTokenizer

    layout = replace(data.layout, bos=data.layout.bos if bos else None, eos=data.layout.eos if eos else None)
    ours = Tokenizer.load(data.tokenizer)
    for name, value in ExportedTokenizer(Sealed(data.path, "pack"), layout).files(64).items():
        (tmp_path / name).write_text(json.dumps(value))
    auto = AutoTokenizer.from_pretrained(str(tmp_path))
    assert auto("نص")["input_ids"] == [*([ours.bos] if bos else []), *ours.encode("نص")]
    end = {(True, False): ours.bos, (False, True): ours.eos, (False, False): None}[bos, eos]
    assert (auto.bos_token_id, auto.eos_token_id) == (ours.bos if bos else None, end)


def test_exported_files_can_be_read_by_those_whom_the_umask_admits(data: Dataset, tmp_path: Path) -> None:
    run = save(model_of("gpt2", data.vocab_size, data.row_tokens), data, tmp_path / "run")
    before = os.umask(0o027)
    try:
        out = export(run, data.path, tmp_path / "hf")
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()} == {0o640}


def test_what_cannot_be_exported_is_refused_with_a_sentence(
    dataset: Path, done: Path, data: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(code: int, *places: str, run: Path = done, rows: Path = dataset, **more: str) -> None:
        flags = {"--out": str(tmp_path / "new"), **{f"--{name}": value for name, value in more.items()}}
        assert (
            main(["--run", str(run), "--data", str(rows), *(word for pair in flags.items() for word in pair)]) == code
        )
        message = capsys.readouterr().err.splitlines()[-1]
        assert message.startswith("error: ")
        assert all(place in message for place in places), message

    refused(2, str(tmp_path), out=str(tmp_path))
    refused(5, str(tmp_path / "none"), "no checkpoint", run=tmp_path / "none")
    refused(2, str(done), "give the dataset of the run", rows=data.path)
    refused(2, "nanochat", "--to hf", to="gguf")
    shutil.copytree(done, tmp_path / "damaged")
    for path in (tmp_path / "damaged/checkpoints").glob("*/model.safetensors"):
        path.write_bytes(path.read_bytes()[:-8])
    refused(4, str(tmp_path / "damaged"), run=tmp_path / "damaged")


# -- GGUF -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["llama", "gpt2"])
def test_llama_cpp_gives_the_same_ids_and_greedy_text(
    exported: Callable[[str, str], tuple[Decoder, Path]], data: Dataset, variant: str
) -> None:
    llama_cpp = pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed: pip install it (compiles)")
    model, out = exported(variant, "gguf")
    ours = Tokenizer.load(data.tokenizer)
    other = llama_cpp.Llama(str(out / "model.gguf"), n_ctx=data.row_tokens, verbose=False, n_threads=1)
    assert (other.token_bos(), other.token_eos()) == (data.layout.bos, data.layout.end)
    for text in [*TEXTS, *fuzzed(200, seed=4)]:
        if "\x00" not in text and "'ſ" not in text:  # C strings; a contraction in one case only there
            ids = other.tokenize(text.encode(), add_bos=True, special=False)
            assert ids == [data.layout.bos, *ours.encode(text)], repr(text)
    prompt = [data.layout.bos, *ours.encode("السلام عليكم ورحمة")]
    expected = list(generate(model, prompt, Generate(tokens=24, temperature=0), seed=0, stop=data.layout.end))
    theirs = []
    for token in other.generate(prompt, temp=0, repeat_penalty=1.0):
        if token == other.token_eos() or len(theirs) == 24:
            break
        theirs.append(token)
    other.close()
    assert theirs == expected


@pytest.mark.parametrize(
    ("edit", "place"),
    [
        ({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "x"}}}, "pattern"),
        ({"normalizer": {"type": "NFC"}}, "changes texts"),
        ({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True}}, "changes texts"),
    ],
)
def test_a_tokenizer_that_llama_cpp_cannot_express_is_refused(
    data: Dataset, tmp_path: Path, edit: dict[str, Any], place: str
) -> None:
    from training.errors import ConfigError
    from training.export_gguf import _pattern

    config = json.loads((data.tokenizer / "tokenizer.json").read_bytes())
    assert _pattern(config, "tokenizer.json") == "qwen35"
    with pytest.raises(ConfigError, match=rf"tokenizer\.json: .*{place}.*--to hf"):
        _pattern(config | edit, "tokenizer.json")


# -- lm-evaluation-harness --------------------------------------------------------------------------------


@pytest.mark.slow
def test_lm_eval_scores_the_folders_of_all_presets(
    exported: Callable[[str, str], tuple[Decoder, Path]],
    data: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    lm_eval = pytest.importorskip("lm_eval", reason="lm-eval is not installed: pip install 'arcorp[evaluate]'")
    from lm_eval.tasks import TaskManager

    kinds = ("multiple_choice", "generate_until")
    tasks = write_tasks(tmp_path / "tasks", kinds, QUESTIONS[:2])
    for variant in VARIANTS:
        model, out = exported(variant, "hf")
        result = lm_eval.simple_evaluate(
            model="hf",
            model_args={"pretrained": str(out), "trust_remote_code": True, "dtype": "float32", "add_bos_token": True},
            tasks=[f"own_{kind}" for kind in kinds],
            task_manager=TaskManager(include_path=str(tasks), include_defaults=False),
            device="cpu",
            batch_size=2,
            bootstrap_iters=0,
        )
        ours = Tokenizer.load(data.tokenizer)
        for sample in result["samples"]["own_multiple_choice"]:
            question = [data.layout.bos, *ours.encode(sample["doc"]["question"])]
            for choice, ((nats, _),) in zip(sample["doc"]["choices"], sample["resps"], strict=True):
                answer = ours.encode(sample["doc"]["question"] + choice)[len(question) - 1 :]
                with torch.no_grad():
                    logits = model.logits(torch.tensor([question + answer]))[0, len(question) - 1 : -1]
                expected = logits.log_softmax(-1).gather(1, torch.tensor(answer)[:, None]).sum()
                assert nats == pytest.approx(float(expected), abs=1e-3), (variant, choice)
