"""Analyses of camel-tools give boundaries, the corpus chooses among them, and no network is needed."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

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


@pytest.mark.parametrize(
    ("morphemes", "word", "expected"),
    [
        ("وَ/CONJ+بِ/PREP+ال/DET+مَدْرَس/NOUN+َة/NSUFF_FEM_SG+ِ/CASE_DEF_GEN", "وبالمدرسة", "و ب ال مدرس ة"),
        ("سَ/FUT+يَ/IV3MP+كْتُب/VERB_IMPERFECT+ُونَ/IVSUFF_SUBJ:MP_MOOD:I+ها/IVSUFF_DO:3FS", "سيكتبونها", "س يكتب ون ها"),
        ("لِ/PREP+ال/DET+طاق/NOUN+َة/NSUFF_FEM_SG", "للطاقة", "ل ل طاق ة"),
        ("لِ/PREP+ال/DET+لُغ/NOUN+َة/NSUFF_FEM_SG", "للغة", "ل ل غ ة"),
        ("مَدْرَس/NOUN+َة/NSUFF_FEM_SG+ُ/CASE_DEF_NOM+هُم/POSS_PRON_3MP", "مدرستهم", "مدرس ة هم"),
        ("بِ/PROG_PART+يِ/IV3MS+كْتِب/IV+ش/NEG_PART", "بيكتبش", "ب يكتب ش"),
        ("إِلَى/PREP", "الي", "إلى"),  # spelled loosely
        ("كِتاب/NOUN", "كتب", None),  # does not concatenate to the word
        ("", "كتب", None),
    ],
)  # fmt: skip
def test_morphemes_become_segments_as_spelled(morphemes: str, word: str, expected: str | None) -> None:
    analysis = spell_analysis(morphemes, word)
    assert expected == (analysis and " ".join((*analysis[0], analysis[1], *analysis[2])))


def test_the_stem_stands_before_what_negates_it() -> None:
    assert spell_analysis("مَا/NEG_PART+بِ/PROG_PART+يِ/IV3MS+كْتِب/IV+ش/NEG_PART", "مابيكتبش") == (
        ("ما", "ب"),
        "يكتب",
        ("ش",),
    )
    assert spell_analysis("مَا/NEG_PART", "ما") == ((), "ما", ())


def test_the_corpus_chooses_and_unknown_words_go_to_the_other_segmenter(buckwalter: Path) -> None:
    words = {"والكتاب": 9, "كتاب": 90, "كتابهم": 8, "المدرسة": 20, "مدرسة": 40, "خليفة": 30, "فخخفشة": 3}
    camel = CamelSegmenter(buckwalter, words, RuleSegmenter())
    split = {
        word: "+".join(segments(word, boundaries))
        for word, boundaries in zip(words, camel.boundaries(list(words)), strict=True)
    }
    assert split["والكتاب"] == "و+ال+كتاب"
    assert split["كتابهم"] == "كتاب+هم"
    assert split["المدرسة"] == "ال+مدرس+ة"
    assert split["فخخفشة"] == "ف+خخفش+ة"  # no analysis: the rules' segmentation
    assert camel.boundaries(["كتابها"]) == camel.boundaries(["x", "كتابها"])[1:] == [(4,)]  # not in the corpus


def test_camel_reaches_its_goal_on_wikinews_with_open_tables(
    buckwalter: Path, samples: Path, real_counts: PretokenCounts
) -> None:
    gold = read_gold(samples / "gold/wikinews_tokens.tsv")[::3]
    types = sorted({word for word, _ in gold})
    corpus = dict(Counter(word_counts(real_counts)).most_common(3_000)) | dict.fromkeys(types, 1)
    predicted = CamelSegmenter(buckwalter, corpus, RuleSegmenter()).boundaries(types)
    assert score(gold, dict(zip(types, predicted, strict=True))).f1 >= 0.96


def test_a_missing_database_is_refused_with_the_command_that_downloads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMELTOOLS_DATA", str(tmp_path))
    with pytest.raises(SegmenterError, match="camel_data -i morphology-db-egy-r13"):
        database_path("calima-egy-r13")
    with pytest.raises(SegmenterError, match="camel_data -i morphology-db-msa-r13"):
        open_segmenter("camel")
    with pytest.raises(SegmenterError, match=r"x\.db: .*does not exist.*path of a camel-tools database"):
        database_path(str(tmp_path / "x.db"))
    there = tmp_path / "data/morphology_db/calima-msa-r13/morphology.db"
    there.parent.mkdir(parents=True)
    there.touch()
    assert database_path(None) == database_path(str(there)) == there


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_text("###DEFINES###\nno more\n")
    with pytest.raises(SegmenterError, match=r"x\.db: .*download it again"):
        CamelSegmenter(path, {}, RuleSegmenter())


def test_importing_camel_tools_needs_no_network_and_leaves_the_environment_alone(buckwalter: Path) -> None:
    code = (
        "import os, socket; socket.socket.connect = None; before = dict(os.environ)\n"
        "from pathlib import Path; from tokenization.morphology import CamelSegmenter, RuleSegmenter\n"
        f"camel = CamelSegmenter(Path({str(buckwalter)!r}), {{}}, RuleSegmenter())\n"
        "print(camel.boundaries(['كتابها'])); assert dict(os.environ) == before"
    )
    environment = {name: value for name, value in os.environ.items() if name != "CAMELTOOLS_DATA"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("[(4,)]", "[()]")  # there is no corpus to choose by
