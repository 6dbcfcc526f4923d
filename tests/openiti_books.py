"""Books in the spellings of mARkdown that OpenITI's files have, with the text that each must give, and a count of
letters and digits that shares no code with the reader.

A book is a list of paragraphs of words. `written` writes it as a file, in spellings that its number selects: of pages,
headings, references and notes, verse, sections of editors, and marks between words.
"""

import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

WORDS = ["قال", "حدثنا", "الشيخ", "في", "كتاب", "العلم", "عن", "أبيه", "ثم", "خرج", "من", "المدينة", "يريد", "الشام"]
WORDS += ["ومعه", "رجل", "أصحابه", "فلما", "نزل", "وجد", "القوم", "قد", "رحلوا"]
HEADER = "######OpenITI#\n\n#META# 010.AuthorNAME\t:: الجاحظ\n#META# 020.BookTITLE\t:: كتاب 7\n\n#META#Header#End#\n\n"

PAGES: dict[str, Callable[[int], str]] = {
    "inline": lambda n: f" PageV01P{n:03} ",
    "colon": lambda n: f" PageV01P{n:03}: ",
    "continued": lambda n: f" PageV01P{n:03}\n~~ ",
    "half": lambda n: f" PageVW0P{n:03}A ",
    "begin": lambda n: f" PageBegV00P{n:03}a ",
    "own line": lambda n: f"\n# PageV01P{n:03}\n# ",
    "bare line": lambda n: f"\nPageV01P{n:03}\n\n# ",
    "end of paragraph": lambda n: f" PageV01P{n:03}\n# ",
    "start of paragraph": lambda n: f"\n# PageV01P{n:03} ",
    "printed": lambda n: f"\n# [ص: {n}]\n# ",
    "printed heading": lambda n: f"\n### | [ص: {n}]\n# ",
    "printed inline": lambda n: f" [ص:{n + 100}] ",
    "dashes": lambda n: f"\n# --- PageV01P{n:03} [ {n + 1} ]\n# ",
    "named": lambda n: f"\n# --- ... الصفحة {n} ... ---\n# ",
    "rule": lambda n: f"\n\nPageV01P{n:03}\n\n~~{'=' * 60}\n\n~~",
    "no number": lambda n: f"\n----NO PAGE NO------\nPageV01P{n:03}\n# ",
}
HEADINGS = (
    "### | ",
    "### || AUTO ",
    "### | AUT ",
    "### | CHECK ",
    "### | AUTO ### | AUTO ",
    "### |||| ",
    "### $ ",
    "### $$ ",
    "### $BIO_MAN$ ",
    "### $DIC_NIS$ ",
    "# ### | ",
    "### ||| [chapter 2: II 4] ",
    "###|",
)
REFERENCES: dict[str, Callable[[int], str]] = {
    "(1)": lambda n: f"({n})",
    " (1)": lambda n: f" ({n})",
    "( 1)": lambda n: f" ( {n})",
    "«1»": lambda n: f" «{n}» ",
    "[1]": lambda n: f" [{n}]",
    "[(1)]": lambda n: f" [({n})]",
    "(¬1)": lambda n: f" (¬{n})",
    "(١)": lambda n: " (" + "".join(chr(0x660 + int(digit)) for digit in str(n)) + ") ",
}
SECTIONS = (
    "### |EDITOR|\n",
    "# ### |EDITOR|\n# ENDNOTES\n\n",
    "### |EDITOR\\|\n\nENDNOTES:\n\n",
    "### | EDITOR |\n",
    "### |editor|\nEndnotes\n",
    "### |Paratext|\n",
    "###|PARATEXT|\n",
    "### ||PARATEXT| ms12\n",
    "#####ENDNOTES# ms50\n\n",
    "#####ENDNOTES#\n",
    "#FOOTNOTES#\n",
    "# ENDNOTES\n\n",
    "ENDNOTES: ms7\n",
    "# |EDITOR|\n",
)
FEET = ("__________", "¬__________", "---", "-" * 70, "____حاشية____", "ـ" * 10, "")
VERSES: tuple[Callable[[str, str, int], str], ...] = (
    lambda first, second, n: f"# {first} %~% {second}",
    lambda first, second, n: f"# {first} % {second}",
    lambda first, second, n: f"# % {first} % % {second} % % {n}",
    lambda first, second, n: f"# % {first} % {second} %",
    lambda first, second, n: f"# % {first} % % {second} % PageV09P{n:03} {n}",
    lambda first, second, n: f"# %~% {first} %~% {second} %~%",
)
MARKS = (
    " ms001 ",
    " msA12 ",
    " Milestone300 ",
    " @QB@ ",
    " @QUR@016 ",
    " @HAD9 ",
    " @P12 ",
    " <tlb> ",
    ' <a href="/x/12">',
    '</span class="t3">',
    " ^ ",
    " | ",
    "\n~~",
    "\n~~ms12 ",
    " FolioV21P002A ",
    " NoteV00P015N228 ",
    " ![image file](./0001_7.png) ",
    "\n\n![](../Images/7.jpg)\n\n~~",
    " $RWY$ ",
    " @MATN@ ",
    " <4> ",
)
NUMBERS = ("سنة (1061)", "المادة (1432)", "وقدره (275) دينارا", "آية {3}", "وهو 5 % منه", "الحديث 12")


@dataclass
class Written:
    """A file, and the text that it must give."""

    raw: str
    text: str
    spellings: dict[str, str] = field(default_factory=dict)


def written(number: int) -> Written:
    """Return book `number`. Books 0 to 319 have each spelling at least 20 times."""
    chance = random.Random(number)
    page_name = list(PAGES)[number % len(PAGES)]
    reference_name = list(REFERENCES)[number // 2 % len(REFERENCES)]
    heading, verse = HEADINGS[number % len(HEADINGS)], VERSES[number % len(VERSES)]
    section, foot = SECTIONS[number % len(SECTIONS)], FEET[number // 3 % len(FEET)]
    where = ("section", "feet", "library")[number % 3]
    reference = REFERENCES[reference_name]
    lines, text = [], []
    page = 10
    for chapter in range(6):
        title = _words(chance, 3)
        lines.append(f"{heading}{title}")
        text.append(f"\n{title}")
        for _ in range(2):
            page += 1
            first, second, third, fourth = (_words(chance, 9) for _ in range(4))
            mark = chance.choice(MARKS)
            fact = chance.choice(NUMBERS)
            own = "" if where == "feet" else reference(1)
            lines.append(f"# {first}{own} {second}{mark}{third}{PAGES[page_name](page)}{fact} {fourth}.")
            text.append(f"{first} {second} {third} {fact} {fourth}.")
            first, second, note = _words(chance, 8), _words(chance, 8), _words(chance, 5)
            lines.append(f"# {first}{reference(1).rstrip()}{second}{reference(2).rstrip()}.")
            text.append(f"{first} {second}.")
            if where == "feet":
                spelled = reference(1).strip(), reference(2).strip()
                lines += [f"# {foot}"] if foot else []
                lines += [f"# {spelled[0]} {note} 3/{page}", f"# {spelled[1]} {note} PageV01P{900 + page}"]
            else:
                lines.append(f"PageV01P{900 + page}")
            lines.append("# " + "=" * 40 if chance.random() < 0.2 else "#")
        first, second = _words(chance, 4), _words(chance, 4)
        lines.append(verse(first, second, chapter + 2))
        text.append(f"{first}\t{second}")
    if where == "section":
        lines.append(section + "".join(f"# {reference(n).strip()} {_words(chance, 9)}\n" for n in (1, 2)))
        if number % 2:
            lines.append("### | خاتمة\n# تم الكتاب بعون الله.")
            text.append("\nخاتمة\nتم الكتاب بعون الله.")
    spellings = {"page": page_name, "reference": reference_name, "heading": heading, "notes": where}
    return Written(HEADER + "\n".join(lines) + "\n", "\n".join(text).strip(), spellings)


def _words(chance: random.Random, count: int) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(count))


# -- what a text must be, without code of the reader ------------------------------------------------------

ARABIC = re.compile(r"[\u0620-\u063f\u0641-\u064a\u0671-\u06d3]+")
LEFT = {
    "page": r"Page(?:Beg|End)?V|FolioV|NoteV|(?m:^\[ص: ?\d+\]$)|الصفحة \d+ \.\.\. ---|NO PAGE",
    "milestone": r"(?<![A-Za-z])ms\d|Milestone",
    "verse": r"%~%|(?:(?<=[^\d\s] )|(?<=\t))%(?= |$)",
    "tag": r"@[A-Z]{2}|@[A-Z]?\d|\$[A-Z]{3}|#META",
    "symbol": r"[|^~#¬]",
    "label": r"\bAUTO?\b|\bCHECK\b|\[(?:aphorism|chapter|commentary)",
    "section": r"EDITOR|PARATEXT|ENDNOTES|FOOTNOTES|Endnotes",
    "image": r"!\[[^\]]*\]\(",
    "html": r"</?[A-Za-z][^<>\n]{0,400}>",
    "rule": r"={3,}|_{3,}|-{4,}",
}


def letters_and_digits(text: str) -> Counter[str]:
    """Return how often a text has each letter, mark and digit."""
    return Counter({char: count for char, count in Counter(text).items() if _counts(char)})


@cache
def _counts(char: str) -> bool:
    return unicodedata.category(char)[0] in "LMN"


def unbalanced(raw: str, text: str, removed: dict[str, str]) -> dict[str, int]:
    """Return the letters, marks and digits whose number in `raw` is not that in `text` and `removed` together."""
    rest = letters_and_digits(raw)
    for part in (text, *removed.values()):
        rest.subtract(letters_and_digits(part))
    return {char: count for char, count in rest.items() if count}


def welded(raw: str, text: str) -> list[str]:
    """Return the words of a text that its file does not have, such as two words without the mark between them."""
    words = Counter(ARABIC.findall(text))
    words.subtract(Counter(ARABIC.findall(raw)))
    return [word for word, count in words.items() if count > 0]


def leftovers(text: str) -> dict[str, list[str]]:
    """Return the markup in a text, by kind."""
    marks = {kind: re.findall(pattern, text) for kind, pattern in LEFT.items()}
    return {kind: matches for kind, matches in marks.items() if matches}
