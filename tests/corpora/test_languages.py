"""Every name of a language has one label of the dataset, and what is no language is refused with the closest names."""

import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langcodes import Language

from corpora.errors import UnknownLanguage
from corpora.languages import is_arabic, is_code, known, label, label_of_path
from examples import EXAMPLES

NAMES = {
    "arb_Arab": """
        ar|AR|ara|arb|ar-001|ar-SA|ar-EG|ar_EG.UTF-8|ara-EG|ar-Arab|arb-Arab|ARB_ARAB|ara_Arab|__label__arb_Arab|Arabic
        |ARABIC|Standard Arabic|Arabic, Standard|Modern Standard Arabic|modern_standard_arabic|Classical Arabic|MSA
        |Arabic (Standard)|arabe|Arabisch|\u200fعربي\u200e|عربي|عربية|العربية|اللغة العربية|العربيّة|الفصحى
        |العربية الفصحى|فصحى|العربية الفصحى الحديثة|Arabic language
    """,
    "arz_Arab": """
        arz|arz-EG|ar-arz|arz_Arab|Egyptian Arabic|egyptian|Egyptian_Arabic|egyptian-arabic|Arabic, Egyptian Spoken
        |Arabic (Egyptian)|EGY|egy|masri|العربية المصرية|المصرية|اللهجة المصرية|لهجة مصرية|عامية مصرية|العامية المصرية
        |المصري
    """,
    "ary_Arab": "ary|Moroccan|Moroccan Arabic|Darija|الدارجة|الدارجة المغربية|العربية المغربية|Spoken Moroccan Arabic",
    "apc_Arab": """
        apc|ajp|ajp_Arab|apc-SY|Levantine Arabic|South Levantine Arabic|North Levantine|LEV|shami|Lebanese|Palestinian
        |اللهجة الشامية|شامي|لبنانية
    """,
    "ars_Arab": "ars|Najdi|Najdi Arabic|Saudi Arabic|نجدي|اللهجة النجدية",
    "afb_Arab": "afb|Gulf Arabic|GLF|khaleeji|Kuwaiti|خليجية|اللهجة الخليجية",
    "acm_Arab": "acm|Iraqi|Mesopotamian Arabic|عراقي|اللهجة العراقية",
    "aeb_Arab": "aeb|Tunisian|Tunisian Arabic|تونسي",
    "arq_Arab": "arq|Algerian Arabic|جزائرية",
    "apd_Arab": "apd|Sudanese Arabic|سوداني",
    "ayl_Arab": "ayl|Libyan Arabic|ليبية",
    "mey_Arab": "mey|Hassaniya|حسانية",
    "pga_Arab": "pga|Sudanese Creole Arabic|Juba Arabic",
    "shu_Arab": "shu|Chadian Arabic",
    "arb_Latn": "ar-Latn|ara_Latn|arb_Latn|Arabizi",
    "eng_Latn": "en|EN|eng|en-US|en_GB.UTF-8|eng_Latn|English|english|الإنجليزية|انجليزي|اللغة الانجليزية",
    "fas_Arab": "fa|per|fas|pes|pes_Arab|fas_Arab|fa-IR|Persian|Farsi|Persian (Farsi)|فارسی|الفارسية|فارسي",
    "urd_Arab": "ur|urd|urd_Arab|Urdu|اردو|أردو|الأوردية",
    "ckb_Arab": "ckb|ku-Arab|kur_Arab|Central Kurdish",
    "kmr_Latn": "ku|kmr|kur_Latn|Northern Kurdish",
    "pbt_Arab": "ps|pus|pbt_Arab|Pashto",
    "fra_Latn": "fr|fra|fre|fr-CA|French|français|الفرنسية",
    "cmn_Hani": "zh|zho|chi|cmn|zh-TW|zh-Hans|zho_Hant|cmn_Hani|Chinese|Mandarin Chinese|Chinese, Mandarin|中文",
    "yue_Hani": "yue|zh-yue|yue_Hant|Cantonese",
    "srp_Latn": "sh|sr-Latn|srp_Latn",
    "heb_Hebr": "he|iw|heb|Hebrew|עברית|العبرية",
    "zsm_Latn": "ms|msa|may|zsm_Latn|Malay",
    "und": "und|UND|unknown|mul|mis|zxx|und_Zzzz|غير معروف",
    "und_Arab": "und_Arab|und-Arab",
}
SPELLINGS = [(name.strip(), label) for label, names in NAMES.items() for name in re.split(r"\s*\|\s*", names.strip())]


@pytest.mark.parametrize(("name", "expected"), SPELLINGS, ids=lambda value: ascii(value))
def test_every_name_of_a_language_has_the_datasets_label(name: str, expected: str) -> None:
    assert label(name) == expected
    assert label(f"  {name}\n") == expected


CODES = st.from_regex(r"[a-z]{2,3}([_-][A-Z][a-z]{3})?([_-][A-Z]{2})?", fullmatch=True)


@settings(max_examples=10 * EXAMPLES, deadline=None)
@given(CODES | st.text(max_size=20))
def test_a_label_is_its_own_label_whatever_the_name_was(name: str) -> None:
    resolved = known(name)
    if resolved is not None:
        assert label(resolved) == resolved
        assert " " not in resolved
        assert resolved == "und" or is_code(resolved) or re.fullmatch(r"[a-z]{3}_[A-Z][a-z]{3}", resolved)


def test_every_label_of_fineweb_2_and_glotlid_is_kept_or_is_that_of_a_member_of_its_macrolanguage() -> None:
    from datatrove.utils.typeshelper import Languages

    labels = {value for value in vars(Languages).values() if re.fullmatch(r"[a-z]{3}_[A-Z][a-z]{3}", str(value))}
    assert len(labels) > 2_000
    changed = {name: known(name) for name in labels if known(name) != name}
    assert all(resolved is not None and known(resolved) == resolved for resolved in changed.values())
    assert {"arb_Arab", "arz_Arab", "ary_Arab", "ars_Arab", "apc_Arab", "aeb_Arab", "fas_Arab"} <= labels - {*changed}
    whole = {"ajp", "ara", "zxx"} | {name[:3] for name in changed if Language.get(name[:3]).language != name[:3]}
    assert {name[:3] for name in changed} <= whole | {"msa", "kur", "nor", "ful"}


@pytest.mark.parametrize(
    "name", ["Python", "C++", "C#", "JavaScript", "python", "Jupyter Notebook", "Vue", "Lua", "php"]
)
def test_names_of_programming_languages_stay(name: str) -> None:
    assert label(name) == name.replace(" ", "-")
    assert is_code(label(name))


@pytest.mark.parametrize("name", ["arb_Arab", "arz_Arab", "shu_Arab", "mey_Arab"])
def test_varieties_of_arabic_are_arabic(name: str) -> None:
    assert is_arabic(name)
    assert not is_code(name)


@pytest.mark.parametrize("name", ["fas_Arab", "urd_Arab", "eng_Latn", "arb_Latn", "und", "Python"])
def test_other_languages_and_scripts_are_not_arabic(name: str) -> None:
    assert not is_arabic(name)


@pytest.mark.parametrize(
    ("name", "closest"),
    [
        ("egyptain", "egyptian"),
        ("Arabik", "Arabic"),
        ("Levantin Arabic", "Levantine Arabic"),
        ("arz_Arav", "arz_Arab"),
        ("klingonish", "Klingon"),
        ("", ""),
        ("language", ""),
        ("text", ""),
        ("xx", ""),
        ("qaa", ""),
        ("ar,en", ""),
        ("x" * 10_000, ""),
        ("ar\0", ""),
        ("Eng\0lish", ""),
        ("\ud800", ""),
        ("\0\u0800", ""),
    ],
)
def test_what_is_no_language_is_refused_with_the_closest_names(name: str, closest: str) -> None:
    with pytest.raises(UnknownLanguage) as caught:
        label(name)
    assert closest in str(caught.value)
    assert "arb_Arab" in str(caught.value)
    assert len(str(caught.value)) < 500
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("data/arz_Arab/train/000_00001.parquet", "arz_Arab"),
        ("hf://datasets/HuggingFaceFW/fineweb-2/data/ars_Arab/test/0.parquet", "ars_Arab"),
        ("data/arb_Arab_removed/train/0.parquet", "arb_Arab"),
        ("/data/eng_Latn/old/arz_Arab/0.parquet", "arz_Arab"),
        ("set/language=arz_Arab/part-0.parquet", "arz_Arab"),
        ("set/lang=ar/year=2024/part-0.parquet", "arb_Arab"),
        ("set/language=Egyptian%20Arabic/part-0.parquet", "arz_Arab"),
        ("set/LANG=ara_Arab/part-0.parquet", "arb_Arab"),
        (r"C:\set\lang=arz\part.jsonl", "arz_Arab"),
        ("ara_Arab.jsonl.zst", "arb_Arab"),
        ("ajp_Arab/text.txt", "apc_Arab"),
        ("lang=klingonish/text.txt", ""),
        ("home/ar/text.txt", ""),
        ("old_Arab/text.txt", ""),
        ("my_Book/the_Best.txt", ""),
        ("en/arb_Arab2/text.txt", ""),
        ("", ""),
    ],
)
def test_a_path_gives_a_label_as_a_folder_a_file_or_a_partition(path: str, expected: str) -> None:
    assert label_of_path(path) == expected


def test_frequent_labels_need_no_tables() -> None:
    code = "import sys; from corpora.languages import label; label('ar'), label('arz_Arab'); print(*sys.modules)"
    root = Path(__file__).parents[2]
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root).stdout
    assert not {"langcodes", "language_data", "pygments", "datatrove"} & set(loaded.split())
