"""Experiments with merges, each a plain tokenizer.json: `python -m benchmarks.tokenization.experiments NAME`.

length      the score of a pair is its count times the length of the joined token (Length-MAX's objective, 2511.20849)
superwords  28,000 ids of `soft` at share 1, then 4,000 merges across a space, in pieces of up to eight words
            (SuperBPE, 2503.13423); `--size` sets the number of all ids
quota       `soft` with more Arabic ids than plain BPE has, at several shares: what news, English and code then cost
cuts        what the tokens of `soft` are: true cuts and false ones a word, ids that are in the vocabulary with a space
            and without, and the fewest tokens that the same vocabulary could write a text with
arabic      plain BPE of Arabic text alone: of all of it, without vocalised text, and of news and encyclopaedias; with
            single digits and with runs of up to three, beside AraNizer: on which words it spends its tokens
parity      each merge is chosen for the variety that needs the most tokens a character (2606.15044)

Each is compared with the merges that it would replace, from the same text, on held-out documents: tokens a word by
kind, and boundary F1 on the running text of WikiNews. `length` and `parity` have 16,000 Arabic ids, from the words of
19 of 20 documents that occur often enough; the trainer is `pairs`. The result is a dated JSON. An experiment takes
some minutes of one core.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence, Set
from datetime import UTC, datetime
from itertools import accumulate, chain, product
from pathlib import Path
from typing import Any

from benchmarks.tokenization.frontier import ARABIC, Setting, documents, trained
from benchmarks.tokenization.pairs import Merge, Symbols, learned
from benchmarks.tokenization.public import CACHE, PUBLIC, held_out
from tokenization.model import (
    Tokenizer,
    Vocabulary,
    VocabularyLayout,
    open_tokenizer,
    pretoken_pattern,
    tokenizer_files,
)
from tokenization.morphology import Boundaries, Score, open_segmenter, read_gold, score
from tokenization.options import MorphologyOptions
from tokenization.training import boundary_flags, count_pretokens, train_merges

KINDS = {
    "news": ("arb_news",),
    "encyclopaedia": ("arb_wiki",),
    "classical": ("classical",),
    "Egyptian": ("arz",),
    "dialect": ("dialect",),
}
OTHERS = {"English": ("eng", "math"), "code": ("python",)}
TEXTS = {
    "all Arabic": ARABIC,
    "not vocalised": tuple(name for name in ARABIC if name != "hadith"),
    "news and encyclopaedia": ("arb",),
}
QUOTAS, SHARES = (0.66, 0.7, 0.74, 0.78), (0.91, 0.94)
CUT_SHARES, CUT_KINDS = (0.86, 0.91, 1.0), ("news", "encyclopaedia", "classical")
SIZE, ARABIC_IDS, MIN_COUNT = 32_000, 16_000, 5
ACROSS, SUPERWORD_CHARS = 8, 2_500_000  # share of the ids that are made across spaces: one of so many
PATTERN = pretoken_pattern()
WORD = r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+"
SUPERWORDS = WORD + r"(?: [\p{L}\p{M}]+){0,7}"
ARABIC_WORD = re.compile("(?: ?[\u0621-\u065f\u0670]+)")
NUMBER = re.compile(r"[\d.,:/%٪٫٬-]*\d[\d.,:/%٪٫٬-]*")
ARANIZER = "AraNizer SP 32k"
LINE = 40  # words of WikiNews that are read together
Gold = list[tuple[str, Boundaries]]
Words = dict[str, tuple[int, ...]]


def main() -> None:
    """Make, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=("length", "superwords", "parity", "quota", "cuts", "arabic"))
    parser.add_argument("--data", type=Path, required=True, help="folder with bulk/*.jsonl.zst")
    parser.add_argument("--gold", type=Path, required=True, help="wikinews_tokens.tsv")
    parser.add_argument("--size", type=int, default=SIZE, help="ids, where not 16,000")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    gold = read_gold(arguments.gold)
    texts = {kind: held_out(arguments.data, names) for kind, names in (KINDS | OTHERS).items()}
    makers: dict[str, Callable[[], dict[str, Tokenizer]]] = {
        "length": lambda: length(arguments.data),
        "superwords": lambda: superwords(arguments.data, arguments.size),
        "parity": lambda: parity(arguments.data),
        "quota": lambda: quota(arguments.data, arguments.size),
        "cuts": lambda: cuts(arguments.data, arguments.size),
        "arabic": lambda: arabic(arguments.data, arguments.size),
    }
    rows = []
    for name, tokenizer in makers[arguments.experiment]().items():
        rows.append({"tokenizer": name, **measured(tokenizer, texts, gold)})
        if arguments.experiment == "cuts":
            rows[-1] |= anatomy(tokenizer, {kind: texts[kind] for kind in CUT_KINDS}, gold)
        if arguments.experiment == "arabic":
            rows[-1]["of_words"] = {kind: of_words(tokenizer, texts[kind]) for kind in ("news", "encyclopaedia")}
        print(json.dumps(rows[-1], ensure_ascii=False), flush=True)
    name = arguments.experiment + (f"-{arguments.size}" if arguments.size != SIZE else "")
    path = arguments.out / f"experiment-{name}-{datetime.now(UTC):%Y-%m-%d}.json"
    path.write_text(json.dumps({"rows": rows}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def length(data: Path) -> dict[str, Tokenizer]:
    """Return merges by count, and by count x length of the joined token."""
    counts = _words(data, [("arb", "arz", "classical", "dialect")])
    scores: dict[str, Callable[[int, bytes], float]] = {
        "count": lambda count, _: count,
        "count x length": lambda count, joined: count * len(joined.decode()),
    }
    return {name: _of_words(counts, score=score) for name, score in scores.items()}


def parity(data: Path) -> dict[str, Tokenizer]:
    """Return merges by the count of all text, and merges each for the variety that needs the most tokens."""
    counts = _words(data, [("arb",), ("classical",), ("arz",), ("dialect",)])
    chars = [sum(len(word) * of_word[group] for word, of_word in counts.items()) for group in range(4)]
    together: Words = {word: (sum(of_word),) for word, of_word in counts.items()}
    return {"count": _of_words(together), "parity": _of_words(counts, references=chars)}


def superwords(data: Path, size: int) -> dict[str, Tokenizer]:
    """Return plain BPE, `soft`, `soft` at share 1, and a smaller one of it with merges across spaces."""
    counts = count_pretokens(documents(data, held_out=False), PATTERN)
    ends = boundary_flags(counts, open_segmenter("learned"))
    whole = MorphologyOptions("soft", share=1.0)
    across = size // ACROSS
    merges = train_merges(counts, size - across, morphology=whole, boundaries=ends)
    base = _tokenizer(merges, size - across)
    texts = chain.from_iterable(_beginning(data, names, SUPERWORD_CHARS // len(KINDS)) for names in KINDS.values())
    pattern = PATTERN.replace(WORD, SUPERWORDS)
    pieces = [piece for piece in count_pretokens(texts, pattern).items() if b" " in piece[0][1:]]
    merges += learned(
        [base.split(piece.decode()) for piece, _ in pieces],
        [(count,) for _, count in pieces],
        set(base.pieces),
        across,
        allowed=lambda _, right: right.startswith(b" "),
    )
    return {
        "plain": trained(counts, None, size, Setting(MorphologyOptions())),
        "soft": trained(counts, ends, size, Setting(MorphologyOptions("soft"))),
        "share 1": trained(counts, ends, size, Setting(whole)),
        "superwords": _tokenizer(merges, size, pattern),
    }


def quota(data: Path, size: int) -> dict[str, Tokenizer]:
    """Return plain BPE, and `soft` with several quotas and shares."""
    counts = count_pretokens(documents(data, held_out=False), PATTERN)
    ends = boundary_flags(counts, open_segmenter("learned"))
    made = {"plain": trained(counts, None, size, Setting(MorphologyOptions()))}
    for share, quota in product(SHARES, (None, *QUOTAS)):
        name = f"share {share}, quota {quota or 'of plain'}"
        made[name] = trained(counts, ends, size, Setting(MorphologyOptions("soft", share=share, quota=quota)))
    return made


def cuts(data: Path, size: int) -> dict[str, Tokenizer]:
    """Return plain BPE, and `soft` at several shares."""
    counts = count_pretokens(documents(data, held_out=False), PATTERN)
    ends = boundary_flags(counts, open_segmenter("learned"))
    made = {"plain": trained(counts, None, size, Setting(MorphologyOptions()))}
    for share in CUT_SHARES:
        made[f"share {share}"] = trained(counts, ends, size, Setting(MorphologyOptions("soft", share=share)))
    return made


def arabic(data: Path, size: int) -> dict[str, Tokenizer]:
    """Return plain BPE of Arabic text alone, and AraNizer."""
    made = {}
    for digits, (name, files) in product((1, 3), TEXTS.items()):
        counts = count_pretokens(documents(data, held_out=False, names=files), pretoken_pattern(digits))
        made[f"{name}, digits {digits}"] = trained(counts, None, size, Setting(MorphologyOptions(), digits=digits))
    return made | {ARANIZER: open_tokenizer(PUBLIC[ARANIZER].fetched(CACHE))}


def _beginning(data: Path, names: tuple[str, ...], chars: int) -> Iterator[str]:
    """Yield training documents of these files until there are enough characters."""
    for text in documents(data, held_out=False, names=names):
        yield text
        chars -= len(text)
        if chars <= 0:
            return


def _words(data: Path, groups: Sequence[tuple[str, ...]]) -> Words:
    """Return the frequent Arabic words, with the space before them, and their counts in each group of files."""
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0] * len(groups))
    for group, names in enumerate(groups):
        for piece, count in count_pretokens(documents(data, held_out=False, names=names), PATTERN).items():
            if count >= MIN_COUNT and ARABIC_WORD.fullmatch(word := piece.decode()):
                counts[word][group] = count
    return {word: tuple(each) for word, each in counts.items()}


def _of_words(words: Words, **options: Any) -> Tokenizer:
    """Return the tokenizer of merges that are learned from words; their letters are made first."""
    letters = sorted({char.encode() for word in words for char in word} - {b" "})
    known = {bytes([byte]) for byte in range(256)} | set(letters)
    symbols: list[Symbols] = [[char.encode() for char in word] for word in words]
    merges = learned(symbols, list(words.values()), known, ARABIC_IDS - len(known), **options)
    return _tokenizer([*((letter[:1], letter[1:]) for letter in letters), *merges], ARABIC_IDS)


def _tokenizer(merges: Sequence[Merge], size: int, pattern: str = PATTERN) -> Tokenizer:
    """Return the tokenizer of merges, and three special tokens."""
    files = tokenizer_files(Vocabulary(VocabularyLayout(size + 3), tuple(merges)), pattern, {})
    return Tokenizer(files["tokenizer.json"], name="tokenizer.json", meta={}, roles={})


def measured(tokenizer: Tokenizer, texts: dict[str, list[str]], gold: Gold) -> dict[str, Any]:
    """Return the tokens a word by kind, and the boundaries of WikiNews in running text."""
    tokens = {kind: sum(len(tokenizer.encode(text)) for text in own) for kind, own in texts.items()}
    words = {kind: sum(len(text.split()) for text in own) for kind, own in texts.items()}
    figures = in_running_text(tokenizer, gold).figures()
    return {
        "tokens_per_word": {kind: tokens[kind] / words[kind] for kind in texts},
        "wikinews": sum(len(tokenizer.split(text)) for text in _lines(gold)) / len(gold),
        **{name: figures[name] for name in ("f1", "precision", "recall")},
    }


def anatomy(tokenizer: Tokenizer, texts: dict[str, list[str]], gold: Gold) -> dict[str, Any]:
    """Return the true and the false cuts a word of WikiNews, the Arabic ids, those that are there with a space and
    without, and by kind the tokens a word and the fewest that the same vocabulary needs.
    """
    result = in_running_text(tokenizer, gold)
    vocabulary = {piece for piece in tokenizer.pieces if piece}
    longest = max(map(len, vocabulary))
    arabic = {piece for piece in vocabulary if ARABIC_WORD.fullmatch(piece.decode(errors="replace"))}
    fewest = {}
    for kind, own in texts.items():
        pieces = count_pretokens(own, PATTERN).items()
        tokens = sum(shortest(piece, vocabulary, longest) * count for piece, count in pieces)
        fewest[kind] = tokens / sum(len(text.split()) for text in own)
    return {
        "true_cuts": result.hits / len(gold),
        "false_cuts": (result.predicted - result.hits) / len(gold),
        "arabic_ids": len(arabic),
        "with_and_without_space": sum(b" " + piece in arabic for piece in arabic),
        "fewest_tokens_per_word": fewest,
    }


def of_words(tokenizer: Tokenizer, texts: list[str]) -> dict[str, float]:
    """Return the tokens for each word of the text that are spent on words of Arabic letters, on numbers, on other
    words, and between words.
    """
    words = Counter(word for text in texts for word in text.split())
    tokens: Counter[str] = Counter()
    for word, count in words.items():
        kind = (
            "Arabic words" if ARABIC_WORD.fullmatch(word) else "numbers" if NUMBER.fullmatch(word) else "other words"
        )
        tokens[kind] += count * len(tokenizer.split_word(word))
    tokens["between words"] = sum(len(tokenizer.encode(text)) for text in texts) - tokens.total()
    return {kind: number / words.total() for kind, number in sorted(tokens.items())}


def shortest(piece: bytes, vocabulary: Set[bytes], longest: int) -> int:
    """Return the fewest tokens of the vocabulary that make a piece; all bytes are in it."""
    tokens = [0]
    for end in range(1, len(piece) + 1):
        begins = range(max(0, end - longest), end)
        tokens.append(1 + min(tokens[begin] for begin in begins if piece[begin:end] in vocabulary))
    return tokens[-1]


def in_running_text(tokenizer: Tokenizer, gold: Gold) -> Score:
    """Score the token ends inside words when words are read in lines, so that tokens may run across spaces."""
    truth, predicted, lines = [], {}, _lines(gold)
    ends: set[int] = set()
    place = 0
    for number, (word, boundaries) in enumerate(gold):
        if number % LINE == 0:
            ends, place = set(accumulate(map(len, tokenizer.split(lines[number // LINE])))), 0
        begin = place + 1  # after the space
        place = begin + len(word.encode())
        truth.append((str(number), tuple(len(word[:each].encode()) for each in boundaries)))
        predicted[str(number)] = tuple(end - begin for end in sorted(ends) if begin < end < place)
    return score(truth, predicted)


def _lines(gold: Gold) -> list[str]:
    words = [word for word, _ in gold]
    return ["".join(f" {word}" for word in words[begin : begin + LINE]) for begin in range(0, len(words), LINE)]


if __name__ == "__main__":
    main()
