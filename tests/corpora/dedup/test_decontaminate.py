"""Decontamination: a document matches if and only if it shares a word n-gram with an evaluation set."""

import gzip
import io
import json
import random
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.dedup import evaluation_inputs, evaluation_name, read_evaluation
from corpora.dedup.decontaminate import SHORTEST, Evaluation
from corpora.dedup.word_hashes import WINDOW
from corpora.errors import BadInput, NothingFound


def column(texts: Iterable[str]) -> pa.ChunkedArray:
    return pa.chunked_array([list(texts)], pa.large_string())


def evaluation(path: Path, ngram: int = 13) -> Evaluation:
    return read_evaluation(evaluation_inputs([path]), ngram)


def plain_words(text: str) -> list[str]:
    """Return the words of a text in plain Python: the definition that the compiled loop must agree with."""
    plain = ""
    for character in text:
        kind = unicodedata.category(character)
        if character.isspace() or kind[0] in "PSZ":
            plain += " "
        elif kind == "Nd":
            plain += str(unicodedata.digit(character))
        elif character != "\u0640" and kind[0] not in "MC":
            plain += unicodedata.normalize("NFD", character.lower())[0]
    return plain.split()


def grams(words: list[str], ngram: int) -> set[tuple[str, ...]]:
    length = min(ngram, len(words))
    if length < min(ngram, SHORTEST):
        return set()
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}


def shares(text: str, records: list[list[str]], ngram: int) -> bool:
    expected = {
        gram for record in records for part in [*record, "\n".join(record)] for gram in grams(plain_words(part), ngram)
    }
    words = plain_words(text)
    lengths = {len(gram) for gram in expected}
    own = {tuple(words[start : start + length]) for length in lengths for start in range(len(words) - length + 1)}
    return bool(own & expected)


token = st.sampled_from(["ا", "ب", "بَ", "بـ", "ج،", "Aa", "aA", "1", "٢", "2", "x-y", "؟", "\n"])
text = st.lists(token, max_size=30).map(" ".join)


@given(st.lists(st.lists(text, min_size=1, max_size=3), min_size=1, max_size=4), st.lists(text, max_size=5))
def test_matches_agree_with_the_definition(
    tmp_path_factory: pytest.TempPathFactory, records: list[list[str]], documents: list[str]
) -> None:
    path = tmp_path_factory.mktemp("evaluation") / "set.jsonl"
    path.write_text("".join(json.dumps({"parts": record, "answer": 3}) + "\n" for record in records))
    passages = [[part for part in record if part.strip()] for record in records]
    for ngram in (5, 9, 13):
        matches = evaluation(path, ngram).find(column(documents))
        assert matches.astype(bool).tolist() == [shares(document, passages, ngram) for document in documents]


def words(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return ["".join(rng.choices("ابتثجحخدذرزسشصضطظعغفقكلمنهوي", k=6)) for _ in range(count)]


@pytest.mark.parametrize("start", [0, 1, 4_000, *range(WINDOW - 14, WINDOW + 2), 2 * WINDOW - 20, 20_000 - 13])
def test_a_passage_of_thirteen_words_is_found_at_any_position(tmp_path: Path, start: int) -> None:
    passage, body = words(13, 1), words(20_000, 2)
    (tmp_path / "test.txt").write_text(" ".join(passage))
    passages = evaluation(tmp_path / "test.txt")
    whole = [*body[:start], *passage, *body[start + 13 :]]
    broken = [*whole[: start + 6], "غير", *whole[start + 7 :]]
    assert passages.find(column([" ".join(body), " ".join(whole), " ".join(broken)])).tolist() == [0, 1, 0]


def test_the_first_set_that_has_a_passage_is_reported(tmp_path: Path) -> None:
    first, second = (" ".join(words(20, seed)) for seed in (1, 2))
    (tmp_path / "arc").mkdir()
    (tmp_path / "arc/test.jsonl").write_text(json.dumps({"question": second}) + "\n")
    pq.write_table(pa.table({"q": [first, second], "choices": [["a"], []], "n": [1, 2]}), tmp_path / "mmlu.parquet")
    (tmp_path / "zeta.txt").write_text(f"{first}\n{second}\n")
    passages = evaluation(tmp_path)
    assert [evaluation_set.name for evaluation_set in passages.sets] == ["arc/test", "mmlu", "zeta"]
    assert passages.find(column([first, second, "شيء آخر"])).tolist() == [2, 1, 0]


def test_case_marks_and_punctuation_do_not_count_but_numbers_do(tmp_path: Path) -> None:
    question = "اِشْتَرَى مُحَمَّدٌ 12 تُفَّاحَةً، ثُمَّ أَكَلَ مِنْهَا ثَلَاثًا؛ فَكَمْ تُفَّاحَةً بَقِيَتْ عِنْدَهُ الآنَ؟"
    (tmp_path / "test.txt").write_text(question)
    bare = "".join(c for c in question if not unicodedata.combining(c))
    same = re.sub("[،؛؟]", "", bare).replace("12", "١٢")
    assert evaluation(tmp_path / "test.txt").find(column([bare, same, bare.replace("12", "13")])).tolist() == [1, 1, 0]


def test_records_that_are_too_short_for_a_search_are_counted(tmp_path: Path) -> None:
    lines = [" ".join(words(count, count)) for count in (3, 7, 8, 20)]
    (tmp_path / "test.txt").write_text("\n".join(lines))
    passages = evaluation(tmp_path / "test.txt")
    assert passages.sets[0].to_json() == {"name": "test", "records": 4, "short": 2, "ngrams": 1 + 8, "fields": []}
    assert passages.find(column([f"قبل {line} بعد" for line in lines])).tolist() == [0, 0, 1, 1]


QUESTION = "ذهب الولد إلى المدرسة في الصباح الباكر وكان الجو جميلا ثم عاد إلى البيت مع أخيه الصغير"
ANSWER = "لأن أخاه الصغير كان ينتظره عند باب المدرسة منذ الظهر حتى المساء كما قالت له أمه"
RECORDS = [
    {"id": "a/1", "question": QUESTION, "answers": [{"text": "لا"}, {"text": ANSWER}]},
    {"id": "a/2", "question": "لماذا؟"},
]


def escaped(value: object) -> bytes:
    return json.dumps(value).encode()


def csv_of(delimiter: str) -> bytes:
    rows = [["id", "question", "answers"], ["a/1", QUESTION, ANSWER], ["a/2", "لماذا؟", ""]]
    return "".join(delimiter.join(f'"{cell}"' for cell in row) + "\n" for row in rows).encode()


def parquet_of(records: list[dict[str, object]]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(records), buffer)
    return buffer.getvalue()


def arrow_of(records: list[dict[str, object]]) -> bytes:
    buffer = io.BytesIO()
    table = pa.Table.from_pylist(records)
    with pa.ipc.new_file(buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue()


LINES = b"\n".join(map(escaped, RECORDS))
FILES = {
    "a.jsonl": LINES,
    "a.ndjson": LINES,
    "A.JSON": LINES,
    "a.json": escaped(RECORDS),
    "pretty.json": json.dumps(RECORDS, indent=1, ensure_ascii=False).encode(),
    "bom.json": b"\xef\xbb\xbf" + escaped(RECORDS),
    "squad.json": escaped({"version": "1.0", "data": RECORDS}),
    "a.json.gz": gzip.compress(escaped(RECORDS)),
    "a.ndjson.gz": gzip.compress(LINES),
    "no ending": escaped(RECORDS),
    "a.csv": csv_of(","),
    "b.csv": csv_of(";"),
    "a.tsv": csv_of("\t"),
    "a.csv.gz": gzip.compress(csv_of(",")),
    "a.parquet": parquet_of([{"id": "a/1", "question": QUESTION, "answers": [ANSWER]}, {"question": "لماذا؟"}]),
    "a.arrow": arrow_of([{"id": "a/1", "question": QUESTION, "answers": [ANSWER]}, {"question": "لماذا؟"}]),
    "a.txt": f"{QUESTION}\n{ANSWER}\n".encode(),
    "a.txt.gz": gzip.compress(f"{QUESTION}\n{ANSWER}\n".encode()),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_passages_are_found_in_every_format_and_the_fields_are_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    passages = evaluation(tmp_path / name)
    assert passages.find(column([f"قبل {QUESTION} بعد", f"قبل {ANSWER}", "نص آخر لا يشبه شيئا مما سبق"])).tolist() == [
        1,
        1,
        0,
    ]
    (counts,) = passages.sets
    fields = {field.removeprefix("data.") for field in counts.fields}
    assert fields <= {"id", "question", "answers", "answers.text", "version"}
    assert ("question" in fields) == (not name.startswith("a.txt"))
    assert counts.records == (3 if name == "squad.json" else 2)


def test_a_folder_holds_evaluation_files_of_every_format(tmp_path: Path) -> None:
    for name, data in FILES.items():
        (tmp_path / name.replace("no ending", "x.json")).write_bytes(data)
    assert len(evaluation_inputs([tmp_path])) == len(FILES)


def test_only_named_fields_are_compared_and_an_absent_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(escaped(RECORDS))
    texts = column([QUESTION, ANSWER])
    files = evaluation_inputs([path])
    assert read_evaluation(files, 13, ["question"]).find(texts).tolist() == [1, 0]
    assert read_evaluation(files, 13, ["answers"]).find(texts).tolist() == [0, 1]
    assert read_evaluation(files, 13, ["answers.text"]).sets[0].fields == ("answers.text",)
    with pytest.raises(BadInput, match=r"a\.json.*'prompt'.*answers\.text.*decontaminate_fields"):
        read_evaluation(files, 13, ["question", "prompt"])


def test_a_text_that_begins_with_a_bracket_is_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"[1] {QUESTION}")
    assert evaluation(tmp_path / "a.txt").find(column([QUESTION])).tolist() == [1]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.jsonl", b"", "a.jsonl"),
        ("a.txt", b"\n \n", "a.txt.*no record.*another file"),
        ("a.jsonl", b'{"q": "x"}\n{"q": ', "a.jsonl, at 11: .*JSON.*correct or remove"),
        ("a.txt", b"\xff\xfe\xfa\n", "a.txt.*UTF-8"),
        ("a.parquet", b"PAR1nothing", "a.parquet"),
        ("a.jsonl.zst", b"\x28\xb5\x2f\xfd\x24", "a.jsonl.zst"),
    ],
)
def test_an_unreadable_evaluation_file_is_refused_with_its_name(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BadInput, match=message):
        evaluation(tmp_path / name)


def test_a_missing_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NothingFound):
        evaluation_inputs([tmp_path / "absent.jsonl"])


def test_gsm8k_is_found_in_itself_and_not_in_news(samples: Path) -> None:
    path = samples / "data/math/gsm8k/test.jsonl"
    passages = evaluation(path)
    questions = [json.loads(line)["question"] for line in path.read_text().splitlines()]
    news = pq.read_table(samples / "data/fineweb-2/data/arb_Arab/train/000_00000.parquet")["text"]
    assert passages.sets[0].records == 1319
    assert passages.sets[0].short == 0
    assert passages.find(column(questions)).all()
    assert not passages.find(news).any()
    assert evaluation_name(evaluation_inputs([path])[0]) == "test"
