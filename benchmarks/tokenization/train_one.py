"""One training in a process of its own: `python -m benchmarks.tokenization.train_one ENGINE TEXTS SIZE`.

Prints seconds, peak memory, and a digest of the tokens in order, by which trainers are compared.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.tokenization.timed import Timer, peak_bytes


def ours(texts: list[str], size: int) -> tuple[Timer, list[bytes]]:
    from tokenization.model import pretoken_pattern
    from tokenization.training import count_pretokens, train_merges

    train_merges(count_pretokens(texts[:50], pretoken_pattern()), 300)  # compiles, or loads compiled code
    with Timer() as timer:
        merges = train_merges(count_pretokens(texts, pretoken_pattern()), size)
    return timer, [left + right for left, right in merges]


def huggingface(texts: list[str], size: int) -> tuple[Timer, list[bytes]]:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    from tokenization.model import pretoken_pattern, token_to_bytes

    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(pretoken_pattern()), "isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    initial = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=initial, show_progress=False)
    with Timer() as timer:
        tokenizer.train_from_iterator(texts, trainer)
    merges: Any = json.loads(tokenizer.to_str())["model"]["merges"]
    return timer, [token_to_bytes("".join(pair)) for pair in merges]


def main() -> None:
    engine, path, size = sys.argv[1:]
    texts = json.loads(Path(path).read_bytes())
    timer, merges = {"ours": ours, "tokenizers": huggingface}[engine](texts, int(size))
    digest = hashlib.sha256(b"".join(len(token).to_bytes(4) + token for token in merges)).hexdigest()
    print(json.dumps({**timer.seconds(), "merges": len(merges), "digest": digest, "peak_bytes": peak_bytes()}))


if __name__ == "__main__":
    main()
