"""Parsers to fuzz in this process: each is a sound file and a function that gives the parser other bytes for it.

`test_fuzz.py` mutates the file at random, `guided.py` keeps the mutations that reach new code.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from corpora.document_counts import DocumentCounter
from corpora.sources import find_source
from pipelines.errors import as_failure
from pipelines.run import state
from tokenization.model.import_foreign import open_tokenizer
from training.config_file import read_config
from training.errors import REPORTED

Attempt = Callable[[bytes], bool]
"""Give a parser these bytes. Return True if they were read, False if refused; raise for any other outcome."""
Parser = Callable[[Path], tuple[bytes, Attempt]]
"""Prepares a parser in an empty folder."""


def survives(parse: Callable[[], object]) -> bool:
    """Return True if `parse` returns, False if it refuses in one sentence. Raise every other exception."""
    try:
        parse()
    except BaseException as error:
        known = as_failure(error)
        if known is None and not isinstance(error, REPORTED):
            raise
        message = str(known or error)
        assert message, "a sentence"
        assert "\n" not in message.strip(), "one sentence"
        return False
    return True


def _of_file(path: Path, data: bytes, parse: Callable[[], object]) -> tuple[bytes, Attempt]:
    def attempt(other: bytes) -> bool:
        path.write_bytes(other)
        return survives(parse)

    return data, attempt


# -- tokenizers -------------------------------------------------------------------------------------------

_FILES = Path(__file__).resolve().parents[1]


def _tokenizer(name: str) -> Parser:
    """A file of a tokenizer folder of ours, 300 ids."""

    def prepare(folder: Path) -> tuple[bytes, Attempt]:
        from tokenization.model import Vocabulary, VocabularyLayout, adopted_files, pretoken_pattern, tokenizer_files
        from tokenization.training import count_pretokens, train_merges

        text = "كتاب وكتابان، the book and the books 12 345\n" * 30
        pattern = pretoken_pattern()
        merges = tuple(train_merges(count_pretokens([text], pattern), 280))
        for file, data in tokenizer_files(Vocabulary(VocabularyLayout(290, bpe=280), merges), pattern, {}).items():
            (folder / file).write_bytes(data)

        def parse() -> None:
            opened = open_tokenizer(folder)
            opened.decode(opened.encode(text[:200]))
            opened.check_golden()
            assert opened.pattern is None or isinstance(opened.pattern, str)
            adopted_files(opened)

        return _of_file(folder / name, (folder / name).read_bytes(), parse)

    return prepare


def _foreign(name: str) -> Parser:
    """A file of a folder in GPT-2's form, or ranks in tiktoken's."""

    def prepare(folder: Path) -> tuple[bytes, Attempt]:
        import base64

        from tokenization.model.alphabet import CHAR_OF_BYTE

        vocab = {char: byte for byte, char in enumerate(CHAR_OF_BYTE)} | {"ab": 256, "abc": 257, "<s>": 258}
        ranks = b"".join(b"%s %d\n" % (base64.b64encode(bytes([byte])), byte) for byte in range(256))
        files = {
            "vocab.json": json.dumps(vocab).encode(),
            "merges.txt": b"#version: 0.2\na b\nab c\n",
            "added_tokens.json": b'{"<s>": 258}',
            "tokenizer_config.json": b'{"bos_token": "<s>", "add_prefix_space": false, "unk_token": {"content": "a"}}',
            "gpt2.tiktoken": ranks + b"YWI= 256\n",
        }
        for file, data in files.items():
            (folder / file).write_bytes(data)
        named = folder / name if name.endswith(".tiktoken") else folder
        return _of_file(folder / name, files[name], lambda: open_tokenizer(named).encode("abc"))

    return prepare


def _sentencepiece(folder: Path) -> tuple[bytes, Attempt]:
    """A small SentencePiece model of type BPE."""
    from tests.sentencepiece_files import model_file

    data = model_file(["<unk>", "<s>", "</s>", "\u2581", "a", "b", "ab", "\u2581ab"], bpe=True)
    path = folder / "a.model"
    return _of_file(path, data, lambda: open_tokenizer(path).encode("abc"))


# -- records and configurations ---------------------------------------------------------------------------


def _record(model: type, example: dict[str, object]) -> Parser:
    def prepare(folder: Path) -> tuple[bytes, Attempt]:
        path = folder / "record.json"
        return _of_file(path, json.dumps(example).encode(), lambda: state.read_state(path, model))

    return prepare


def _trainer(folder: Path) -> tuple[bytes, Attempt]:
    path = folder / "train.yaml"
    return _of_file(path, b"{layers: 2, width: 64, lr: 1.0e-3, checkpoint: {every: 5}}\n", lambda: read_config(path))


# -- documents --------------------------------------------------------------------------------------------


def _source(source: str, name: str, data: bytes, **options: object) -> Parser:
    def prepare(folder: Path) -> tuple[bytes, Attempt]:
        def parse() -> None:
            opened, counter = find_source(source)(**options), DocumentCounter()
            for unit in opened.units([str(folder / name)]):
                for document in opened.documents(unit, counter):
                    counter.count_output(document)

        return _of_file(folder / name, data, parse)

    return prepare


LINES = (
    b'{"id": "1", "text": "\\u0646\\u0635", "language": "arb_Arab"}\n{"id": "2", "text": "two", "x": [1.5, null]}\n'
)
WIKI = (
    b'<doc id="1" url="https://a.example/1" title="A">\nA\n\nText.\n</doc>\n<doc id="2" title="B">\nB\n\nC\n</doc>\n'
)
OPENITI = b"######OpenITI#\n#META# 000.BookTITLE :: A\n#META#Header#End#\n# word ms001\n~~word PageV01P002\n### | A\n"
PARSERS: dict[str, Parser] = {
    "tokenizer.json": _tokenizer("tokenizer.json"),
    "tokenizer_meta.json": _tokenizer("tokenizer_meta.json"),
    "tokenizer_config.json": _tokenizer("tokenizer_config.json"),
    "token_bytes.npy": _tokenizer("token_bytes.npy"),
    "vocab.json": _foreign("vocab.json"),
    "merges.txt": _foreign("merges.txt"),
    "config of a foreign tokenizer": _foreign("tokenizer_config.json"),
    "tiktoken ranks": _foreign("gpt2.tiktoken"),
    "SentencePiece model": _sentencepiece,
    "plan record": _record(state.Plan, {"parts": ["a-00000"], "missing": [0], "began": 1.5}),
    "array record": _record(state.Array, {"launch": "a", "job": "7", "ranks": [0, 1], "per_job": 2}),
    "launch record": _record(state.Launch, {"launch": "a", "recipe": {"name": "a"}, "until": None}),
    "trainer's configuration": _trainer,
    "JSON lines": _source("jsonl", "a.jsonl", LINES),
    "plain text": _source("text", "a.txt", "نص\n\nآخر\n".encode()),
    "WikiExtractor, lines": _source("wikipedia", "wiki_00", WIKI),
    "OpenITI, lines": _source("openiti", "0001A.B.C1-ara1", OPENITI),
}


def prepared(name: str, folder: Path) -> tuple[bytes, Attempt]:
    """A parser in a folder of its own below `folder`, made anew."""
    own = folder / "".join(char if char.isalnum() else "-" for char in name)
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir(parents=True)
    return PARSERS[name](own)
