"""Function words, whose boundaries no rule gives: they look as if they had clitics, or have a rare one.

The words are facts of grammars, chosen by category and not by a corpus: pronouns, demonstratives, interrogatives,
negations, prepositions, genitive exponents, conjunctions, adverbs. Sources: for the standard language, Badawi, Carter
and Gully, *Modern Written Arabic* (2004); for Egyptian, Woidich, *Das Kairenisch-Arabische* (2006), and Abdel-Massih
et al., *A Reference Grammar of Egyptian Arabic* (1979); for Levantine, Cowell, *A Reference Grammar of Syrian Arabic*
(1964); for Gulf, Holes, *Gulf Arabic* (1990), and Qafisheh, *A Short Reference Grammar of Gulf Arabic* (1977); for
Maghrebi, Harrell, *A Short Reference Grammar of Moroccan Arabic* (1962), and Gibson, *Tunis Arabic* (2009). Words that
have clitics in one variety and not in another are left to the model.

A word of the lists has these boundaries in every text. `و` and `ف` before a word of three letters or more are
segments.
"""

from __future__ import annotations

from itertools import accumulate

from tokenization.morphology.segmenter import Boundaries

_WHOLE = """
انا اني انت انتي انتا انته انتو انتوا احنا إحنا حنا نحنا نحنه نحن هوه هيه هيا هوا همه همن هني هنه هوما انتوما
ده دا دي ديه دول هذا هاذا هاذي هاذ هاي هاد هادا هادي هادو هدا هدي هدول هدوك هذول هذولا هذي هيدا هيدي هيدول هيداك
هاداك هاديك هداك هديك هذاك هذيك ذاك داك ديك دوك هاك هيك هيكي كده كدا كدى كذي جذي هكا هكاك هكذا
ايه إيه ايش إيش اش أش شنو شنوا شنية شو شي وش ويش ليه ليش علاش فاش باش فين وين منين مين شكون امتى إمتى امتا ايمتى
وقتاش فوقاش ازاي إزاي كيف كيفاش شلون اشلون قداش قديش اديش شقد شكثر شحال كام انهي أنهي واش
مش مو موش مهوب مب مهو ماهو ماشي ماكو بلاش لأ لاء لسه لسا
بتاع بتوع تبع ديال تاع نتاع متاع
عشان علشان عشن منشان مشان عنشان كرمال لما لمن لمّا لحد حيت لوما بلكي بلكن بركي لاكن بس كيما زي متل ملي ميلي لي
دلوقتي دلوقت دلوقتى هلا هلأ هلق هسه هسا هسع توا توه دابا دروك دوكا ذحين برضه برضو بردو كمان بقى بقا بئى خلاص اوي أوي
قوي كتير وايد واجد هواي بزاف برشا كلش هنا هنه هون هناك هنيك هنايا هنالك برا بره جوا جوه فوق تحت قدام ورا بكره بكرا
امبارح مبارح ديما سوا سوى يلا ايوه ايوا أيوه اه آه طيب طب غير غادي كاين اكو أكو راح رح
"""
_STANDARD = """
من إلى الى على عن في حتى منذ مذ خلال عند لدى مع بين قبل بعد فوق تحت أمام خلف حول دون نحو ضد عبر أن ان إن أو او أم
ثم بل لكن إذا اذا إذ لو لولا حيث حيثما بينما عندما كلما حينما فيما قد سوف لم لن لا ما هل كي هو هي هم هما هن أنا نحن
أنت أنتم هذا هذه هذان ذلك تلك هؤلاء أولئك هنا هناك هنالك الذي التي الذين اللذين اللتين اللواتي كل بعض أي كلا كلتا
غير سوى
"""
_SPLIT = """
يا+رب يا+ريت يا+جماعة يا+ناس يا+عم يا+خي يا+خوي يا+شباب يا+بنات يا+ولد يا+بنت يا+سلام يا+ترى يا+دوب يا+حبيب+ي يا+قلب+ي
ما+في ما+في+ش ما+حد ما+حد+ش م+حد+ش م+في+ش ما+راح ما+رح ما+عاد ما+كان ما+كان+ش ما+ادري ما+اعرف ما+اقدر ما+ابي ما+ابغى
ما+عند+ي ما+عند+ك ما+عند+ه ما+عند+ها ما+عند+نا ما+عند+كم ما+عند+هم ما+عند+ي+ش ما+عند+ك+ش ما+عند+ها+ش ما+عند+نا+ش
ما+ل+ي+ش ما+ل+ه+ش ما+ل+ك+ش ما+ل+ها+ش ما+ل+نا+ش ما+ل+هم+ش
ما+بد+ي ما+بد+ك ما+بد+ه ما+بد+ها ما+بد+نا ما+بد+و ما+بد+كم ما+بد+هم بد+ي بد+ك بد+ه بد+ها بد+نا بد+و بد+كم بد+هم بد+كن
"""


_BEFORE_PRONOUNS = [
    "بتاع",
    "ديال",
    "تاع",
    "متاع",
    "نتاع",
    "تبع",
    "حق",
    "عند",
    "وين",
    "شلون",
    "زي",
    "متل",
    "مثل",
    "من",
    "عن",
]
_PRONOUNS = ["ي", "ك", "ه", "ها", "نا", "كم", "هم", "و", "كو", "كن"]
_OTHERWISE = ("فورا", "فراح", "فتحت", "فزي", "لمن", "منو", "عنو", "منكو", "عنكو")  # other words


def _closed() -> dict[str, Boundaries]:
    closed: dict[str, Boundaries] = {}
    with_pronouns = [f"{word}+{pronoun}" for word in _BEFORE_PRONOUNS for pronoun in _PRONOUNS]
    for entry in (*with_pronouns, *_WHOLE.split(), *_STANDARD.split(), *_SPLIT.split()):
        for lead in ("", "و+", "ف+") if len(entry) > 2 else ("",):
            parts = (lead + entry).split("+")
            closed["".join(parts)] = tuple(accumulate(map(len, parts[:-1])))
    return {word: boundaries for word, boundaries in closed.items() if word not in _OTHERWISE}


CLOSED = _closed()
"""The boundaries of each word of the lists, with و or ف before it or without."""
