"""Language labels of documents, and the label of any name of a language.

A label has the form of FineWeb-2 and GlotLID: ISO 639-3 language and ISO 15924 script, for example `arb_Arab`. `label`
takes codes (ISO 639-1, -2, -3), BCP 47 tags, labels of other corpora, and names in English, Arabic or the language
itself. Rules:

- A macrolanguage becomes the member in which such text is usually written (`_MEMBER_OF`): `ar` is arb_Arab.
- A region names where a language is used, not a variety: `ar-EG` is arb_Arab, as CLDR has it (its most likely region
  of `ar` is Egypt). The variety is `arz`, or "Egyptian Arabic".
- A language without a script gets the script that FineWeb-2 lists first for it, else CLDR's most likely script.
- Names of programming languages are labels as they are. A code that is both, such as `lua`, is the natural language.
- `und`, or `und_` with a script, is text of an undetermined language.

Facts: FineWeb-2's languages and scripts are in datatrove (assets/tokenizer_assignment.csv). Codes, names and likely
scripts are those of IANA and CLDR, by `langcodes`. Programming languages are those of pygments and The Stack. All are
read when a name is not in the table of frequent names.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from corpora.errors import UnknownLanguage

UNDETERMINED = "und"
"""Language of a document whose source names none (ISO 639-3)."""

_FREQUENT = {"ar": "arb_Arab", "en": "eng_Latn", "fr": "fra_Latn", "fa": "fas_Arab", "ur": "urd_Arab"} | {
    label: label for label in ("arb_Arab", "arz_Arab", "ars_Arab", "ary_Arab", "apc_Arab", "eng_Latn", UNDETERMINED)
}

# Members of the macrolanguage `ara` in ISO 639-3, with those that left it (ajp, mey). Others, such as Persian and
# Urdu, have kaf and yeh of their own.
_MEMBERS = """
aao abh abv acm acq acw acx acy adf aeb aec afb ajp apc apd ara arb arq ars ary arz auz avl ayh ayl ayn ayp mey pga shu
ssh
"""
_ARABIC = frozenset(_MEMBERS.split())

# Macrolanguages and retired codes. Those of FineWeb-2 that have no member there, such as `hau`, keep their code.
_MEMBERS_OF = """
ara:arb ajp:apc aym:ayr aze:azj bih:bho est:ekk fa:fas ful:fuv grn:gug kur:kmr lav:lvs mlg:plt mon:khk msa:zsm nep:npi
nor:nob ori:ory orm:gaz pes:fas pus:pbt sqi:als swa:swh tgl:fil uzb:uzn yid:ydd zho:cmn
"""
_MEMBER_OF = {code: member for code, _, member in (pair.partition(":") for pair in _MEMBERS_OF.split())}
_MEMBER_IN_SCRIPT = {("kur", "Arab"): "ckb", ("aze", "Arab"): "azb", ("uzb", "Arab"): "uzs"}

_SCRIPTS = {"Hans": "Hani", "Hant": "Hani", "Hanb": "Hani", "Kore": "Hang", "Aran": "Arab", "Latf": "Latn"}
"""Variants of a script that FineWeb-2 does not distinguish."""

_NO_SCRIPT = frozenset({"Zyyy", "Zzzz", "Zinh", "Zxxx"})

_UNDETERMINED = frozenset({"und", "mul", "mis", "zxx", "undetermined", "unknown", "multilingual", "غير معروف"})

# Labels of the dialect corpora AOC and ADI, upper case only: in lower case `msa` is Malay and `lev` a language of
# Indonesia.
_ABBREVIATIONS = {"MSA": "arb_Arab", "EGY": "arz_Arab", "GLF": "afb_Arab", "LEV": "apc_Arab"}

# Words for each variety of Arabic, masculine and without article in Arabic; "arabic" and words of `_GENERIC` are left
# out unless they are needed to name the variety.
_VARIETIES = {
    "arb_Arab": "arabic, standard arabic, modern standard arabic, modern standard, classical arabic, literary arabic, "
    "formal arabic, quranic arabic, koranic arabic, written arabic, fusha, fus-ha, msa, "
    "عربي, فصحي, فصيح, فصحي حديث, فصحي معاصر, فصيح حديث, معياري, معياري حديث, رسمي حديث, كلاسيكي, قراني, تراثي",
    "arb_Latn": "arabizi, franco arabic, franco, عربيزي, فرانكو",
    "arz_Arab": "egyptian, egy, masri, masry, cairene, lower egyptian, مصري, قاهري",
    "aec_Arab": "saidi, sa'idi, upper egyptian, صعيدي, مصري صعيدي",
    "apc_Arab": "levantine, north levantine, northern levantine, south levantine, southern levantine, shami, syrian, "
    "lebanese, palestinian, jordanian, syro lebanese, شامي, شامي شمالي, شامي جنوبي, سوري, لبناني, فلسطيني, اردني, "
    "مشرقي شامي",
    "ars_Arab": "najdi, nejdi, saudi, نجدي, سعودي",
    "acw_Arab": "hijazi, hejazi, حجازي",
    "afb_Arab": "gulf, khaleeji, khaliji, kuwaiti, emirati, qatari, bahraini, خليجي, كويتي, اماراتي, قطري, بحريني",
    "abv_Arab": "baharna, بحراني, بحارنه",
    "acx_Arab": "omani, عماني",
    "acm_Arab": "mesopotamian, iraqi, baghdadi, عراقي, بغدادي",
    "ayp_Arab": "north mesopotamian, northern mesopotamian, moslawi, qeltu, موصلي, مصلاوي",
    "ayn_Arab": "sanaani, sana'ani, yemeni, صنعاني, يمني",
    "acq_Arab": "taizzi adeni, ta'izzi adeni, adeni, taizzi, عدني, تعزي, تعزي عدني",
    "ayh_Arab": "hadrami, hadhrami, حضرمي",
    "apd_Arab": "sudanese, سوداني",
    "shu_Arab": "chadian, shuwa, تشادي, شوا",
    "ayl_Arab": "libyan, ليبي",
    "aeb_Arab": "tunisian, tunsi, derja, تونسي, تونسي دارج",
    "arq_Arab": "algerian, dziri, جزائري",
    "aao_Arab": "algerian saharan, saharan",
    "ary_Arab": "moroccan, darija, moroccan darija, maghribi, مغربي, دارج, دارج مغربي, مغربي دارج",
    "mey_Arab": "hassaniya, hassaniyya, hassani, mauritanian, حساني, موريتاني",
    "avl_Arab": "bedawi, eastern egyptian bedawi, levantine bedawi, bedouin, بدوي",
}

_GENERIC_WORDS = "language dialect dialects variety colloquial spoken vernacular لغه لهجه عامي محكي لسان"
_GENERIC = frozenset(_GENERIC_WORDS.split())
_WORD = re.compile(r"[\w'’]+")
_NOISE = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ة": "ه", "ـ": None, "’": "'", "-": " "})

_MORE_CODE = """
Apex, ASP, Assembly, Bicep, Bison, Blade, CSV, EJS, Emacs Lisp, Fortran Free Form, G-code, Godot Resource, Hack,
Java Server Pages, Jupyter Notebook, LabVIEW, Lex, Makefile, MLIR, Nim, Ninja, OpenCL, PLSQL, Processing, Q#, ReScript,
Roff, RPM Spec, ShaderLab, Stylus, SVG, Svelte, Unity3D Asset, Vim Script, Visual Basic .NET, Yacc
"""
"""Names of The Stack that pygments does not have, as they are written there."""

_TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8})*")
_PATH_LABEL = re.compile(r"([a-z]{3}_[A-Z][a-z]{3})(?:_removed)?(?:\.[\w.]+)?")
_HIVE = re.compile(r"(?:language|lang|language_code|lang_code|locale)=(.+)", re.IGNORECASE)

LONGEST_NAME = 80
"""Maximum number of characters in a name of a language."""


def label(name: str) -> str:
    """Return the label of a language, given any name of it. Labels are returned unchanged.

    >>> label("ar"), label("Egyptian Arabic"), label("ara_Arab"), label("fa-IR"), label("Python")
    ('arb_Arab', 'arz_Arab', 'arb_Arab', 'fas_Arab', 'Python')

    Raises UnknownLanguage, with the closest names, if there is no such language or its script is not known.
    """
    resolved = known(name)
    if resolved is None:
        raise UnknownLanguage(name, _suggestions)
    return resolved


@lru_cache(4096)
def known(name: str) -> str | None:
    """Return the label of a language as `label` does, or None."""
    if name in _FREQUENT:
        return _FREQUENT[name]
    if len(name) > LONGEST_NAME:
        return None
    visible = "".join(char for char in name if unicodedata.category(char) != "Cf")  # without marks of direction
    text = unicodedata.normalize("NFKC", visible).strip().removeprefix("__label__")
    if not text.isprintable() or not text:
        return None
    if text.casefold() in _UNDETERMINED:
        return UNDETERMINED
    if text in _ABBREVIATIONS:
        return _ABBREVIATIONS[text]
    exact, folded = _programming()
    if text in exact:
        return _joined(text)
    if (resolved := _of_tag(text)) or (resolved := _variety(text)):
        return resolved
    if text.casefold() in folded or text.casefold().replace("-", " ") in folded:
        return _joined(text)
    return _of_tag(text, rare=True) or _of_name(text)


@lru_cache(256)
def is_arabic(label: str) -> bool:
    """Return True if the label is that of a variety of Arabic in Arabic script."""
    language, _, script = label.partition("_")
    return script == "Arab" and language in _ARABIC


@lru_cache(256)
def is_code(label: str) -> bool:
    """Return True if the label is that of a programming language: it has no script and is not `und`."""
    return bool(label) and label != UNDETERMINED and not re.fullmatch(r"[a-z]{2,3}_[A-Z][a-z]{3}", label)


@lru_cache(1024)
def label_of_path(path: str) -> str:
    """Return the label that a path gives its files, "" if it gives none. The last part that gives one decides.

    A label is a folder or file of its own (`data/arz_Arab/train/0.parquet`, `ara_Arab.jsonl.zst`), or the value of a
    Hive partition (`language=arz_Arab`, `lang=ar`).
    """
    for part in reversed(re.split(r"[/\\]", path)):
        if match := _HIVE.fullmatch(part):
            return known(unquote(match[1])) or ""
        if (match := _PATH_LABEL.fullmatch(part)) and (resolved := known(match[1])) and _is_written(resolved):
            return resolved
    return ""


@cache
def _pairs() -> frozenset[str]:
    return frozenset(f"{row['code_3']}_{row['script']}" for row in _fineweb_2())


def _is_written(label: str) -> bool:
    """Return True if FineWeb-2 has text with this label, or it is a variety of Arabic: `old_Arab` is not a label."""
    return label in _pairs() or is_arabic(label)


# -- codes and tags ---------------------------------------------------------------------------------------


@cache
def _scripts() -> dict[str, str]:
    """Return the first script of each language of FineWeb-2, by ISO 639-3 code. Names are in `_names`."""
    return {row["code_3"]: row["script"] for row in reversed(_fineweb_2()) if row["default_script"] == "TRUE"}


@cache
def _fineweb_2() -> list[dict[str, str]]:
    spec = find_spec("datatrove")
    folder = next(iter((spec and spec.submodule_search_locations) or ()))
    file = Path(folder) / "assets" / "tokenizer_assignment.csv"
    with file.open(encoding="utf-8", newline="") as rows:
        return [row for row in csv.DictReader(rows) if re.fullmatch("[a-z]{3}", row["code_3"])]


def _of_tag(text: str, *, rare: bool = False) -> str | None:
    """Return the label of a code or tag. Languages that FineWeb-2 does not have are resolved if `rare` is set."""
    from langcodes import Language
    from langcodes.tag_parser import LanguageTagError

    tag = re.split("[.@]", text)[0].replace("_", "-")  # without the encoding of a POSIX locale, ar_EG.UTF-8
    if not _TAG.fullmatch(tag) and not tag.startswith(("i-", "art-")):
        return None
    try:
        parsed = Language.get(tag)
        code = _code(tag.partition("-")[0].lower(), parsed)
    except (LanguageTagError, LookupError):
        return None
    script = _SCRIPTS.get(parsed.script or "", parsed.script or "")
    if code in _UNDETERMINED:
        return f"{UNDETERMINED}_{script}" if script and script not in _NO_SCRIPT else UNDETERMINED
    if not _is_listed(code) and not (rare and Language.make(language=code).is_valid() and not "qaa" <= code <= "qtz"):
        return None
    if not script or script in _NO_SCRIPT:
        code = _MEMBER_OF.get(code, code)
        script = _likely_script(code)
    elif not Language.make(script=script).is_valid():
        return None
    else:
        code = _MEMBER_IN_SCRIPT.get((code, script)) or _MEMBER_OF.get(code, code)
    return f"{code}_{script}" if script else None


def _is_listed(code: str) -> bool:
    return code in _scripts() or code in _MEMBER_OF or code in _ARABIC


def _code(given: str, parsed: Any) -> str:
    """Return the ISO 639-3 code of a parsed tag. `given`: its first subtag, which stays if FineWeb-2 has it."""
    if parsed.extlangs:
        return str(parsed.extlangs[0])
    if _is_listed(given):
        return given
    return str(parsed.to_alpha3()) if parsed.language else UNDETERMINED


def _likely_script(code: str) -> str:
    """Return the script in which a language is usually written, "" if it is not known."""
    if code in _ARABIC:
        return "Arab"
    if code in _scripts():
        return _scripts()[code]
    from langcodes import Language

    likely = Language.make(language=code).maximize()
    script = likely.script or ""
    unknown = script == "Latn" and likely.territory == "US"  # langcodes' answer for a language without facts
    return "" if unknown else _SCRIPTS.get(script, script)


# -- names ------------------------------------------------------------------------------------------------


@cache
def _varieties() -> dict[frozenset[str], str]:
    return {
        frozenset(phrase.split()): label
        for label, phrases in _VARIETIES.items()
        for phrase in phrases.replace("-", " ").split(", ")
    }


def _variety(text: str) -> str | None:
    """Return the label of a variety of Arabic, given its name in English or Arabic in any order and inflection."""
    words, names = _words(text), _varieties()
    return names.get(words) or names.get(words - {"arabic", "عربي"})


def _words(text: str) -> frozenset[str]:
    """Return the words of a name that distinguish the language, Arabic ones without inflection."""
    return frozenset(_stem(word) for word in _WORD.findall(_folded(text))) - _GENERIC


def _folded(text: str) -> str:
    """Return text in lower case without Arabic marks and variants of letters."""
    return re.sub("[\u064b-\u065f\u0670]", "", text.casefold().replace("_", " ").translate(_NOISE))


def _stem(word: str) -> str:
    """Return an Arabic word without its article and its feminine ending: مصري of المصريه."""
    if not "\u0620" <= word[0] <= "\u064a":
        return "arabic" if word in ("arab", "arabe", "arabisch", "arabi") else word
    word = word[2:] if word.startswith(("ال", "لل")) and len(word) > 4 else word
    return word.removesuffix("ه") if word.endswith("يه") or word == "دارجه" else word


def _of_name(text: str) -> str | None:
    """Return the label of a language, given its name in English, Arabic or the language itself."""
    for name in _forms(text):
        for trie in _tries():
            key = _normalized(name)
            if key in trie and (len(name) > 3 or not name.isascii()):
                return _of_tag(trie[key][0].decode(), rare=True)
    return _of_tag(_arabic_names().get(_words(text), ""), rare=True)


def _forms(text: str) -> list[str]:
    """Return a name, and its forms without brackets, "language", and in the order of "Chinese, Mandarin"."""
    text = text.replace("_", " ")
    forms = [text, re.sub(r"\s*\(.*?\)", "", text), re.sub(r"(?i)\s+(language|dialect)$|^(اللغة|لغة)\s+", "", text)]
    forms.append(_folded(text))
    head, comma, tail = text.partition(",")
    if comma:
        forms.append(f"{tail.strip()} {head.strip()}")
    return forms


@cache
def _arabic_names() -> dict[frozenset[str], str]:
    """Return the tags of languages by their Arabic names, in any inflection."""
    trie = _tries()[1]
    return {_words(name): trie[name][0].decode() for name in trie}


@cache
def _tries() -> list[Any]:
    from language_data.names import load_trie
    from language_data.util import data_filename

    return [load_trie(data_filename(f"trie/{language}/name_to_language.marisa")) for language in ("en", "ar", "und")]


def _normalized(name: str) -> str:
    from language_data.names import normalize_name

    return str(normalize_name(name))


@cache
def _programming() -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of programming languages: as they are written, and with their other names in lower case."""
    from pygments.lexers import get_all_lexers

    names = set(" ".join(_MORE_CODE.split()).split(", "))
    folded = {name.casefold() for name in names if len(name) > 3}
    for name, aliases, *_ in get_all_lexers(plugins=False):
        if name.startswith(("Text", "Raw")):  # kinds of output
            continue
        names.add(name)
        folded.update((name.casefold(), *aliases))
    return frozenset(names), frozenset(folded)


def _joined(text: str) -> str:
    """Return a label without spaces, which separate the parts of a stratum's name."""
    return "-".join(text.split())


def _suggestions() -> list[str]:
    """Return names of languages from which the closest to an unknown name are chosen."""
    varieties = [phrase for phrases in _VARIETIES.values() for phrase in phrases.split(", ")]
    return [*_VARIETIES, *varieties, *(row["name"] for row in _fineweb_2() if row["name"])]
