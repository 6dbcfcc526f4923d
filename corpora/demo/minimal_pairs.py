"""Minimal pairs: sentences that differ in one word, of which the grammar of Arabic allows one.

A model is scored by how often it gives the allowed sentence more probability (BLiMP, arXiv:1912.00582). A frame is a
pair of sentences in which `<class/form>` draws a lexeme, the same one in both. The lexemes are those of
`lexicon/held_out.txt`, which no register of the corpus has: what a model can use is agreement, endings and function
words, and not the memory of a phrase. Text is unvocalised, so that the pairs of case and mood are those whose letters
differ: duals, sound plurals, and verbs with a plural ending.
"""

import hashlib
import re
from dataclasses import dataclass

from corpora.demo.lexemes import load
from corpora.demo.spelling import MARK, bare

VERSION = 1
"""Raise it when a frame or a lexeme changes: accuracies of different versions do not compare."""

COUNT = 60
"""Pairs of a phenomenon."""

FRAMES: dict[str, tuple[tuple[str, str], ...]] = {
    "gender: adjective": (
        ("وصل إلى <tool/sdg> <look/ms.dg>.", "وصل إلى <tool/sdg> <look/fs.dg>."),
        ("وصل إلى <gear/sdg> <look/fs.dg>.", "وصل إلى <gear/sdg> <look/ms.dg>."),
        ("كان <tool/sdn> <look/ms.ia>.", "كان <tool/sdn> <look/fs.ia>."),
        ("كانت <gear/sdn> <look/fs.ia>.", "كانت <gear/sdn> <look/ms.ia>."),
    ),
    "gender: demonstrative": (
        ("هذا <tool/sdn> <look/ms.in>.", "هذه <tool/sdn> <look/ms.in>."),
        ("هذه <gear/sdn> <look/fs.in>.", "هذا <gear/sdn> <look/fs.in>."),
        ("في هذا <tool/sdg> مشكلة.", "في هذه <tool/sdg> مشكلة."),
        ("في هذه <gear/sdg> مشكلة.", "في هذا <gear/sdg> مشكلة."),
    ),
    "gender: relative pronoun": (
        ("<man/sdn> الذي <act/past.3ms>.", "<man/sdn> التي <act/past.3ms>."),
        ("<woman/sdn> التي <act/past.3fs>.", "<woman/sdn> الذي <act/past.3fs>."),
    ),
    "gender: verb": (
        ("<act/past.3ms> <man/sdn> في المدينة.", "<act/past.3fs> <man/sdn> في المدينة."),
        ("<act/past.3fs> <woman/sdn> في المدينة.", "<act/past.3ms> <woman/sdn> في المدينة."),
        ("<woman/sdn> <act/pres.3fs> كل يوم.", "<woman/sdn> <act/pres.3ms> كل يوم."),
    ),
    "number: adjective": (
        ("<man/pdn> <trait/mp.dn> في المدينة.", "<man/pdn> <trait/ms.dn> في المدينة."),
        ("<man/sdn> <trait/ms.dn> في المدينة.", "<man/sdn> <trait/mp.dn> في المدينة."),
        ("<man/ddn> <trait/md.dn> في المدينة.", "<man/ddn> <trait/ms.dn> في المدينة."),
    ),
    "number: things": (
        ("<tool/pdn> <look/fs.dn> في السوق.", "<tool/pdn> <look/mp.dn> في السوق."),
        ("<gear/pdn> <look/fs.dn> في السوق.", "<gear/pdn> <look/mp.dn> في السوق."),
        ("هذه <tool/pdn> <look/fs.in>.", "هؤلاء <tool/pdn> <look/fs.in>."),
    ),
    "number: verb": (
        ("<man/pdn> <act/past.3mp> في المدينة.", "<man/pdn> <act/past.3ms> في المدينة."),
        ("<act/past.3ms> <man/pdn> في المدينة.", "<act/past.3mp> <man/pdn> في المدينة."),
        ("<man/pdn> <act/pres.3mp> كل يوم.", "<man/pdn> <act/pres.3ms> كل يوم."),
    ),
    "person": (
        ("أنا <act/pres.1s> كل يوم.", "أنا <act/pres.3ms> كل يوم."),
        ("هو <act/pres.3ms> كل يوم.", "هو <act/pres.1s> كل يوم."),
        ("هي <act/pres.3fs> كل يوم.", "هي <act/pres.1p> كل يوم."),
        ("هم <act/pres.3mp> كل يوم.", "هم <act/pres.1s> كل يوم."),
    ),
    "case: after a preposition": (
        ("وصل إلى <man/pdg>.", "وصل إلى <man/pdn>."),
        ("من <man/ddg> في المدينة.", "من <man/ddn> في المدينة."),
        ("في <tool/ddg> مشكلة.", "في <tool/ddn> مشكلة."),
        ("مع <man/pdg> في المدينة.", "مع <man/pdn> في المدينة."),
    ),
    "case: subject": (
        ("<act/past.3ms> <man/pdn> في المدينة.", "<act/past.3ms> <man/pda> في المدينة."),
        ("إن <man/pda> في المدينة.", "إن <man/pdn> في المدينة."),
        ("كان <man/pdn> في المدينة.", "كان <man/pda> في المدينة."),
    ),
    "verb: mood": (
        ("لن <act/subj.3mp> في المدينة.", "لن <act/pres.3mp> في المدينة."),
        ("لم <act/juss.3mp> في المدينة.", "لم <act/pres.3mp> في المدينة."),
        ("<man/pdn> <act/pres.3mp> في المدينة.", "<man/pdn> <act/juss.3mp> في المدينة."),
    ),
    "negation": (
        ("لم <act/juss.3ms> <man/sdn>.", "لم <act/past.3ms> <man/sdn>."),
        ("لن <act/subj.3ms> <man/sdn>.", "لن <act/past.3ms> <man/sdn>."),
        ("ما <act/past.3ms> <man/sdn>.", "لن <act/past.3ms> <man/sdn>."),
    ),
    "Egyptian: function words": (
        ("<tool/sdn> ده مش <look/ms.in> خالص.", "<tool/sdn> هذا مش <look/ms.in> خالص."),
        ("<gear/sdn> دي مش <look/fs.in> أوي.", "<gear/sdn> هذي مش <look/fs.in> أوي."),
        ("عشان كده <tool/sdn> ده مش <look/ms.in>.", "عشان كده <tool/sdn> ده مهوب <look/ms.in>."),
    ),
    "Najdi: function words": (
        ("<tool/sdn> هذا مهوب <look/ms.in> حيل.", "<tool/sdn> ده مهوب <look/ms.in> حيل."),
        ("<gear/sdn> هذي مهوب <look/fs.in> مرة.", "<gear/sdn> دي مهوب <look/fs.in> مرة."),
        ("عشان كذا <tool/sdn> هذا مهوب <look/ms.in>.", "عشان كذا <tool/sdn> هذا مش <look/ms.in>."),
    ),
}
"""Frames by phenomenon: an allowed sentence, and one that the grammar of its variety does not allow."""

_SLOT = re.compile(r"<(\w+)/([\w.]+)>")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sentences that differ in one word. phenomenon: a key of FRAMES. allowed, other: the sentences."""

    phenomenon: str
    allowed: str
    other: str


def minimal_pairs(count: int = COUNT) -> list[Pair]:
    """Return up to `count` different pairs of each phenomenon, frames in turn. A function of VERSION and count."""
    tables = load(("held_out",))

    def written(sentence: str, number: int) -> str:
        def form(slot: re.Match[str]) -> str:
            lexemes = tables[slot[1]].lexemes
            draw = hashlib.sha256(f"{number} {slot[1]}".encode()).digest()
            return bare(lexemes[int.from_bytes(draw[:8]) % len(lexemes)].form(slot[2])).replace(MARK, "")

        return _SLOT.sub(form, sentence)

    pairs: list[Pair] = []
    for phenomenon, frames in FRAMES.items():
        made: dict[Pair, None] = {}
        for number in range(8 * count):  # some draws repeat
            allowed, other = frames[number % len(frames)]
            made[Pair(phenomenon, written(allowed, number), written(other, number))] = None
        pairs += list(made)[:count]
    return pairs
