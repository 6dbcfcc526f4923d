"""Tokenizers of other programs are imported, and tokenizers are exported for other programs."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import tiktoken
from tiktoken.load import load_tiktoken_bpe
from tokenizers import ByteLevelBPETokenizer
from transformers import AutoTokenizer

from pipelines import cli
from tokenization.model import Encoder, Tokenizer, open_tokenizer

TEXT = "وستكتبونها غدا — don't, 1234 <|bos|>\n\n  كَتَبَ"
PREFIX = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
"""Changes texts, and is known to `engine_differences`: others are tried with all code points."""


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
    auto = AutoTokenizer.from_pretrained(str(tmp_path / "hf"))
    assert auto(TEXT, split_special_tokens=True)["input_ids"] == ours.encode(TEXT)
    assert ours.bos in auto(TEXT)["input_ids"]  # there the name of a special token is its id
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
    config["pre_tokenizer"] = PREFIX
    (tmp_path / "tokenizer.json").write_text(json.dumps(config))
    command = ["tokenizer", "export", str(tmp_path), "--to", "tiktoken", "--out", str(tmp_path / "out")]
    assert cli.run(command) == 2
    assert "--to hf" in capsys.readouterr().err


def raw_folder(built: Path, folder: Path, **config: object) -> Path:
    """A folder of another program: a tokenizer.json of ours, and the settings of `config`."""
    folder.mkdir()
    (folder / "tokenizer.json").write_bytes((built / "tokenizer" / "tokenizer.json").read_bytes())
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def test_an_import_keeps_the_template_the_length_and_the_roles_of_a_folder(built: Path, tmp_path: Path) -> None:
    template = "{% for m in messages %}{{ m.content }}<|eos|>{% endfor %}"
    kept = {"model_max_length": 4096, "bos_token": "<|bos|>", "pad_token": {"content": "<|pad|>"}}
    more = {"sep_token": "<|eos|>", "unk_token": "<unheard>", "additional_special_tokens": ["<|bos|>"]}
    raw = raw_folder(built, tmp_path / "raw", chat_template=template, **kept, **more)
    (tmp_path / "file").mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "file" / name).write_bytes((raw / name).read_bytes())
    (tmp_path / "file" / "chat_template.jinja").write_text("{{ 'newer' }}")
    for folder, shown in (("raw", "سلام<|eos|>"), ("file", "newer")):
        out = tmp_path / f"own-{folder}"
        assert cli.run(["tokenizer", "import", str(tmp_path / folder), "--out", str(out)]) == 0
        auto = AutoTokenizer.from_pretrained(str(out))
        assert auto.apply_chat_template([{"role": "user", "content": "سلام"}], tokenize=False) == shown
        assert (auto.model_max_length, auto.bos_token, auto.pad_token) == (4096, "<|bos|>", "<|pad|>")
        assert (auto.sep_token, auto.eos_token, auto.unk_token) == ("<|eos|>", None, None)
        assert len(auto) == Tokenizer.load(out).vocab_size


def test_roles_are_given_to_a_tokenizer_that_has_none_and_pack_uses_them(built: Path, tmp_path: Path, capsys) -> None:
    raw, own = raw_folder(built, tmp_path / "raw"), tmp_path / "own"
    command = ["tokenizer", "import", str(raw), "--out", str(own)]
    assert cli.run([*command, "--eos", "<|nothing|>"]) == 3
    error = capsys.readouterr().err
    assert all(part in error for part in (str(raw), "--eos", "<|eos|>"))
    assert cli.run([*command, "--bos", "<|bos|>", "--eos", "<|eos|>", "--pad", "<|bos|>"]) == 0
    tokenizer, ours = Tokenizer.load(own), Tokenizer.load(built / "tokenizer")
    assert (tokenizer.bos, tokenizer.eos, tokenizer.pad) == (ours.bos, ours.eos, ours.bos)
    assert tokenizer.sha256 == ours.sha256
    tokens = ["tokenize", str(built / "unique"), "--workers", "1", "--tokenizer"]
    pack = ["pack", "--row-tokens", "64", "--set", "validation.share=0.02", "--eos", "--workers", "1"]
    bare = tmp_path / "bare"
    assert cli.run(["tokenizer", "import", str(raw), "--out", str(bare)]) == 0
    for folder, code in ((own, 0), (bare, 2)):
        assert cli.run([*tokens, str(folder), "--out", str(tmp_path / f"{folder.name}-tokens")]) == 0
        assert cli.run([*pack, str(tmp_path / f"{folder.name}-tokens"), "--out", f"{folder}-rows"]) == code
    assert "arcorp tokenizer import --eos" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        ({"normalizer": {"type": "NFKC"}}, "NFKC"),
        ({"normalizer": {"type": "Sequence", "normalizers": [{"type": "Lowercase"}]}}, "Lowercase"),
        ({"pre_tokenizer": PREFIX}, "add_prefix_space"),
        ({"added_tokens": [{"content": "في", "special": False, "lstrip": True}]}, "strips spaces"),
    ],
)
def test_a_tokenizer_that_changes_texts_is_refused_or_its_documents_are_counted(
    built: Path, tmp_path: Path, capsys, edit: dict, named: str
) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    config = json.loads((built / "tokenizer" / "tokenizer.json").read_bytes())
    for token in edit.pop("added_tokens", []):
        other = {"id": max(token["id"] for token in config["added_tokens"]) + 1}
        other |= dict.fromkeys(("single_word", "rstrip", "normalized"), False)
        config["added_tokens"].append(other | token)
    (raw / "tokenizer.json").write_text(json.dumps(config | edit))
    assert cli.run(["tokenizer", "import", str(raw), "--out", str(tmp_path / "own"), "--bos", "<|bos|>"]) == 0
    command = ["tokenize", str(built / "unique"), "--tokenizer", str(tmp_path / "own"), "--workers", "1"]
    assert cli.run([*command, "--out", str(tmp_path / "tokens")]) == 3
    error = capsys.readouterr().err
    assert all(part in error for part in (str(tmp_path / "own"), named, "--allow-lossy"))
    assert cli.run([*command, "--out", str(tmp_path / "tokens"), "--allow-lossy"]) == 0
    summary = json.loads((tmp_path / "tokens" / "manifest.json").read_bytes())["summary"]
    tokenizer, texts = Tokenizer.load(tmp_path / "own"), []
    for path in sorted((built / "unique").glob("part-*.parquet")):
        texts += pq.read_table(path)["text"].to_pylist()
    assert summary["changed"] == sum(tokenizer.decode(tokenizer.encode(text)) != text for text in texts)
    assert bool(summary["changed"]) == (named != "NFKC")  # which these documents have been through


def test_a_length_in_tokenizer_json_cuts_no_document(built: Path, tmp_path: Path) -> None:
    config = json.loads((built / "tokenizer" / "tokenizer.json").read_bytes())
    cut = {"max_length": 8, "stride": 0, "strategy": "LongestFirst", "direction": "Right"}
    pad = {"strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": None}
    pad |= {"pad_id": 0, "pad_type_id": 0, "pad_token": "<|pad|>"}
    (tmp_path / "tokenizer.json").write_text(json.dumps(config | {"truncation": cut, "padding": pad}))
    ours, other = Tokenizer.load(built / "tokenizer"), Tokenizer.load(tmp_path)
    texts = [TEXT * 9, "x"]
    expected = [ours.encode(text) for text in texts]
    assert [other.encode(text) for text in texts] == expected
    part = Encoder(other).encode_part(texts, "part")
    assert part.engine == "fastokens"
    assert [batch.ids.tolist() for batch in part.batches] == [[*expected[0], *expected[1]]]
