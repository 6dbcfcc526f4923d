"""Sounds to letters: the one place that knows Arabic orthography.

A word is built as a string of sounds: Arabic letters stand for consonants (ء for hamza, wherever it will sit; those
of the affixes may be written t m n s y w h k '),
`a i u` for short vowels, `aa ii uu` for long ones, `N` for nunation, `T` for ta marbuta, `Y` for an alif maqsura,
`A` for the silent alif of a plural verb, `+` for a morpheme boundary. `spell` writes it out fully vocalised in NFC;
`bare` drops the vowel signs again. The seat of hamza follows the rule of the stronger neighbour (i over u over a
over none), with the usual exceptions after a long vowel and at the end of a word: W. Wright, A Grammar of the
Arabic Language, 3rd ed., vol. I, sections 14-17.
"""

import re
import unicodedata

MARK = "\x1f"
"""Stands between two morphemes of one word until the text is handed out: the ASCII unit separator."""

SUN = frozenset("تثدذرزسشصضطظلن")
_SHORT = {"a": "\u064e", "u": "\u064f", "i": "\u0650"}
_NUNATED = {"a": "\u064b", "u": "\u064c", "i": "\u064d"}
_LENGTHENER = {"a": "ا", "u": "و", "i": "ي"}
_SHADDA, _SUKUN = "\u0651", "\u0652"
_SIGNS = re.compile("[\u064b-\u0652\u0670]")
CONSONANTS = str.maketrans("tmnsywhk'", "تمنسيوهكء")
_SILENT = frozenset("اىآ")


def bare(text: str) -> str:
    """The same text without vowel signs: what nearly all Arabic is written like."""
    return _SIGNS.sub("", text)


def _vowel_before(sounds: str, at: int) -> str:
    """The vowel that ends just before `at`: "" for none, one letter if short, two if long; `^` at the word's start."""
    at -= 1
    while at >= 0 and sounds[at] == "+":
        at -= 1
    if at < 0:
        return "^"
    if sounds[at] in "aiu":
        return sounds[at] * 2 if at and sounds[at - 1] == sounds[at] else sounds[at]
    return {"ا": "aa", "و": "w", "ي": "ii"}.get(sounds[at], "")


def _seat(sounds: str, at: int) -> str:
    before = "^" if sounds[:at] in ("ال+", "ل+") else _vowel_before(sounds, at)
    rest = sounds[at + 1 :].replace("+", "")
    after = rest[:1] if rest[:1] in ("a", "i", "u") else ""
    if before == "^":
        return "إ" if after == "i" else "أ"
    if re.fullmatch(r"[aiu]?N?", rest):  # the last letter: the vowel before it decides
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
    """The vocalised spelling of `sounds`, with `MARK` between morphemes.

    >>> spell("كiتaaب+ii").replace(MARK, "+")
    'كِتَاب+ِي'
    """
    sounds = re.sub(r"ء([aiu])ء(?![aiu])", r"ء\1\1", sounds.translate(CONSONANTS))
    out: list[str] = []
    pending = False
    at, end = 0, len(sounds)

    def letter(text: str) -> None:
        nonlocal pending
        if pending and out:
            out.append(MARK)
        pending = False
        out.append(text)

    while at < end:
        sound = sounds[at]
        at += 1
        if sound == "+":
            pending = True
        elif sound in "aiu":
            if sounds[at : at + 1] == sound:
                at += 1
                if out and out[-1] == "أ" and sound == "a":
                    out[-1] = "آ"
                elif not out:
                    letter("آ" if sound == "a" else "إي")
                else:
                    out.append(_SHORT[sound])
                    letter(_LENGTHENER[sound])
            elif sounds[at : at + 1] == "Y":
                at += 1
                out.append(_SHORT[sound])
                letter("ا" if re.sub(r"[+N]", "", sounds[at:]) else "ى")
            elif sounds[at : at + 1] == "N":
                at += 1
                carrier = next((c for c in reversed(out) if c != MARK and not _SIGNS.match(c)), "")
                after_long = len(out) > 1 and carrier == "ء" and "ا" in out[-2:]
                out.append(_NUNATED[sound])
                if sound == "a" and carrier not in ("ة", "ى", "أ") and not after_long:
                    pending = True
                    letter("ا")
            elif not out:  # a word that begins with a joining hamza
                letter("ا")
                out.append(_SHORT[sound])
            else:
                out.append(_SHORT[sound])
        elif sound == "A":
            letter("ا")
        elif sound == "T":
            letter("ة")
        else:
            letter(_seat(sounds, at - 1) if sound == "ء" else sound)
            follower = sounds[at:].lstrip("+")
            if follower[:1] == sound:
                at = end - len(follower) + 1
                out.append(_SHADDA)
                if "+" in sounds[at - 2 : at]:
                    pending = True
                follower = sounds[at:].lstrip("+")
            if follower[:1] not in tuple("aiuTYA") and sound not in _SILENT:
                long = (sound == "و" and out[-2:-1] == [_SHORT["u"]]) or (sound == "ي" and out[-2:-1] == [_SHORT["i"]])
                if not long and out[-1] != _SHADDA:
                    out.append(_SUKUN)
    word = unicodedata.normalize("NFC", "".join(out))
    return re.sub(f"^((?:ال|ل))\u0652({MARK}[{''.join(sorted(SUN))}][\u064b-\u0650]?\u0651)", r"\1\2", word)


def fit(root: str, pattern: str) -> str:
    """The sounds of a root in a pattern, written as its transcription with f, 3, l for the three radicals.

    >>> bare(spell(fit("كتب", "maf3uul"))), bare(spell(fit("درس", "mafaa3il")))
    ('مكتوب', 'مدارس')
    """
    first, second, third = root[0], root[1], root[-1]
    radicals = {"f": first, "3": second, "l": third}
    return "".join(radicals.get(c, c) for c in pattern)
