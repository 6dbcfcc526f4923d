"""Quality rules: decisions and reasons equal datatrove's; profiles; every dropped document is counted."""

import subprocess
import sys
from itertools import product
from typing import Any

import pytest
from bulk import texts
from datatrove.data import Document
from datatrove.pipeline.filters.gopher_repetition_filter import find_all_duplicate, find_top_duplicate, get_n_grams
from hypothesis import example, given
from hypothesis import strategies as st
from theirs import filters, reason

from corpora.document_counts import DocumentCounter
from corpora.languages import is_arabic
from corpora.quality import Filter, Limits, Meter, Profiles, code_rules, failed_rule, fineweb_2
from corpora.quality.filter import BY_CATEGORY, thresholds_of
from corpora.quality.text_rules import CLASSICAL, MATH, NEAREST, STORIES, VERSE
from corpora.sources import SOURCES

VARIETIES = ("arb_Arab", "arz_Arab", "ars_Arab", "ary_Arab", "apc_Arab")
CHAINS = {language: filters(language, fineweb_2()[language]) for language in VARIETIES}
METER = Meter()

SENTENCE = "ذهب الولد إلى المدرسة في الصباح مع أخيه ثم عاد من هناك بعد الظهر وجلس يقرأ كتابا عن تاريخ المدينة القديمة."
GOOD = (
    "وكان الناس في تلك السنة يخرجون من بيوتهم إلى السوق ليشتروا ما يحتاجون إليه على عادتهم القديمة ثم يعودون مساء "
    "ومعهم أولادهم الصغار حاملين أكياس الطعام والفاكهة فرحين بما وجدوه عند التجار الذين جاؤوا من المدن البعيدة "
    "يبيعون القماش والعطور وأدوات البيت بأسعار لا يعرفها أهل القرية قبل ذلك العام الذي كثر فيه المطر."
)


def ours(text: str, language: str) -> str:
    rules = fineweb_2()[language]
    return failed_rule(METER(text, rules.stop_words), rules)


def agree(text: str) -> None:
    for language in VARIETIES:
        assert ours(text, language) == reason(text, CHAINS[language]), (language, text[:300])


def numbered(count: int, form: str = "{}") -> str:
    """Return `count` different words."""
    letters = "بتثجحخدذرزسشصضطظعغفقكلمنهي"
    return " ".join(
        form.format(a + b + c) for (a, b, c), _ in zip(product(letters, repeat=3), range(count), strict=False)
    )


PROVOKED = {
    "empty": ("", "  \t ", "\n\t\n "),
    "dup_line_frac": ("\n".join([SENTENCE] * 3), "\n\n"),
    "top_2_gram": (" ".join(f"في البيت {word}" for word in numbered(40).split()),),
    "top_3_gram": (" ".join(word + " في هذا البيت" * (n % 3 == 0) for n, word in enumerate(numbered(60).split())),),
    "top_4_gram": (" ".join(f"{numbered(95)[n : n + 75]} قال له يا صاحبي" for n in range(0, 380, 76)),),
    "duplicated_5_n_grams": (f"{GOOD} {numbered(60)} {GOOD[:200]}",),
    "line_punct_ratio": (GOOD.replace(" ثم", "\nثم").rstrip("."),),
    "char_dup_ratio": ("\n".join([SENTENCE, *numbered(180).split(" ")[:1], GOOD, SENTENCE, numbered(30) + "."]),),
    "list_ratio": (numbered(100).replace(" ", ".\n") + ".",),
    "gopher_short_doc": (GOOD[:200] + ".",),
    "gopher_long_doc": (" ".join(f"{number:x}" for number in range(100_100)) + ".",),
    "gopher_below_avg_threshold": (" ".join(chr(0x4E00 + number) for number in range(80)) + ".",),
    "gopher_above_avg_threshold": (numbered(80, "{0}ابتثجحخد{0}") + ".",),
    "gopher_too_many_hashes": (GOOD.replace(" ", " # "),),
    "gopher_too_many_ellipsis": (GOOD.replace(" ", "… "),),
    "gopher_too_many_bullets": ("\n".join("- " + numbered(300)[n : n + 90] + "." for n in range(0, 900, 90)),),
    "gopher_too_many_end_ellipsis": (GOOD.replace(" ثم", "...\nثم").replace(" من", "...\nمن").rstrip(".") + "...",),
    "gopher_below_alpha_threshold": (numbered(60) + " " + " ".join(map(str, range(1000, 1030))) + ".",),
    "gopher_enough_stop_words": (numbered(80) + ".",),
}  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "text"), [(name, text) for name, failing_texts in PROVOKED.items() for text in failing_texts]
)
def test_every_rule_can_be_failed_and_datatrove_gives_the_same_reason(expected: str, text: str) -> None:
    language = next((variety for variety in VARIETIES if ours(text, variety) == expected), VARIETIES[0])
    assert ours(text, language) == reason(text, CHAINS[language]) == expected


def test_a_good_document_is_kept() -> None:
    assert ours(GOOD, "arb_Arab") == reason(GOOD, CHAINS["arb_Arab"]) == ""


def test_counts_of_repeated_n_grams_of_every_length_are_datatroves() -> None:
    words = numbered(120).split()
    for place in range(0, 90, 9):
        text = " ".join(
            words + words[place : place + 12] + words[place : place + 7] + words[place // 2 : place // 2 + 10]
        )
        repeated = tuple(find_all_duplicate(text.split(), n) for n in range(5, 11))
        top = tuple(find_top_duplicate(get_n_grams(text.split(), n)) for n in (2, 3, 4))
        counts = METER(text)
        assert (counts.top, counts.repeated) == (top, repeated)
        assert all(repeated)


PARTS = st.sampled_from(
    [*"\n\n\r\v\u2028\x00 #-•.…،؟!وب1", "...", "\r\n", " في ", " من ", " على ", SENTENCE, SENTENCE + "\n", GOOD, "- ",
     numbered(9) + " ", "a b ab a b ab ", "\ufdfa", "\U0001f600", "::) ", "http://a.bc/d "]
)  # fmt: skip


@given(st.lists(PARTS, max_size=30).map("".join))
@example("ab c ab c a bc a bc abc " * 20)
@example("a\r\nb\rc\n\r\nd\x85...\n- x")
def test_decisions_and_reasons_on_any_document_are_datatroves(text: str) -> None:
    agree(text)


def test_decisions_and_reasons_on_real_documents_are_datatroves(samples: Any) -> None:
    kept = dropped = 0
    for name, text in texts(samples, 5, skip=300):
        for language in VARIETIES:
            our_reason = ours(text, language)
            assert our_reason == reason(text, CHAINS[language]), (name, language)
            kept, dropped = kept + (our_reason == ""), dropped + (our_reason != "")
    assert kept > 10
    assert dropped > 20


@pytest.mark.parametrize(
    "text",
    ["", "\x00", "\x00" * 300, "كلمة" * 5_000, "(" * 2_000, "\n" * 5_000, ".\n" * 900, "a.b:c@" * 900, " " * 99 + "x"],
)  # fmt: skip
def test_decisions_on_unusual_documents_are_datatroves(text: str) -> None:
    agree(text)


def test_the_counts_of_a_text_do_not_depend_on_the_size_of_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n" + (GOOD + "\r\n\n- " + SENTENCE + "...\n" + numbered(50)) * 3
    whole = METER(text)
    monkeypatch.setattr("corpora.quality.statistics.BLOCK", 200)
    assert Meter()(text) == whole


HUGE = """
from corpora.quality import Filter, Limits
from corpora.document_counts import DocumentCounter
from datatrove.data import Document
line = " ".join("وكتب" + chr(0x628 + n % 30) + chr(0x628 + n // 30 % 30) + chr(0x628 + n * 7 % 30) for n in range(900))
text = "\\n".join(line[n % 4000:] for n in range(14_000))[:54_000_000]
size = len(text.encode())
step = Filter(Limits(), DocumentCounter(), lambda _: "web")
columns = {"category": "arabic", "language": "arb_Arab", "license": "", "metadata": {}}
decision = step.filter(Document(text=text, id="1", metadata=columns))
# VmHWM, because ru_maxrss includes the memory of the parent process
print(size, decision[1], next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


@pytest.mark.fault(16)
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_document_of_100_mb_is_filtered_in_less_than_1_gb() -> None:
    done = subprocess.run([sys.executable, "-c", HUGE], capture_output=True, text=True, check=True)
    size, drop_reason, peak = done.stdout.split()
    assert int(size) > 95_000_000
    assert drop_reason == "dup_line_frac"
    assert int(peak) << 10 < 1_000_000_000


# -- profiles -------------------------------------------------------------------------------------------------


def test_web_has_fineweb_2s_thresholds_for_arabic_and_none_for_other_text() -> None:
    assert thresholds_of("web", "arz_Arab") == fineweb_2()["arz_Arab"]
    assert thresholds_of("web", "ara_Arab") == fineweb_2()["arb_Arab"]
    assert thresholds_of("web", "eng_Latn") is None
    assert thresholds_of("none", "arb_Arab") is None


def profile(source: str, category: str, language: str = "arb_Arab", **options: Any) -> str:
    columns = {"category": category, "language": language, "metadata": {}}
    return Profiles(SOURCES[source](**options))(columns)


def test_a_source_asks_for_the_profile_of_its_text() -> None:
    assert profile("oscar", "arabic") == profile("oscar", "arabic", "arz_Arab") == "web"
    assert profile("openiti", "classical") == "classical"
    assert profile("hadith-json", "classical") == profile("lk-hadith", "classical") == "reference"
    assert profile("hadith-api", "classical") == profile("tafsir-api", "classical") == "reference"
    assert profile("hadith-api", "english", "eng_Latn") == profile("quran-json", "classical") == "none"
    assert profile("fineweb-2", "arabic") == profile("quran", "classical") == profile("gsm8k", "math") == "none"
    assert profile("saudinewsnet", "arabic") == "none"
    assert profile("the-stack-v2", "code") == "code"
    assert profile("arastories", "arabic") == "stories"
    for source in SOURCES:
        for category in BY_CATEGORY:
            assert profile(source, category)


def test_own_text_in_a_dialect_is_held_to_the_rules_of_dialect() -> None:
    for source in ("text", "jsonl", "csv", "parquet"):
        assert profile(source, "arabic", "apc_Arab") == profile(source, "arabic", "ajp_Arab") == "dialect"
        assert profile(source, "arabic", "arb_Arab") == "web"
        assert profile(source, "math", "arz_Arab") == "math"
        assert profile(source, "english", "eng_Latn") == "none"


def test_one_profile_for_all_is_that_profile() -> None:
    assert Profiles(SOURCES["quran"](), "web")({"category": "classical", "language": "arb_Arab"}) == "web"


def test_a_variety_without_thresholds_has_those_of_its_nearest_relative() -> None:
    assert thresholds_of("web", "ajp_Arab") == fineweb_2()["apc_Arab"]
    assert thresholds_of("web", "afb_Arab") == fineweb_2()["ars_Arab"]
    assert thresholds_of("web", "ayl_Arab") == fineweb_2()["aeb_Arab"]
    for variety, relative in NEAREST.items():
        assert is_arabic(variety)
        assert variety not in fineweb_2()
        assert relative in fineweb_2()
        assert thresholds_of("web", variety) is fineweb_2()[relative]


def test_profiles_keep_their_text_and_drop_repetition() -> None:
    vowels = "وَحَدَّثَنَا أَبُو بَكْرٍ عَنْ سُفْيَانَ عَنِ الزُّهْرِيِّ عَنْ سَالِمٍ عَنْ أَبِيهِ أَنَّ النَّبِيَّ قَالَ"
    verse = "\n".join(f"{numbered(40)[n : n + 19]} ... {numbered(90)[n + 50 : n + 69]}" for n in range(0, 100, 20))
    formula = "Let the sum of x and 3 y be 11, so 2 x + 3 y = 19 and hence x = 8; this proves that y = 1 for every z."
    story = "\n".join([SENTENCE, GOOD[:120] + ".", numbered(30) + "."])
    for rules, text in ((CLASSICAL, vowels), (VERSE, verse), (MATH, formula), (STORIES, story)):
        assert failed_rule(METER(text), rules) == ""
        assert failed_rule(METER("قال " * 400), rules) == "top_2_gram"


LICENCES = {
    "MIT": "",
    "": "",
    "GPL-3.0-only": "licence",
    "MIT AND AGPL-3.0": "licence",
    "MIT OR GPL-2.0-only": "",
    "CC-BY-NC-4.0": "licence",
}


@pytest.mark.parametrize(("licence", "expected"), LICENCES.items())
def test_code_with_a_restrictive_licence_is_dropped(licence: str, expected: str) -> None:
    assert code_rules.failed_rule("x = 1\n", "a.py", licence) == expected


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("src/main.py", "def f(x):\n    return x + 1\n", ""),
        ("web/node_modules/a/index.js", "let a = 1;\n", "vendored"),
        ("third_party/a.c", "int a;\n", "vendored"),
        ("a_pb2.py", "x = 1\n", "generated"),
        ("a.py", "# Code generated by tool. DO NOT EDIT.\nx = 1\n", "generated"),
        ("a.py", "x = 1\n" * 9 + "# generated by hand\n", ""),
        ("jquery.min.js", "let a=1;\n", "minified"),
        ("a.js", "a=b;" * 300, "minified"),
        ("a.py", "x = [" + "1234, " * 300 + "]\n" + "y = 2\n" * 50, "long_lines"),
        ("a.txt", "{};()[] = ''\n" * 20, "few_letters"),
        ("a.py", "", ""),
    ],
)
def test_code_that_is_not_written_by_hand_is_dropped(path: str, text: str, expected: str) -> None:
    assert code_rules.failed_rule(text, path, "") == expected


def test_dropped_documents_are_counted_by_reason_and_kept_aside_on_request() -> None:
    def documents() -> list[Document]:
        columns = {"source": "jsonl", "category": "arabic", "language": "arb_Arab", "license": ""}
        inputs = ("قصير", GOOD, numbered(80) + ".", "x")
        return [Document(text=text, id=str(n), metadata={**columns, "metadata": {}}) for n, text in enumerate(inputs)]

    aside: list[Document] = []
    counter = DocumentCounter()
    step = Filter(Limits(min_chars=2), counter, lambda _: "web", aside)
    for _ in range(2):  # each run begins with empty counts and an empty `aside`
        counter.reset()
        for document in documents():
            counter.count_input(len(document.text.encode()), len(document.text))
        for document in step.run(documents()):
            counter.count_output(document)
        assert counter.balanced
        assert counter.dropped["documents"] == {"line_punct_ratio": 1, "gopher_enough_stop_words": 1, "too short": 1}
        assert [(document.id, document.metadata["metadata"]["filter_reason"]) for document in aside] == [
            ("0", "line_punct_ratio"), ("2", "gopher_enough_stop_words"), ("3", "too short"),
        ]  # fmt: skip
