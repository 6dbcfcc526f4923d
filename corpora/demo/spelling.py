"""Arabic orthography: conversion of sounds to letters.

A word is a string of sounds: Arabic letters for consonants (ء for hamza with any seat; t m n s y w h k ' are accepted
for the consonants of affixes), `a i u` for short vowels, `aa ii uu` for long vowels, `N` for nunation, `T` for ta
marbuta, `Y` for alif maqsura, `A` for the silent alif of a plural verb, `+` for a morpheme boundary. `spell` returns
the fully vocalised spelling in NFC; `bare` removes the vowel signs. The stronger neighbouring vowel selects the seat
of hamza (i before u before a before none), with the usual exceptions after a long vowel and at the end of a word: W.
Wright, A Grammar of the Arabic Language, 3rd ed., vol. I, sections 14-17.
"""

import re
import unicodedata

MARK = "\x1f"
"""Separator of the morphemes of a word in generated text: the ASCII unit separator. Published text has none."""

SUN = frozenset("تثدذرزسشصضطظلن")
_SHORT = {"a": "\u064e", "u": "\u064f", "i": "\u0650"}
_NUNATED = {"a": "\u064b", "u": "\u064c", "i": "\u064d"}
_LENGTHENER = {"a": "ا", "u": "و", "i": "ي"}
_SHADDA, _SUKUN = "\u0651", "\u0652"
_SIGNS = re.compile("[\u064b-\u0652\u0670]")
CONSONANTS = str.maketrans("tmnsywhk'", "تمنسيوهكء")
_SILENT = frozenset("اىآ")


def bare(text: str) -> str:
    """Return a text without vowel signs, as most Arabic text is written."""
    return _SIGNS.sub("", text)


def _vowel_before(sounds: str, index: int) -> str:
    """Return the vowel before `index`: one letter if short, two if long, "" for none, `^` at the start of the word."""
    index -= 1
    while index >= 0 and sounds[index] == "+":
        index -= 1
    if index < 0:
        return "^"
    if sounds[index] in "aiu":
        return sounds[index] * 2 if index and sounds[index - 1] == sounds[index] else sounds[index]
    return {"ا": "aa", "و": "w", "ي": "ii"}.get(sounds[index], "")


def _seat(sounds: str, index: int) -> str:
    """Return the letter of the hamza at `index`, with its seat."""
    before = "^" if sounds[:index] in ("ال+", "ل+") else _vowel_before(sounds, index)
    rest = sounds[index + 1 :].replace("+", "")
    after = rest[:1] if rest[:1] in ("a", "i", "u") else ""
    if before == "^":
        return "إ" if after == "i" else "أ"
    if re.fullmatch(r"[aiu]?N?", rest):  # last letter: only the vowel before it matters
        if rest == "aN" and before == "ii":
            return "ئ"
        return {"a": "أ", "u": "ؤ", "i": "ئ"}.get(before, "ء")
    if "i" in before or after == "i":
        return "ئ"
    if before in ("aa", "uu", "w") and after == "a":
        return "ء"
    if "u" in before or after == "u":
        return "ؤ"
    return "أ"


def spell(sounds: str) -> str:
    """Return the vocalised spelling of `sounds`, with `MARK` between morphemes.

    >>> spell("كiتaaب+ii").replace(MARK, "+")
    'كِتَاب+ِي'
    """
    sounds = re.sub(r"ء([aiu])ء(?![aiu])", r"ء\1\1", sounds.translate(CONSONANTS))
    out: list[str] = []
    pending = False
    position, end = 0, len(sounds)

    def add_letter(text: str) -> None:
        nonlocal pending
        if pending and out:
            out.append(MARK)
        pending = False
        out.append(text)

    while position < end:
        sound = sounds[position]
        position += 1
        if sound == "+":
            pending = True
        elif sound in "aiu":
            if sounds[position : position + 1] == sound:
                position += 1
                if out and out[-1] == "أ" and sound == "a":
                    out[-1] = "آ"
                elif not out:
                    add_letter("آ" if sound == "a" else "إي")
                else:
                    out.append(_SHORT[sound])
                    add_letter(_LENGTHENER[sound])
            elif sounds[position : position + 1] == "Y":
                position += 1
                out.append(_SHORT[sound])
                add_letter("ا" if re.sub(r"[+N]", "", sounds[position:]) else "ى")
            elif sounds[position : position + 1] == "N":
                position += 1
                carrier = next((c for c in reversed(out) if c != MARK and not _SIGNS.match(c)), "")
                after_long = len(out) > 1 and carrier == "ء" and "ا" in out[-2:]
                out.append(_NUNATED[sound])
                if sound == "a" and carrier not in ("ة", "ى", "أ") and not after_long:
                    pending = True
                    add_letter("ا")
            elif not out:  # the word begins with a joining hamza
                add_letter("ا")
                out.append(_SHORT[sound])
            else:
                out.append(_SHORT[sound])
        elif sound == "A":
            add_letter("ا")
        elif sound == "T":
            add_letter("ة")
        else:
            add_letter(_seat(sounds, position - 1) if sound == "ء" else sound)
            follower = sounds[position:].lstrip("+")
            if follower[:1] == sound:
                position = end - len(follower) + 1
                out.append(_SHADDA)
                if "+" in sounds[position - 2 : position]:
                    pending = True
                follower = sounds[position:].lstrip("+")
            if follower[:1] not in tuple("aiuTYA") and sound not in _SILENT:
                long = (sound == "و" and out[-2:-1] == [_SHORT["u"]]) or (sound == "ي" and out[-2:-1] == [_SHORT["i"]])
                if not long and out[-1] != _SHADDA:
                    out.append(_SUKUN)
    word = unicodedata.normalize("NFC", "".join(out))
    return re.sub(f"^((?:ال|ل))\u0652({MARK}[{''.join(sorted(SUN))}][\u064b-\u0650]?\u0651)", r"\1\2", word)


def fit(root: str, pattern: str) -> str:
    """Return the sounds of a root in a pattern: a transcription with f, 3, l for the three radicals.

    >>> bare(spell(fit("كتب", "maf3uul"))), bare(spell(fit("درس", "mafaa3il")))
    ('مكتوب', 'مدارس')
    """
    first, second, third = root[0], root[1], root[-1]
    radicals = {"f": first, "3": second, "l": third}
    return "".join(radicals.get(c, c) for c in pattern)
