"""Analyses of camel-tools become cuts of the word, and the corpus chooses among them; no network is needed."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.tokenization.buckwalter import convert
from tokenization.errors import SegmenterError
from tokenization.morphology import (
    CamelSegmenter,
    RuleSegmenter,
    database_path,
    open_segmenter,
    read_gold,
    score,
    segments,
    spell_analysis,
)
from tokenization.training import PretokenCounts, word_counts


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Buckwalter's tables of 2002, as camel-tools reads them."""
    return convert(tmp_path_factory.mktemp("camel") / "buckwalter.db")


@pytest.mark.parametrize(
    ("morphemes", "word", "wanted"),
    [
        ("وَ/CONJ+بِ/PREP+ال/DET+مَدْرَس/NOUN+َة/NSUFF_FEM_SG+ِ/CASE_DEF_GEN", "وبالمدرسة", "و ب ال مدرس ة"),
        ("سَ/FUT+يَ/IV3MP+كْتُب/VERB_IMPERFECT+ُونَ/IVSUFF_SUBJ:MP_MOOD:I+ها/IVSUFF_DO:3FS", "سيكتبونها", "س يكتب ون ها"),
        ("لِ/PREP+ال/DET+طاق/NOUN+َة/NSUFF_FEM_SG", "للطاقة", "ل ل طاق ة"),
        ("لِ/PREP+ال/DET+لُغ/NOUN+َة/NSUFF_FEM_SG", "للغة", "ل ل غ ة"),
        ("مَدْرَس/NOUN+َة/NSUFF_FEM_SG+ُ/CASE_DEF_NOM+هُم/POSS_PRON_3MP", "مدرستهم", "مدرس ة هم"),
        ("بِ/PROG_PART+يِ/IV3MS+كْتِب/IV+ش/NEG_PART", "بيكتبش", "ب يكتب ش"),
        ("إِلَى/PREP", "الي", "إلى"),  # spelled loosely
        ("كِتاب/NOUN", "كتب", None),  # does not make up the word
        ("", "كتب", None),
    ],
)  # fmt: skip
def test_morphemes_are_laid_on_the_spelling(morphemes: str, word: str, wanted: str | None) -> None:
    found = spell_analysis(morphemes, word)
    assert wanted == (found and " ".join((*found[0], found[1], *found[2])))


def test_the_stem_stands_before_what_negates_it() -> None:
    assert spell_analysis("مَا/NEG_PART+بِ/PROG_PART+يِ/IV3MS+كْتِب/IV+ش/NEG_PART", "مابيكتبش") == (
        ("ما", "ب"),
        "يكتب",
        ("ش",),
    )
    assert spell_analysis("مَا/NEG_PART", "ما") == ((), "ما", ())


def test_the_corpus_chooses_and_unknown_words_go_to_the_other_segmenter(database: Path) -> None:
    words = {"والكتاب": 9, "كتاب": 90, "كتابهم": 8, "المدرسة": 20, "مدرسة": 40, "خليفة": 30, "فخخفشة": 3}
    camel = CamelSegmenter(database, words, RuleSegmenter())
    cut = {
        word: "+".join(segments(word, cuts)) for word, cuts in zip(words, camel.boundaries(list(words)), strict=True)
    }
    assert cut["والكتاب"] == "و+ال+كتاب"
    assert cut["كتابهم"] == "كتاب+هم"
    assert cut["المدرسة"] == "ال+مدرس+ة"
    assert cut["فخخفشة"] == "ف+خخفش+ة"  # no analysis: as the rules have it
    assert camel.boundaries(["كتابها"]) == camel.boundaries(["x", "كتابها"])[1:] == [(4,)]  # not in the corpus
    assert CamelSegmenter(database, {}, RuleSegmenter()).boundaries(["كتابها"]) in ([(4,)], [()])  # no corpus at all


def test_camel_reaches_its_goal_on_wikinews_with_open_tables(
    database: Path, samples: Path, real_counts: PretokenCounts
) -> None:
    gold = read_gold(samples / "gold/wikinews_tokens.tsv")
    types = sorted({word for word, _ in gold})
    corpus = dict(Counter(word_counts(real_counts)).most_common(8_000)) | dict.fromkeys(types, 1)
    found = CamelSegmenter(database, corpus, RuleSegmenter()).boundaries(types)
    assert score(gold, dict(zip(types, found, strict=True))).f1 >= 0.96


def test_a_missing_database_is_told_with_the_command_that_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMELTOOLS_DATA", str(tmp_path))
    with pytest.raises(SegmenterError, match="camel_data -i morphology-db-egy-r13"):
        database_path("calima-egy-r13")
    with pytest.raises(SegmenterError, match="camel_data -i morphology-db-msa-r13"):
        open_segmenter("camel")
    with pytest.raises(SegmenterError, match=r"no such database; name a database"):
        database_path(str(tmp_path / "x.db"))
    there = tmp_path / "data/morphology_db/calima-msa-r13/morphology.db"
    there.parent.mkdir(parents=True)
    there.touch()
    assert database_path(None) == database_path(str(there)) == there


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_text("###DEFINES###\nno more\n")
    with pytest.raises(SegmenterError, match=r"x\.db: is no database of camel-tools"):
        CamelSegmenter(path, {}, RuleSegmenter())


def test_importing_camel_tools_needs_no_network_and_leaves_the_environment_alone(database: Path) -> None:
    code = (
        "import os, socket; socket.socket.connect = None; before = dict(os.environ)\n"
        "from pathlib import Path; from tokenization.morphology import CamelSegmenter, RuleSegmenter\n"
        f"camel = CamelSegmenter(Path({str(database)!r}), {{}}, RuleSegmenter())\n"
        "print(camel.boundaries(['مدرسة'])); assert dict(os.environ) == before"
    )
    environment = {name: value for name, value in os.environ.items() if name != "CAMELTOOLS_DATA"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[(")
