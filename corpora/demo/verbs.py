"""Conjugation of verbs, as sounds with morpheme boundaries: forms I to X of sound and weak roots.

A verb has four stems, past and present, each before a vowel and before a consonant (`قaaل`, `قuل`). Endings and
prefixes express person, number and mood. As in Farasa's scheme, subject endings are segments (كتب+وا, يكتب+ون) and the
prefixes of the present are not. Passives change only the vowels of the active stems. Grammar: W. Wright, A Grammar of
the Arabic Language, 3rd ed., vol. I, sections 35-73 (derived forms) and 127-180 (weak verbs).
"""

import re
from dataclasses import dataclass

from corpora.demo.spelling import fit

PERSONS = ("3ms", "3fs", "3md", "3fd", "3mp", "3fp", "1s", "1p", "2ms", "2fs", "2mp")
TENSES = ("past", "pastp", "pres", "presp", "subj", "juss", "ppast", "ppres")
"""Past, present, subjunctive, jussive, passive past and passive present; `p` at the end: before a pronoun."""

VERB_CELLS = tuple(f"{tense}.{person}" for tense in TENSES for person in PERSONS)

_PREFIX = dict(zip(PERSONS, "يتيتيتءنتتت", strict=True))
_PAST = dict(
    zip(PERSONS, ("a", "+at", "+aa", "+at+aa", "+uuA", "+na", "+tu", "+naa", "+ta", "+ti", "+tum"), strict=True)
)
_PRESENT = dict(
    zip(PERSONS, ("u", "u", "+aani", "+aani", "+uuna", "+na", "u", "u", "u", "+iina", "+uuna"), strict=True)
)
_CONSONANTAL = frozenset(("3fp", "1s", "1p", "2ms", "2fs", "2mp"))
# form: past, present and masdar patterns of a sound root
_SOUND = {
    "2": ("fa33al", "fa33il", "taf3iil"),
    "3": ("faa3al", "faa3il", "mufaa3al+aT"),
    "4": ("'af3al", "f3il", "'if3aal"),
    "5": ("tafa33al", "tafa33al", "tafa33ul"),
    "6": ("tafaa3al", "tafaa3al", "tafaa3ul"),
    "7": ("infa3al", "nfa3il", "infi3aal"),
    "8": ("iftTa3al", "ftTa3il", "iftTi3aal"),
    "X": ("istaf3al", "staf3il", "istif3aal"),
}
_HOLLOW = {
    "4": ("'afaal", "'afal", "fiil", "fil", "'ifaal+aT"),
    "7": ("infaal", "infal", "nfaal", "nfal", "infiyaal"),
    "8": ("iftTaal", "iftTal", "ftTaal", "ftTal", "iftTiyaal"),
    "X": ("istafaal", "istafal", "stafiil", "stafil", "istifaal+aT"),
}
_DOUBLED = {
    "4": ("'afa3l", "'af3al", "fi3l", "f3il", "'if3aal"),
    "7": ("infa3l", "infa3al", "nfa3l", "nfa3il", "infi3aal"),
    "8": ("iftTa3l", "iftTa3al", "ftTa3l", "ftTa3il", "iftTi3aal"),
    "X": ("istafa3l", "istaf3al", "stafi3l", "staf3il", "istif3aal"),
}


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb, as sounds.

    past, present: stems before a vowel. past_consonantal, present_consonantal: stems before a consonant.
    prefix: vowel of the present's prefix. last: weak last radical in the past: "" (none), "w", "y" (alternates with a
    long a) or "i" (نسي). present_last: its vowel in the present. masdar: verbal noun.
    """

    past: str
    past_consonantal: str
    present: str
    present_consonantal: str
    prefix: str
    last: str
    present_last: str
    masdar: str

    @property
    def participle(self) -> str:
        """Active participle of a derived form, as sounds."""
        return "مu" + re.sub("(?<!a)a([^aiu]*)$", r"i\1", self.present) + ("ii" if self.last else "")


def _infixed(pattern: str, root: str) -> str:
    """Return a pattern with the t of form VIII, assimilated to the first radical."""
    infix = "ط" if root[0] in "صضطظ" else "د" if root[0] in "زد" else "t"
    return pattern.replace("tT", infix)


def _passive(stem: str, *, past: bool) -> str:
    """Return the passive of an active stem."""
    vowels = [m.start() for m in re.finditer("[aiu]+", stem)]
    if not past:
        return stem[:1] * stem.startswith("u") + re.sub("[aiu]", "a", stem[stem.startswith("u") :])
    if len(vowels) == 1 and not re.search("(aa|ii|uu)", stem):
        return re.sub("[aiu]", "u", stem)
    head, tail = stem[: vowels[-1]], stem[vowels[-1] :]
    return re.sub("[aiu]", "u", head) + re.sub("[aiu]", "i", tail)


def derive(root: str, form: str, vowels: str = "") -> Verb:
    """Return the verb of a root of three letters in a form (`1` to `8`, `X`).

    vowels: middle vowels of the past and the present (`au`); only for form I.
    """
    doubled = root[1] == root[2] and form in "1478X"
    hollow = root[1] in "وي" and root[2] not in "وي" and form in "1478X"
    last = {"و": "w", "ي": "y"}.get(root[2], "") if root[2] in "وي" else ""
    shape = "ت" + root[1:] if form == "8" and root[0] in "وءي" else root
    masdar = ""
    prefix = "u" if form in "234" else "a"
    if form == "1":
        past_vowel, present_vowel = vowels[0], vowels[1]
        if hollow:
            short = present_vowel if past_vowel == "a" else past_vowel
            past, past_c = fit(root, "faal"), fit(root, f"f{short}l")
            present, present_c = fit(root, f"f{present_vowel * 2}l"), fit(root, f"f{present_vowel}l")
        elif doubled:
            past, past_c = fit(root, "fa3l"), fit(root, f"fa3{past_vowel}l")
            present, present_c = fit(root, f"f{present_vowel}3l"), fit(root, f"f3{present_vowel}l")
        else:
            drop = root[0] == "و" and (present_vowel == "i" or root in ("وضع", "وقع", "وهب"))
            past = past_c = fit(root, f"fa3{past_vowel}l")
            present = present_c = fit(root, ("" if drop else "f") + f"3{present_vowel}l")
    elif hollow:
        past, past_c, present, present_c, masdar = (fit(root, _infixed(p, root)) for p in _HOLLOW[form])
    elif doubled:
        past, past_c, present, present_c, masdar = (fit(root, _infixed(p, root)) for p in _DOUBLED[form])
    else:
        past, present, masdar = (fit(shape, _infixed(p, root)) for p in _SOUND[form])
        past_c, present_c = past, present
        if form == "4" and root[0] == "و":
            present = present_c = "u" + fit(root, "3il")
            masdar = fit(root, "'ii3aal")
    present_last = ""
    if last:
        present_last = "a" if form in "56" or vowels in ("ia", "aa") else "i" if form != "1" or last == "y" else "u"
        last = "i" if vowels[:1] == "i" else last
        past, past_c = (s[: -len(root[2])].rstrip("aiu") for s in (past, past_c))
        present, present_c = (s[:-1].rstrip("aiu") for s in (present, present_c))
        if form == "2":
            masdar = fit(root, "taf3iy+aT")
        elif form == "3":
            masdar = fit(root, "mufaa3aa").removesuffix("aa") + "aa+T"
        elif form in "478X":
            masdar = masdar[:-1] + "'"
        elif form in "56":
            masdar = masdar[:-1].rstrip("u") + "ii"
    return Verb(past, past_c, present, present_c, prefix, last, present_last, masdar)


def _past(verb: Verb, person: str, *, passive: bool, bound: bool) -> str:
    ending = _PAST[person]
    if bound:
        ending = ending.removesuffix("A").replace("tum", "tumuu")
    stem = verb.past_consonantal if person in _CONSONANTAL else verb.past
    last = verb.last
    if passive:
        last = "i" if last else ""
        stem = _passive(stem + ("a" if verb.last else ""), past=True).removesuffix("i" if verb.last else "")
    if not last:
        return stem + ending
    if last == "i":
        if person == "3mp":
            return stem + ending
        return stem + ("ii" if person in _CONSONANTAL else "iy") + ending
    glide = last if len(re.findall("[^aiu+]", verb.past)) == 2 and verb.prefix == "a" else "y"
    if person == "3ms":
        return stem + ("aY" if glide == "y" and not bound else "aa")
    if person == "3md":
        return stem + "a" + glide + ending
    if person in _CONSONANTAL:
        return stem + "a" + glide + ending
    return stem + (ending if person != "3mp" else "+awA"[: 3 if bound else 4])


def _present(verb: Verb, person: str, mood: str, *, passive: bool, bound: bool) -> str:
    stem = verb.present_consonantal if person == "3fp" else verb.present
    prefix, last = "u" if passive else verb.prefix, verb.present_last
    ending = _PRESENT[person]
    if passive:
        stem, last = _passive(stem, past=False), "a" if last else ""
    if mood in ("subj", "juss") and person != "3fp":
        ending = ending.replace("uuna", "uuA").replace("iina", "ii").replace("aani", "aa")
        ending = "a" if ending == "u" and mood == "subj" else ending
        if ending == "u":
            long = re.search("aa|ii|uu", stem)
            ending = "" if last or long or not re.search(r"([^aiu])\1$", stem) else "a"
            stem = (
                verb.present_consonantal
                if long and not last and not passive and verb.past != verb.past_consonantal
                else stem
            )
            if last:
                return _PREFIX[person] + prefix + stem + last
    base = _PREFIX[person] + prefix + stem
    if not last:
        return base + ending
    if ending in ("u", "a"):
        if last == "a":
            return base + ("aa" if bound else "aY")
        return base + last * 2 if ending == "u" else base + last + ("y" if last == "i" else "w") + "a"
    if "uu" in ending or "ii" in ending:
        joined = ending.replace("uu", "aw").replace("ii", "ay") if last == "a" else ending
        return base + joined
    return base + {"a": "ay", "i": "iy", "u": "uw"}[last] + ending


def verb_cell(verb: Verb, cell: str) -> str:
    """Return the sounds of one cell of `VERB_CELLS`."""
    tense, person = cell.split(".")
    if tense in ("past", "pastp", "ppast"):
        return _past(verb, person, passive=tense == "ppast", bound=tense == "pastp")
    mood = tense if tense in ("subj", "juss") else "pres"
    return _present(verb, person, mood, passive=tense == "ppres", bound=tense == "presp")
