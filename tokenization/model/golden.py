"""Sentences whose ids are stored with every tokenizer, to detect an engine that encodes differently.

They contain the cases in which engines have been seen to differ: marks, contractions in either case, runs of white
space and digits, characters outside the basic plane, names of special tokens inside text, bytes that no merge covers.
"""

GOLDEN_SENTENCES: tuple[str, ...] = (
    "تُشرِقُ الشَّمسُ كُلَّ صَباحٍ، فَيَستَيقِظُ أَهلُ القَريَةِ.",  # vocalised
    "وستكتبونها غدا في دفاتركم الجديدة، أليس كذلك؟",  # clitics, Arabic signs
    "إنتو رايحين فين النهارده؟ مش هنلحق القطر كده!",  # Egyptian
    "وش سويتوا أمس؟ كنا نبي نروح البر بس ما قدرنا.",  # Najdi
    "قال: «الطريق ٣٢٠ كيلومترا»، أي ما يقارب 199,8 ميلا.",  # digits of two scripts, guillemets
    "الـــسلام لا‌ينقطع \u200fهنا\u200e ولا هناك",  # tatweel, joiner and direction marks
    "They're here; I'LL stay, and it'ſ fine — isn't it?",  # contractions, a letter that folds to s
    'def area(r: float) -> float:\n    """πr²"""\n\treturn 3.14159 * r ** 2  # m²\n',  # code
    "\\int_0^1 x^2\\,dx = \\frac{1}{3}, \\quad \\forall n \\ge 10^{12}",  # mathematics
    "مرحبا 👋🏽 👩‍👩‍👧 🇪🇬🇸🇦 𝔄𝔟𝔠",  # outside the basic plane
    " \t\r\n\n   \u00a0\u2003 end  \n ",  # only white space
    "<|bos|>نص عادي<|eos|> \x00\x7f\ufffd e\u0301 \u0651",  # names in text, NUL, an isolated mark
)
