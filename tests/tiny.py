"""A tiny sealed dataset to train on, made with sharding's own layout, seal and schedule."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sharding.layout import SEGMENT, SPLITS, DatasetLayout, SplitLayout, StratumLayout, dtype_for, shard_name
from sharding.scheduling import Mixture, Phase, create_schedule
from sharding.seal import Manifest, hash_file, read_manifest, write_json, write_manifest
from training.detokenize import byte_characters

PAIRS = ["ال", "لا", "في", "من", "ما", "th", "he", "in"]


def write_tokenizer(folder: Path, specials: Sequence[str]) -> list[int]:
    """A byte-level tokenizer.json of 256 bytes, eight pairs and special tokens. Returns the ids of these."""
    folder.mkdir(parents=True)
    characters = {byte: char for char, byte in byte_characters().items()}
    tokens = [bytes([byte]) for byte in range(256)] + [pair.encode() for pair in PAIRS]
    vocab = {"".join(characters[byte] for byte in token): i for i, token in enumerate(tokens)}
    ids = [len(tokens) + i for i in range(len(specials))]
    vocab |= dict(zip(specials, ids, strict=True))
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    added = [{"id": id, "content": name, "special": True, **plain} for name, id in zip(specials, ids, strict=True)]
    split = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model = {"type": "BPE", "vocab": vocab, "merges": []}
    (folder / "tokenizer.json").write_text(json.dumps({"added_tokens": added, "pre_tokenizer": split, "model": model}))
    np.save(folder / "token_bytes.npy", np.array([len(token) for token in tokens] + [0] * len(ids), np.int32))
    chars = [sum(byte & 0xC0 != 0x80 for byte in token) for token in tokens]
    np.save(folder / "token_chars.npy", np.array(chars + [0] * len(ids), np.int32))
    return ids


def encode(text: str, bos: int) -> list[int]:
    """Greedy: bos, then a pair where there is one, else bytes."""
    ids, i = [bos], 0
    while i < len(text):
        pair = text[i : i + 2]
        ids += [256 + PAIRS.index(pair)] if pair in PAIRS else list(text[i].encode())
        i += 2 if pair in PAIRS else 1
    return ids


def write_dataset(
    folder: Path,
    documents: Mapping[str, tuple[tuple[str, str, str], Sequence[Sequence[int]]]],
    *,
    vocab_size: int,
    bos: int,
    eos: int | None = None,
    row_tokens: int,
    phases: Sequence[Phase],
    batch_rows: int,
    validation_part: float = 0.2,
    answers: Mapping[str, Callable[[Sequence[int]], Sequence[bool]]] | None = None,
) -> Path:
    """Seal a dataset: {stratum: ((source, language, category), streams of ids)}, joined and split into rows.

    `answers`: which ids of a stream are trained on, by stratum with a mask.
    """
    dtype = dtype_for(vocab_size)
    (folder / "shards").mkdir(parents=True, exist_ok=True)
    ordinal = 0
    splits: dict[str, Any] = {name: {"strata": [], "ids": [], "segments": [], "mask": []} for name in SPLITS}
    for stratum, ((source, language, category), streams) in sorted(documents.items()):
        held = max(1, int(len(streams) * validation_part))
        for split, part in (("validation", streams[:held]), ("train", streams[held:])):
            into = splits[split]
            rows = sum(len(stream) for stream in part) // row_tokens
            first = sum(s.rows for s in into["strata"])
            place, end, begin = 0, rows * row_tokens, len(into["mask"])
            trained_on = (answers or {}).get(stratum)
            for stream in part:
                offset = 0
                while offset < len(stream) and place < end:
                    length = min(len(stream) - offset, row_tokens - place % row_tokens)
                    into["segments"].append((ordinal, offset, place % row_tokens, length))
                    into["ids"].extend(stream[offset : offset + length])
                    mask = [True] * len(stream) if trained_on is None else trained_on(stream)
                    into["mask"].extend(mask[offset : offset + length])
                    offset, place = offset + length, place + length
                ordinal += 1
            trained = None if trained_on is None else sum(into["mask"][begin:])
            size = (len(part), rows * row_tokens, 0, 0, trained)
            into["strata"].append(StratumLayout(stratum, source, language, category, first, rows, *size))
    layouts = {}
    for split, into in splits.items():
        rows = sum(s.rows for s in into["strata"])
        layouts[split] = SplitLayout(rows, max(rows, 1), 1, tuple(into["strata"]))
        name = folder / shard_name(split, 0, 1)
        np.array(into["ids"], dtype).tofile(name.with_suffix(".bin"))
        np.array(into["segments"], SEGMENT).tofile(name.with_suffix(".seg"))
        if layouts[split].is_masked(0):
            bits = np.array(into["mask"], np.bool_).reshape(rows, row_tokens)
            np.packbits(bits, axis=1, bitorder="little").tofile(name.with_suffix(".mask"))
    tokenizer = hash_file(folder / "tokenizer/tokenizer.json").sha256
    layout = DatasetLayout(
        row_tokens, dtype, vocab_size, vocab_size - 1, bos, eos, tokenizer, "concat", "exact", layouts
    )
    files = {str(p.relative_to(folder)): hash_file(p) for p in sorted(folder.rglob("*")) if p.is_file()}
    write_manifest(folder, Manifest("pack", 1, {}, {}, {}, files, layout.to_json()))
    schedule = create_schedule(read_manifest(folder), phases, Mixture(), batch_rows=batch_rows, seed=1)
    write_json(folder / "schedule.json", schedule)
    return folder


STRATA = {
    "news": (("news", "arb_Arab", "arabic"), "قال الوزير في مؤتمر من الرياض لا شيء في المال. "),
    "street": (("street", "arz_Arab", "arabic"), "ما في حاجة في البيت من الصبح. "),
    "wiki": (("wiki", "eng_Latn", "english"), "the man in the hat then thinks. "),
}


def small_dataset(
    folder: Path, seed: int = 0, without: str | None = None, ids_without_size: int = 0, end: str = "bos"
) -> Path:
    """Three strata, rows of 32 ids, two phases of 8 and 4 steps of 8 rows.

    `end`: what ends a document, the next `bos` or an `eos`; `without`: a file that it never had; `ids_without_size`:
    so many of the last ids are not in token_bytes.npy.
    """
    bos, *eos = write_tokenizer(folder / "tokenizer", ["<|bos|>", "<|eos|>"][: 1 + (end == "eos")])
    vocab_size = bos + 1 + len(eos)
    if without is not None:
        (folder / without).unlink()
    sizes = folder / "tokenizer/token_bytes.npy"
    np.save(sizes, np.load(sizes)[: vocab_size - ids_without_size])
    random = np.random.default_rng(seed)
    documents = {}
    for name, (attributes, sentence) in STRATA.items():
        words = sentence.split(" ")
        texts = [" ".join(random.choice(words, size=random.integers(3, 40))) for _ in range(40)]
        documents[name] = (attributes, [encode(text, bos) + eos for text in texts])
    return write_dataset(
        folder,
        documents,
        vocab_size=vocab_size,
        bos=bos,
        eos=eos[0] if eos else None,
        row_tokens=32,
        phases=[Phase("begin", steps=8), Phase("end", steps=4)],
        batch_rows=8,
    )
