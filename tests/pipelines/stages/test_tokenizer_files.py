"""Tokenizers of other programs are imported, and tokenizers are exported for other programs."""

import json
from pathlib import Path

import tiktoken
from tiktoken.load import load_tiktoken_bpe
from tokenizers import ByteLevelBPETokenizer
from transformers import AutoTokenizer

from pipelines import cli
from tokenization.model import Tokenizer, open_tokenizer

TEXT = "وستكتبونها غدا — don't, 1234 <|bos|>\n\n  كَتَبَ"


def test_an_imported_tokenizer_encodes_documents(built: Path, tmp_path: Path, capsys) -> None:
    raw = tmp_path / "aragpt2"
    raw.mkdir()
    trainer = ByteLevelBPETokenizer()
    trainer.train_from_iterator([TEXT] * 9, vocab_size=400, special_tokens=["<|endoftext|>"], show_progress=False)
    trainer.save_model(str(raw))
    (raw / "tokenizer_config.json").write_text('{"bos_token": "<|endoftext|>"}')
    assert cli.run(["tokenizer", "import", str(raw), "--out", str(tmp_path / "own"), "--format", "quiet"]) == 0
    command = ["tokenize", str(built / "unique"), "--out", str(tmp_path / "tokens"), "--workers", "1", "--tokenizer"]
    assert cli.run([*command, str(tmp_path / "own")]) == 0
    own = Tokenizer.load(tmp_path / "own")
    assert own.bos == 0
    assert own.check_golden() > 8
    summary = json.loads((tmp_path / "tokens" / "manifest.json").read_bytes())["summary"]
    assert (summary["vocab_size"], summary["parts_by_reference"]) == (own.vocab_size, 0)
    assert cli.run(["verify", str(tmp_path / "own")]) == 0


def test_the_message_for_a_tokenizer_that_was_not_imported_has_the_import_command(
    built: Path, tmp_path: Path, capsys
) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "tokenizer.json").write_bytes((built / "tokenizer" / "tokenizer.json").read_bytes())
    command = ["tokenize", str(built / "unique"), "--tokenizer", str(tmp_path / "raw"), "--out", str(tmp_path / "out")]
    assert cli.run(command) == 2
    assert f"arcorp tokenizer import {tmp_path / 'raw'} --out DIR" in capsys.readouterr().err


def test_exported_tokenizers_give_the_same_ids_in_other_engines(built: Path, tmp_path: Path) -> None:
    ours = Tokenizer.load(built / "tokenizer")
    for to in ("hf", "tiktoken", "arrays"):
        command = ["tokenizer", "export", str(built / "tokenizer"), "--to", to, "--out", str(tmp_path / to)]
        assert cli.run(command) == 0
    assert AutoTokenizer.from_pretrained(str(tmp_path / "hf"))(TEXT)["input_ids"] == ours.encode(TEXT)
    meta = json.loads((tmp_path / "tiktoken" / "tokenizer_meta.json").read_bytes())
    ranks = tiktoken.Encoding(
        "ours",
        pat_str=meta["pattern"],
        mergeable_ranks=load_tiktoken_bpe(str(tmp_path / "tiktoken" / "tokenizer.tiktoken")),
        special_tokens=meta["layout"]["specials"],
    )
    assert ranks.encode_ordinary(TEXT) == ours.encode(TEXT)
    assert open_tokenizer(tmp_path / "tiktoken" / "tokenizer.tiktoken").encode(TEXT) == ours.encode(TEXT)
    for name in ("token_bytes.npy", "token_chars.npy"):
        assert (tmp_path / "arrays" / name).read_bytes() == (built / "tokenizer" / name).read_bytes()


def test_a_tokenizer_that_tiktoken_cannot_express_is_not_exported_to_it(built: Path, tmp_path: Path, capsys) -> None:
    config = json.loads((built / "tokenizer" / "tokenizer.json").read_bytes())
    config["normalizer"] = {"type": "NFC"}
    (tmp_path / "tokenizer.json").write_text(json.dumps(config))
    command = ["tokenizer", "export", str(tmp_path), "--to", "tiktoken", "--out", str(tmp_path / "out")]
    assert cli.run(command) == 2
    assert "--to hf" in capsys.readouterr().err
