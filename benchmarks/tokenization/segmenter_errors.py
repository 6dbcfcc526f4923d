"""Errors of the learned segmenter by kind, before and after a change.

    python -m benchmarks.tokenization.segmenter_errors predict --gold TSV --text FILE... [--titles FILE] --out TSV
    python -m benchmarks.tokenization.segmenter_errors table --gold TSV BEFORE.tsv AFTER.tsv

`predict` writes each word of gold with the boundaries of a model that was not trained on it (five folds by type; the
options are those of `train_learned`). It needs only the package `tokenization`, so that an older checkout can run it:
`PYTHONPATH=CHECKOUT python segmenter_errors.py predict ...`. `table` prints the kinds as Markdown: the numbers of
boundaries over the tokens of gold, and the F1 that each kind costs. The kinds are rules on the word, the true segments
and the predicted ones; the first that holds counts.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

from tokenization.morphology import Boundaries, read_gold, score, segments

Gold = Sequence[tuple[str, Boundaries]]
FOLDS, SEED = 5, 0
SHORT = 3  # letters
PARTICLES = frozenset(("يا", "ما", "ها"))
PROCLITICS = frozenset((*"وفبلكس", "ال"))
PRONOUNS = frozenset(("ه", "ها", "هم", "هن", "هما", "ك", "كم", "كن", "كما", "نا", "ني", "ي"))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("predict")
    making.add_argument("--gold", type=Path, required=True)
    making.add_argument("--text", type=Path, nargs="+", required=True)
    making.add_argument("--titles", type=Path)
    making.add_argument("--out", type=Path, required=True)
    printing = commands.add_parser("table")
    printing.add_argument("--gold", type=Path, required=True)
    printing.add_argument("predicted", type=Path, nargs="+")
    arguments = parser.parse_args()
    gold = read_gold(arguments.gold)
    if arguments.command == "predict":
        lines = predict(gold, arguments.text, arguments.titles)
        arguments.out.write_text("".join(lines), encoding="utf-8")
    else:
        print(table(gold, {path.stem: dict(read_gold(path)) for path in arguments.predicted}))


def predict(gold: Gold, text: Sequence[Path], titles: Path | None) -> list[str]:
    """Return lines of a TSV: the words of gold with cross-validated segments."""
    from tokenization.morphology import train_learned

    counts = Counter(train_learned._words(text))
    tables, _ = train_learned.make_tables(counts)
    more = [[text.partition("\n")[0] for text in train_learned._texts(titles)]] if titles else []
    types = sorted(dict(gold).items())
    random.Random(SEED).shuffle(types)
    words = {word for word, _ in gold}
    lines = []
    for fold in range(FOLDS):
        own = [word for word, _ in types[fold::FOLDS]]
        others = [each for number, each in enumerate(types) if number % FOLDS != fold]
        model = train_learned.train_segmenter(others, counts, tables, SEED, words, *more)
        lines += [
            f"{word}\t{'+'.join(segments(word, boundaries))}\n"
            for word, boundaries in zip(own, model.boundaries(own), strict=True)
        ]
    return sorted(lines)


def table(gold: Gold, systems: Mapping[str, Mapping[str, Boundaries]]) -> str:
    """Return the errors of each system by kind as Markdown, and the figures of all boundaries."""
    errors = {name: errors_of(gold, predicted) for name, predicted in systems.items()}
    scores = {name: score(gold, predicted) for name, predicted in systems.items()}
    lines = [["errors", *chain.from_iterable((name, "F1") for name in systems)]]
    lines.append(["---"] * len(lines[0]))
    kinds = {*chain.from_iterable(errors.values())}
    for kind in sorted(kinds, key=lambda kind: (-max(each[kind] for each in errors.values()), kind)):
        line = [kind]
        for name in systems:
            cost = errors[name][kind] / (scores[name].predicted + scores[name].true)
            line += [str(errors[name][kind]), f"{cost:.4f}"]
        lines.append(line)
    total = ["all"]
    for name in systems:
        total += [str(errors[name].total()), f"{1 - scores[name].f1:.4f}"]
    lines.append(total)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def errors_of(gold: Gold, predicted: Mapping[str, Boundaries]) -> Counter[str]:
    """Return the number of boundaries that are missed or false, over the tokens of gold, by kind."""
    kinds: Counter[str] = Counter()
    for word, boundaries in gold:
        ours = predicted[word]
        kinds.update(missed(word, boundaries, boundary) for boundary in set(boundaries) - set(ours))
        kinds.update(false(word, boundaries, ours, boundary) for boundary in set(ours) - set(boundaries))
    return kinds


def missed(word: str, boundaries: Boundaries, boundary: int) -> str:
    """Return the kind of a true boundary that is missed."""
    before, after = _around(word, boundaries, boundary)
    if before[-1] in PARTICLES:
        return "particle written on, missed"
    if all(part in PROCLITICS for part in before):
        return "article missed" if before[-1] == "ال" else "conjunction or preposition missed"
    if all(part in PRONOUNS for part in after):
        return "pronoun missed"
    return "ة missed" if after[0] == "ة" else "other ending missed"


def false(word: str, boundaries: Boundaries, ours: Boundaries, boundary: int) -> str:
    """Return the kind of a predicted boundary that is false."""
    from tokenization.morphology.closed_class import CLOSED  # older checkouts, which only predict, have none

    before, after = _around(word, ours, boundary)
    if not boundaries and (word in CLOSED or len(word) <= SHORT):
        return "function or short word cut"
    if before[-1] in PARTICLES:
        return "particle cut that is none"
    if all(part in PROCLITICS for part in before):
        at_the_beginning = not boundaries or boundary < boundaries[0]
        return "name or other word loses a proclitic" if at_the_beginning else "stem of a word with clitics cut"
    if all(part in PRONOUNS for part in after):
        roots = {"ه": "root ه cut as a pronoun", "ي": "nisba ي cut as a pronoun"}
        return roots.get(after[0], "other pronoun that is none")
    return "ending that is none"


def _around(word: str, boundaries: Boundaries, boundary: int) -> tuple[list[str], list[str]]:
    parts = segments(word, boundaries)
    place = boundaries.index(boundary) + 1
    return parts[:place], parts[place:]


if __name__ == "__main__":
    main()
