"""The plan and its rows: every token once, balanced counts, and refusal of invalid input."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharding.checking import verify
from sharding.errors import InputError, OptionError
from sharding.layout import SPLITS
from sharding.options import PackOptions, Validation
from sharding.packing import Plan, make_plan
from sharding.packing.planner import TAIL
from sharding.rows import Dataset
from sharding.seal import Damaged, Manifest, Sealed, Unsealed, hash_file, read_manifest, write_manifest
from tests.sharding.corpus import Document, mixed_documents, pack, random_documents, with_options, write_tokens


def streams_in(dataset: Path, options: PackOptions) -> dict[int, list[int]]:
    """Return the tokens of each document in the rows of all splits, by ordinal."""
    pieces: dict[int, dict[int, list[int]]] = defaultdict(dict)
    data = Dataset(dataset)
    for split in (data.train, data.validation):
        batch = split.read(np.arange(split.rows))
        for ids, segments in zip(batch.ids.tolist(), batch.segments, strict=True):
            for document, offset, position, length in segments.tolist():
                assert offset not in pieces[document]
                pieces[document][offset] = ids[position : position + length]
    return {document: [id_ for offset in sorted(parts) for id_ in parts[offset]] for document, parts in pieces.items()}


def expected_streams(documents: list[Document], options: PackOptions) -> list[list[int]]:
    """Return the stream of each document: its ids with BOS and EOS."""
    before = [] if options.bos is None else [options.bos]
    after = [] if options.eos is None else [options.eos]
    return [[*before, *document.ids, *after] if document.ids else [] for document in documents]


documents_strategy = st.lists(
    st.tuples(st.lists(st.integers(3, 999), max_size=90), st.sampled_from("abc"), st.sampled_from("xy")),
    min_size=1,
    max_size=40,
)


@given(
    documents_strategy,
    st.integers(2, 40),
    st.sampled_from(["best-fit", "concat"]),
    st.sampled_from([(None, None), (1, None), (None, 2), (1, 2)]),
    st.integers(1, 9),
    st.sampled_from([(), ("source",), ("source", "language")]),
)
def test_every_token_is_in_one_row_or_in_the_tail_and_counts_balance(
    raw: list[tuple[list[int], str, str]],
    row_tokens: int,
    policy: str,
    specials: tuple[int | None, int | None],
    window: int,
    strata: tuple[str, ...],
) -> None:
    documents = [
        Document(f"{source}/{k}", ids, source=source, language=language)
        for k, (ids, source, language) in enumerate(raw)
    ]
    options = PackOptions(
        row_tokens=row_tokens, policy=policy, bos=specials[0], eos=specials[1], window=window, strata=strata,
        rows_per_shard=7,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as temporary:
        tokens = write_tokens(Path(temporary) / "tokens", documents, per_part=11)
        expected = expected_streams(documents, options)
        sizes: dict[tuple[str, ...], int] = defaultdict(int)
        for document, stream in zip(documents, expected, strict=True):
            sizes[tuple(getattr(document, name) for name in strata)] += len(stream)
        if max(sizes.values()) < row_tokens:
            with pytest.raises(InputError, match="give no row"):
                make_plan([Sealed(tokens)], options)
            return
        dataset = pack(Path(temporary) / "dataset", [tokens], options)
        plan = Plan.read(dataset)
        tail: dict[int, int] = defaultdict(int)
        for stratum in plan.splits["train"].strata:
            assert sum(length for _, _, length in stratum.tail) < row_tokens
            for document, _, length in stratum.tail:
                tail[document] += length
        actual = streams_in(dataset, options)
        for ordinal, stream in enumerate(expected):
            if not tail[ordinal]:
                assert actual.get(ordinal, []) == stream
            else:
                assert len(actual.get(ordinal, [])) == len(stream) - tail[ordinal]
        counts = plan.counts
        assert all(unit_counts.balanced for unit_counts in counts.values())
        assert counts["tokens"].input == sum(len(document.ids) for document in documents)
        assert counts["documents"].out == len(actual)
        assert verify(dataset, "deep") == []


def test_a_row_contains_documents_of_one_stratum_and_one_split(dataset: Path) -> None:
    documents = mixed_documents()
    data = Dataset(dataset)
    seen: dict[str, set[int]] = {}
    for split in (data.train, data.validation):
        assert [stratum.first_row for stratum in split.strata] == sorted(s.first_row for s in split.strata)
        for stratum in split.strata:
            for row in range(stratum.first_row, stratum.first_row + stratum.rows):
                members = [documents[int(segment["document"])] for segment in split.segments(row)]
                assert {f"{d.source}/{d.language}/{d.category}" for d in members} == {stratum.name}
                seen.setdefault(split.name, set()).update(int(s["document"]) for s in split.segments(row))
    assert not seen["train"] & seen["validation"]


def test_the_sizes_of_strata_are_those_of_their_documents(dataset: Path) -> None:
    documents = mixed_documents()
    data = Dataset(dataset)
    for name in {stratum.name for stratum in data.train.strata}:
        members = [d for d in documents if f"{d.source}/{d.language}/{d.category}" == name and d.ids]
        both = [s for split in (data.train, data.validation) for s in split.strata if s.name == name]
        assert sum(s.documents for s in both) == len(members)
        assert sum(s.tokens for s in both) == sum(len(d.ids) for d in members)
        assert sum(s.bytes for s in both) == 4 * sum(len(d.ids) for d in members)
        assert sum(s.chars for s in both) == 2 * sum(len(d.ids) for d in members)


def test_near_copies_are_in_one_split(tmp_path: Path) -> None:
    documents = [
        Document(f"{source}/{k}", list(range(20)), source=source, cluster=f"cluster-{k // 2}")
        for source in ("web", "wiki")
        for k in range(200)
    ]
    dataset = pack(tmp_path / "dataset", [write_tokens(tmp_path / "tokens", documents)], with_options())
    splits = defaultdict(set)
    for part in sorted((dataset / "documents").iterdir()):
        for line in pq.read_table(part).select(["cluster", "split"]).to_pylist():
            splits[line["cluster"]].add(line["split"])
    assert {len(names) for names in splits.values()} == {1}
    assert {name for names in splits.values() for name in names} == set(SPLITS)


def test_document_tables_have_the_split_of_each_document(dataset: Path) -> None:
    table = pa.concat_tables([pq.read_table(path) for path in sorted((dataset / "documents").iterdir())])
    assert table["ordinal"].to_pylist() == list(range(1000))
    assert table["id"].to_pylist() == [document.id for document in mixed_documents()]
    empty = [tokens == 0 for tokens in table["tokens"].to_pylist()]
    assert [split is None for split in table["split"].to_pylist()] == empty


def test_several_tokens_folders_are_packed_in_order(tokens: Path, tmp_path: Path) -> None:
    second = write_tokens(tmp_path / "more", random_documents(100, 9, source="more"))
    dataset = pack(tmp_path / "dataset", [tokens, second], with_options())
    assert read_manifest(dataset).counts["documents"].input == 1100
    assert verify(dataset, "deep") == []


def test_the_plan_is_read_as_it_was_written(dataset: Path, tokens: Path) -> None:
    plan = Plan.read(dataset)
    assert plan == make_plan([Sealed(tokens)], plan.options).plan.with_documents(plan.documents)


def test_the_number_of_shards_follows_the_options(tokens: Path) -> None:
    for options, train in (
        (with_options(rows_per_shard=None, shards=5), 5),
        (with_options(rows_per_shard=None), 1),
        (with_options(rows_per_shard=1), 875),
    ):
        assert make_plan([Sealed(tokens)], options).plan.splits["train"].shards == train


@pytest.mark.parametrize("strata", [(), ("category",), ("language", "source")])
def test_strata_are_split_by_the_given_attributes_only(tokens: Path, strata: tuple[str, ...]) -> None:
    planned = make_plan([Sealed(tokens)], with_options(strata=strata)).plan.splits["train"].layout.strata
    names = {(): ["all"], ("category",): ["arabic", "classical", "code"]}.get(strata)
    assert [stratum.name for stratum in planned] == (
        names or ["fineweb-2/arb_Arab", "fineweb-2/arz_Arab", "openiti/arb_Arab", "the-stack/Python"]
    )
    for stratum in planned:
        for attribute in ("source", "language", "category"):
            assert (getattr(stratum, attribute) is None) == (attribute not in strata)


# -- refused input --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"row_tokens": 0}, "row_tokens 0"),
        ({"row_tokens": 1}, "row_tokens 1"),
        ({"row_tokens": 65_536}, "row_tokens 65536"),
        ({"strata": ("colour",)}, "strata"),
        ({"strata": ("source", "source")}, "each once"),
        ({"policy": "worst-fit"}, "'worst-fit' is unknown"),
        ({"shards": 3}, "not both"),
        ({"window": 0}, "window 0"),
        ({"rows_per_shard": 0}, "rows_per_shard 0"),
    ],
)
def test_invalid_options_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        with_options(**changes)


@pytest.mark.parametrize("size", [{}, {"rows": 1, "share": 0.1}, {"rows": 0}, {"share": 0.9}])
def test_an_invalid_size_of_validation_is_refused(size: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="validation"):
        Validation(**size)


def test_rows_longer_than_the_corpus_are_refused(tmp_path: Path) -> None:
    tokens = write_tokens(tmp_path / "tokens", [Document("web/1", [5, 6, 7])])
    with pytest.raises(InputError, match="3 tokens in 1 documents give no row of 64 tokens"):
        make_plan([Sealed(tokens)], with_options(validation=None))


def test_a_stratum_shorter_than_a_row_is_dropped_and_counted(tmp_path: Path) -> None:
    documents = [*random_documents(50, 1), Document("tiny/1", [5, 6, 7], source="tiny")]
    tokens = write_tokens(tmp_path / "tokens", documents)
    plan = make_plan([Sealed(tokens)], with_options(validation=None)).plan
    rows = {stratum.name: stratum.rows for stratum in plan.splits["train"].layout.strata}
    assert rows["tiny/arb_Arab/arabic"] == 0
    assert plan.counts["documents"].dropped[TAIL] >= 1
    dataset = pack(tmp_path / "dataset", [tokens], with_options(validation=None))
    assert verify(dataset, "deep") == []


@pytest.mark.fault(14)
@pytest.mark.parametrize("documents", [[], [Document("web/1", [])]])
def test_empty_input_is_refused(documents: list[Document], tmp_path: Path) -> None:
    tokens = write_tokens(tmp_path / "tokens", documents)
    with pytest.raises(InputError, match=r"no document to pack|give no row"):
        make_plan([Sealed(tokens)], with_options(validation=None))
    with pytest.raises(InputError, match="no tokens folder to pack; name at least one"):
        make_plan([], with_options())


@pytest.mark.fault(23)
def test_tokens_of_two_tokenizers_are_refused(tokens: Path, tmp_path: Path) -> None:
    other = write_tokens(tmp_path / "other", random_documents(10), tokenizer='{"another": 1}')
    with pytest.raises(InputError, match=r"other was made with another tokenizer than .*tokens"):
        make_plan([Sealed(tokens), Sealed(other)], with_options())


@pytest.mark.fault(22)
def test_a_bos_outside_of_the_vocabulary_is_refused(tokens: Path) -> None:
    with pytest.raises(InputError, match="bos id 1000 is not in the tokenizer's vocabulary of 1000"):
        make_plan([Sealed(tokens)], with_options(bos=1000))


@pytest.mark.fault(24)
def test_unsealed_and_changed_tokens_are_refused(tmp_path: Path) -> None:
    tokens = write_tokens(tmp_path / "tokens", random_documents(30))
    index = tokens / "part-00000.parquet"
    good = index.read_bytes()
    sealed = Sealed(tokens)
    index.write_bytes(good[:100] + bytes([good[100] ^ 1]) + good[101:])
    with pytest.raises(Damaged, match=r"part-00000\.parquet"):
        make_plan([sealed], with_options(validation=None))
    (tokens / "manifest.json").unlink()
    with pytest.raises(Unsealed):
        Sealed(tokens)


def reseal(tokens: Path, table: pa.Table, **summary: object) -> Sealed:
    """Seal a tokens folder with another index, as a faulty tokenize stage might."""
    manifest = read_manifest(tokens)
    pq.write_table(table, tokens / "part-00000.parquet")
    files = {name: hash_file(tokens / name) for name in manifest.files}
    write_manifest(tokens, Manifest("tokenize", 1, {}, {}, {}, files, {**manifest.summary, **summary}))
    return Sealed(tokens)


def test_an_index_that_does_not_match_its_ids_is_refused(tmp_path: Path) -> None:
    tokens = write_tokens(tmp_path / "tokens", [Document("web/1", [5] * 300), Document("web/2", [6] * 300)])
    table = pq.read_table(tokens / "part-00000.parquet")
    offset = table.schema.get_field_index("offset")
    options = with_options(validation=None)
    with pytest.raises(InputError, match="document 'web/2' is outside of the 600 ids"):
        make_plan([reseal(tokens, table.set_column(offset, "offset", pa.array([0, 301])))], options)
    with pytest.raises(InputError, match="is not an index of tokens"):
        make_plan([reseal(tokens, table.drop_columns(["offset"]))], options)
    with pytest.raises(InputError, match="is not an index of tokens"):
        make_plan([reseal(tokens, table.set_column(offset, "offset", pa.array(["a", "b"])))], options)
    source = table.schema.get_field_index("source")
    with pytest.raises(InputError, match="line 1: source is null"):
        make_plan([reseal(tokens, table.set_column(source, "source", pa.array(["web", None])))], options)
    with pytest.raises(InputError, match="ids of a vocabulary of 1000 are stored as '<u4'"):
        make_plan([reseal(tokens, table, dtype="<u4")], options)


@pytest.mark.parametrize("held_out", [None, Validation(share=0.1)])
def test_a_part_without_documents_has_a_table_without_lines(held_out: Validation | None, tmp_path: Path) -> None:
    tokens = write_tokens(tmp_path / "tokens", random_documents(60, 3), per_part=20)
    table = pq.read_table(tokens / "part-00001.parquet")
    pq.write_table(table.slice(0, 0), tokens / "part-00001.parquet")
    (tokens / "part-00001.bin").write_bytes(b"")
    manifest = read_manifest(tokens)
    files = {name: hash_file(tokens / name) for name in manifest.files}
    write_manifest(tokens, Manifest("tokenize", 1, {}, {}, {}, files, manifest.summary))
    dataset = pack(tmp_path / "dataset", [tokens], with_options(validation=held_out, window=7))
    assert [len(pq.read_table(path)) for path in sorted((dataset / "documents").iterdir())] == [20, 0, 20]
    assert verify(dataset, "deep") == []


def test_two_strata_of_one_name_are_refused(tmp_path: Path) -> None:
    documents = [
        Document("1", [5] * 90, source="a/b", language="c"),
        Document("2", [5] * 90, source="a", language="b/c"),
    ]
    tokens = write_tokens(tmp_path / "tokens", documents)
    with pytest.raises(InputError, match="two strata have the name 'a/b/c/arabic'; rename a source"):
        make_plan([Sealed(tokens)], with_options(validation=None))


@pytest.mark.fault(24)
@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"format": 2}', b'{"format": 1}', b"\xff"])
def test_an_invalid_plan_is_refused(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(text)
    with pytest.raises(Damaged, match=r"plan\.json"):
        Plan.read(tmp_path)


def test_a_missing_plan_is_unsealed(tmp_path: Path) -> None:
    with pytest.raises(Unsealed, match="pack again"):
        Plan.read(tmp_path)
