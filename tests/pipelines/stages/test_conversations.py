"""Conversations from a file to the targets of training: their answers are trained on, and nothing else."""

import json
import shutil
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipelines import cli
from pipelines.stages.verify import faults_of
from sharding import Dataset
from sharding.seal import Sealed, hash_file, read_manifest, write_manifest
from tests.conversations import SPECIALS, chat_tokenizer, conversations
from tokenization.model import Tokenizer

COUNT = 150


def run(*words):
    return cli.run([*map(str, words), "--format", "quiet"])


def chain(folder, tokenizer, *tokenize):
    """Tokenize and pack the documents of a folder."""
    assert run("tokenize", *sorted((folder / "documents").iterdir()), "--tokenizer", tokenizer, "--out",
               folder / "tokens", *tokenize) == 0  # fmt: skip
    packed = ["--row-tokens", "61", "--set", "validation.share=0.1", "--set", "rows_per_shard=100"]
    assert run("pack", folder / "tokens", "--out", folder / "dataset", *packed) == 0


@pytest.fixture(scope="module", params=["turns", "nanochat"])
def talked(request, tmp_path_factory):
    """A folder with conversations as a file, documents, tokens and a dataset, beside text. Do not change it."""
    folder = tmp_path_factory.mktemp(request.param)
    given = list(conversations(COUNT, 3, request.param))
    lines = [json.dumps({"messages": messages}, ensure_ascii=False) for messages in given]
    (folder / "talk.jsonl").write_text("\n".join(lines))
    (folder / "text.txt").write_text("نص عربي طويل بعض الشيء\n" * 40)
    assert run("ingest", "chat", folder / "talk.jsonl", "--language", "ar", "--out", folder / "documents/00") == 0
    assert run("ingest", "text", folder / "text.txt", "--language", "ar", "--out", folder / "documents/01") == 0
    chain(folder, chat_tokenizer(folder / "tokenizer", request.param))
    return folder, request.param, given


def answered(ids, names, layout):
    """Return where the ids of a conversation are the model's own, by their special tokens alone."""
    begins, ends = ("<|assistant|>", "<|eot|>") if layout == "turns" else ("<|assistant_start|>", "<|assistant_end|>")
    places, inside, output = [], False, False
    for place, token in enumerate(ids):
        name = names.get(token)
        output |= name == "<|output_start|>"
        if inside and not output:
            places.append(place)
        output &= name != "<|output_end|>"
        inside = (inside or name == begins) and name != ends
    return places


def test_every_trained_target_is_an_answers_token_by_an_independent_count(talked):
    folder, layout, _ = talked
    data, tokenizer = Dataset(folder / "dataset", None), Tokenizer.load(folder / "dataset/tokenizer")
    names = {token: name for name, token in tokenizer.specials.items()}
    streams, targets, firsts = {}, {}, set()
    for split in (data.train, data.validation):
        batch = split.read(range(split.rows))
        for ids, is_target, segments in zip(batch.ids, batch.is_target, batch.segments, strict=True):
            for document, offset, position, length in segments.tolist():
                for k in range(length):
                    streams.setdefault(document, {})[offset + k] = int(ids[position + k])
                    if is_target[position + k]:
                        targets.setdefault(document, set()).add(offset + k)
                firsts.add((document, offset))
    seen = Counter()
    for document, stream in streams.items():
        if document >= COUNT or sorted(stream) != list(range(len(stream))):
            continue  # the text, and what the tail has cut
        own = answered([stream[place] for place in range(len(stream))], names, layout)
        expected = {place for place in own if (document, place) not in firsts}
        assert targets.get(document, set()) == expected
        seen.update(answers=len(expected), documents=1)
    assert seen["documents"] > 0.9 * COUNT
    assert seen["answers"] > 1000
    assert data.layout.splits["train"].strata[0].trained
    assert data.layout.splits["train"].strata[1].trained is None


def test_ids_and_masks_are_those_of_the_messages(talked):
    folder, _, given = talked
    tokens, tokenizer = Sealed(folder / "tokens"), Tokenizer.load(folder / "tokens/tokenizer")
    index = pq.read_table(folder / "tokens/part-00000.parquet").to_pylist()
    ids = np.fromfile(folder / "tokens/part-00000.bin", tokens.manifest.summary["dtype"])
    bits = np.unpackbits(np.fromfile(folder / "tokens/part-00000.mask", "u1"), bitorder="little")
    begin = tokenizer.bos is not None
    for line, messages in zip(index, given, strict=True):
        inside = slice(line["offset"], line["offset"] + line["tokens"])
        expected, answers = tokenizer.encode_chat(messages)
        assert ids[inside].tolist() == expected[begin:]
        assert bits[inside].tolist() == answers[begin:]
        assert (line["trained"], line["ends"]) == (sum(answers), False)
    assert "part-00001.mask" not in tokens.manifest.files
    special = set(tokenizer.specials.values())
    typed = sum(json.dumps(messages).count("<|eot|>") for messages in given)
    assert typed > 20  # names in messages are text: no special id but those of the layout
    assert sum(token in special for token in ids.tolist()) == sum(
        token in special for messages in given for token in tokenizer.encode_chat(messages)[0][begin:]
    )


def test_verification_renders_all_conversations_anew(talked, tmp_path):
    folder, *_ = talked
    assert run("verify", folder / "dataset", "--level", "deep") == 0
    copy = shutil.copytree(folder, tmp_path / "copy")
    name = next(name for name in read_manifest(copy / "dataset").files if name.endswith(".mask"))
    data = bytearray((copy / "dataset" / name).read_bytes())
    mask = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[:61]
    split = Dataset(copy / "dataset", None).train
    first = split.segments(0)[0]
    moved = mask[: int(first["length"])]
    for place in (int(np.argmax(moved)), int(np.argmin(moved))):  # the number of trained ids stays
        data[place // 8] ^= 1 << place % 8
    (copy / "dataset" / name).write_bytes(data)
    manifest = read_manifest(copy / "dataset")
    manifest.files[name] = hash_file(copy / "dataset" / name)
    write_manifest(copy / "dataset", manifest)
    (copy / "dataset/schedule.json").unlink(missing_ok=True)
    (fault,) = faults_of(copy / "dataset", "deep")
    assert fault.file == name
    assert "row 0 of train" in fault.what


def test_parts_of_answers_may_be_left_untrained(talked, tmp_path):
    folder, layout, given = talked
    shutil.copytree(folder / "documents", tmp_path / "documents")
    kind = "python" if layout == "nanochat" else "reasoning"
    chain(tmp_path, folder / "tokenizer-sealed", "--untrained", kind)
    tokenizer = Tokenizer.load(folder / "tokens/tokenizer")
    index = pq.read_table(tmp_path / "tokens/part-00000.parquet")
    counts = [sum(tokenizer.encode_chat(messages, without=[kind])[1]) for messages in given]
    assert index["trained"].to_pylist() == counts
    assert sum(counts) < sum(pq.read_table(folder / "tokens/part-00000.parquet")["trained"].to_pylist())
    assert run("verify", tmp_path / "dataset", "--level", "deep") == 0


def test_a_tokenizer_without_a_layout_is_refused_and_parts_without_tokens_are_dropped(talked, built, tmp_path, capsys):
    folder, layout, given = talked
    words = ("tokenize", folder / "documents/00", "--tokenizer", built / "tokenizer", "--out", tmp_path / "no")
    assert run(*words) == 3
    error = capsys.readouterr().err
    assert all(part in error for part in ("conversations", "<|user|>", "<|assistant_end|>"))
    other = "nanochat" if layout == "turns" else "turns"
    tokenizer = chat_tokenizer(tmp_path / "other", other)
    assert run("tokenize", folder / "documents/00", "--tokenizer", tokenizer, "--out", tmp_path / "tokens") == 0
    counts = Sealed(tmp_path / "tokens").manifest.counts["documents"]
    lacking = [any(not isinstance(m["content"], str) or m["role"] == "tool" for m in messages) for messages in given]
    assert sum(counts.dropped.values()) == sum(lacking) > 0
    assert counts.out == COUNT - sum(lacking)
    assert all("no special tokens for" in reason for reason in counts.dropped)
    assert set(SPECIALS[other]) <= set(Tokenizer.load(tokenizer).specials)


def test_inspection_marks_what_is_trained_on(talked, capsys):
    folder, layout, _ = talked
    capsys.readouterr()
    assert cli.run(["inspect", str(folder / "dataset"), "--row", "0"]) == 0
    marked = [line.startswith("> ") for line in capsys.readouterr().out.splitlines() if line]
    assert True in marked
    assert False in marked
    assert cli.run(["inspect", str(folder / "dataset"), "--row", "0", "--format", "json"]) == 0
    segments = json.loads(capsys.readouterr().out)["segments"]
    data = Dataset(folder / "dataset", None)
    mask = data.train.mask(np.array([0]))[0].tolist()
    assert [flag for segment in segments for flag in segment["trained"]] == mask
    begin = "<|assistant|>" if layout == "turns" else "<|assistant_start|>"
    assert all(not flag for segment in segments for flag, token in zip(segment["trained"], segment["ids"], strict=True)
               if token == Tokenizer.load(folder / "dataset/tokenizer").specials[begin])  # fmt: skip


def test_categories_of_a_mixture_may_be_of_conversations(talked, capsys):
    folder, *_ = talked
    mixture = "[{name: all, steps: 10, mixture: {by: category, rule: proportional, shares: {chat: 30, arabic: 70}}}]"
    words = ["mix", str(folder / "dataset"), "--set", f"phases={mixture}", "--set", "mixture.max_epochs=100"]
    other = folder / "dataset/other.json"
    assert cli.run([*words, "--batch-rows", "4", "--out", str(other), "--format", "quiet"]) == 0
    quotas = json.loads(other.read_bytes())["phases"][0]["quotas"]
    assert quotas == {"chat/arb_Arab/chat": 12, "text/arb_Arab/arabic": 28}
    other.unlink()


@pytest.mark.parametrize(
    ("record", "place"),
    [
        ('{"messages": "user: x"}', "messages are no list"),
        ('{"messages": [{"role": "critic", "content": "x"}]}', "unknown role"),
        ('{"messages": [{"role": "user", "content": "x"}]}', "no answer"),
        ('{"text": "x"}', "messages"),
    ],
)
def test_a_file_without_a_conversation_is_refused_by_name(tmp_path, capsys, record, place):
    (tmp_path / "talk.jsonl").write_text(f"{record}\n" * 3)
    assert run("ingest", "chat", tmp_path / "talk.jsonl", "--out", tmp_path / "out") == 3
    error = capsys.readouterr().err
    assert place in error
    assert "talk.jsonl" in error or "chat gave no document" in error
