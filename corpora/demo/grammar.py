r"""The notation of grammars, and the compiler to the code of the derivation machine.

A grammar file is a list of symbols. The alternatives of a symbol follow it, indented, one on each line; `n:` before an
alternative is its weight (default 1). The alternative of a symbol marked `Name @` is selected by agreement: it has two
(gender), three (number) or six (both). A symbol marked `Name !` uses all alternatives before it repeats one.

An alternative consists of words, punctuation, `¶` for a new line, and the elements below. `+` is a morpheme boundary
(`و+` is joined to the next word, `+ه` to the previous one); the boundaries of the article and of a final ة are added
automatically. `_` joins without a boundary; `_` alone is the empty text.

    <Symbol>          derive the symbol              <class/form>        draw a lexeme in that form
    <Symbol@x>        ... in agreement with x        <x=class/form>      ... and store it as x
    <Symbol*2-4>      ... 2 to 4 times               <class/form@x>      ... in agreement with x (@@: gender only)
    <Symbol...>       ... until the document has its length              <x/form>  the stored x in another form
    <x.Symbol>        derive the symbol from the number of entity x (<.Symbol>: from that of the current entity)
    <Symbol@>, <class/form@>   in agreement with the agreement of the current symbol
    <x:=ms>           x is a new entity              <~900>              median length of a document in bytes
    <#n=3..9> <#n=a*b>  set a number; <#n> write it  <#n:2> with at least two digits

In a file that begins with `#raw`, alternatives are blocks of literal text: `@Symbol` begins a symbol, a line `%%`
separates alternatives, and `«...»` replaces `<...>`.
"""

import re
from dataclasses import dataclass
from importlib import resources

import numpy as np
import numpy.typing as npt

from corpora.demo import derive as machine
from corpora.demo.lexemes import CELLS, Table, load, mark
from corpora.demo.nominals import AGREEMENTS
from corpora.demo.spelling import MARK, bare

Integers = npt.NDArray[np.int64]
_CLOSING, _OPENING = "،؛.؟!:)»…,;?]%", "(«["
_OPERATIONS = {"+": 0, "-": 1, "*": 2, "/": 3, "%": 4}


@dataclass(frozen=True, slots=True)
class Rule:
    """A symbol of a grammar.

    switched: the alternative is selected by agreement (`@`). spread: no alternative is repeated before all are used
    (`!`). weights: weight of each alternative. alternatives: each as a list of tokens.
    """

    switched: bool
    spread: bool
    weights: list[int]
    alternatives: list[list[str]]


@dataclass(slots=True)
class Program:
    """A compiled grammar. `derive.derive` documents the arrays.

    start: index of the start symbol. genres: name of each alternative of the start symbol.
    """

    start: int
    genres: tuple[str, ...]
    code: Integers
    choices: Integers
    keep: npt.NDArray[np.uint64]
    other: Integers
    entry: Integers
    lexemes: Integers
    forms: Integers
    spans: Integers
    pool: npt.NDArray[np.uint8]


def parse(text: str) -> dict[str, Rule]:
    """Parse a grammar file to its symbols, by name. Raises ValueError for a symbol that is defined twice."""
    rules: dict[str, Rule] = {}
    if text.startswith("#raw"):
        for block in re.split(r"^@(?=\w)", text, flags=re.MULTILINE)[1:]:
            name, _, body = block.partition("\n")
            alternatives = [part.removesuffix("\n") for part in re.split(r"^%%\n", body, flags=re.MULTILINE)]
            tokens = [[t for t in re.split("(«[^»]*»)", part) if t] for part in alternatives]
            symbol, *flags = name.split()
            rules[symbol] = Rule(False, "!" in flags, [1] * len(tokens), tokens)
        return rules
    current = Rule(False, False, [], [])
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if not line[0].isspace():
            name, *flags = line.split()
            if name in rules:
                raise ValueError(f"grammar line {number}: {name} is already defined; merge the two definitions")
            current = rules[name] = Rule("@" in flags, "!" in flags, [], [])
            continue
        weight, body = re.fullmatch(r"\s+(?:(\d+):\s)?(.*)", line).groups()  # type: ignore[union-attr]
        current.weights.append(int(weight or 1))
        current.alternatives.append([t for t in re.findall(r"<[^>\s]+>|¶|[^\s<]+", body) if t != "_"])
    return rules


def alias(weights: list[int]) -> tuple[list[int], list[int]]:
    """Return Walker's alias table for weights, in integers.

    The lists have one item for each weight: the probability (times 2^32) to keep the column, and the column that
    replaces it otherwise.
    """
    count, total = len(weights), sum(weights)
    scaled = [weight * count for weight in weights]
    keep, other = [1 << 32] * count, list(range(count))
    small = [i for i in range(count) if scaled[i] < total]
    large = [i for i in range(count) if scaled[i] >= total]
    while small and large:
        low, high = small.pop(), large[-1]
        keep[low], other[low] = (scaled[low] << 32) // total, high
        scaled[high] -= total - scaled[low]
        if scaled[high] < total:
            small.append(large.pop())
    return keep, other


class Compiler:
    """Compiles rules and tables of lexemes to a `Program`. Only forms that occur in a rule are spelled.

    rules: symbols by name. tables: classes of lexemes by name. raw: the grammar is a `#raw` file.
    vocalised: keep vowel signs. capitals: sentences within a piece begin with a capital letter.
    """

    def __init__(
        self, rules: dict[str, Rule], tables: dict[str, Table], *, raw: bool, vocalised: bool, capitals: bool
    ) -> None:
        self.rules, self.tables = rules, tables
        self.raw, self.vocalised, self.capitals = raw, vocalised, capitals
        self.code: list[int] = []
        self.pieces: dict[tuple[str, int], int] = {}
        self.variables: dict[str, int] = {}
        self.symbols = {name: index for index, name in enumerate(rules)}
        self.classes = {name: len(rules) + index for index, name in enumerate(tables)}
        self.cells: dict[str, set[int]] = {kind: set() for kind in CELLS}
        self.bound: dict[str, str] = {}

    def piece(self, text: str, spacing: int) -> int:
        """Return the index of a piece of text with a spacing (bits of `derive`)."""
        text = text if self.vocalised else bare(text)
        return self.pieces.setdefault((text, spacing), len(self.pieces))

    def variable(self, name: str) -> int:
        """Return the index of a variable."""
        index = self.variables.setdefault(name, len(self.variables))
        if index >= machine.VARIABLES:
            raise ValueError(f"grammar: more than {machine.VARIABLES} variables")
        return index

    def literal(self, words: list[str]) -> None:
        """Compile consecutive words to one piece."""
        text, spacing, joined = "", 0, True
        for index, word in enumerate(words):
            closing = all(c in _CLOSING for c in word.removesuffix('"')) and word != '"'
            after = word[0] in "+_" and len(word) > 1
            if index == 0:
                spacing = 0 if closing or after or word == "¶" else machine.SPACED
            elif not (joined or closing or after or word == "¶"):
                text += " "
            joined = word == "¶" or (word[-1] in "+_" and len(word) > 1) or word in _OPENING
            word = word.strip("_")
            text += "\n" if word == "¶" else mark(word) if re.search("[ء-ي]", word) else word
        if self.capitals:
            text = re.sub('([.?!] |\n)("?)([a-z])', lambda m: m[1] + m[2] + m[3].upper(), text)
        self.code += [machine.PIECE, self.piece(text, spacing | (machine.JOINED if joined else 0))]

    def form(self, table: Table, label: str, where: str) -> tuple[int, int, int]:
        """Return the first cell of the form `label`, the stride between its agreements, and its number (0 to 2).

        Marks the cells as used. `where`: the element, for the message of ValueError.
        """
        kind, cells = table.kind, CELLS[table.kind]
        if label in cells:
            self.cells[kind].add(cells.index(label))
            return cells.index(label), 0, "sdp".index(label[0]) if kind == "noun" else int(label == "p")
        if kind == "adj" and f"ms.{label}" in cells:
            first, stride = cells.index(f"ms.{label}"), 7
        elif kind in ("verb", "dverb") and f"{label}.3ms" in cells:
            first, stride = cells.index(f"{label}.3ms"), 1
        else:
            raise ValueError(
                f"grammar: {where}: a {kind} has no form {label!r}; its forms are {', '.join(cells[:6])}, ..."
            )
        self.cells[kind].update(first + stride * agreement for agreement in range(6))
        return first, stride, 0

    def slot(self, body: str) -> None:
        """Compile `<class/form>` or `<x/form>`."""
        left, _, right = body.partition("/")
        bound, _, name = left.rpartition("=")
        label, separator, target = right.partition("@")
        agreement = -1 if not separator else -2 if target in ("", "@") else self.variable(target.lstrip("@"))
        mask = 1 if target.startswith("@") else 7
        if name not in self.tables:
            if bound or name not in self.bound:
                raise ValueError(f"grammar: <{body}>: {name!r} is neither a class nor a variable")
            cell, _stride, _number = self.form(self.tables[self.bound[name]], label, f"<{body}>")
            self.code += [machine.AGAIN, self.variable(name), cell]
            return
        silent = label == "-"
        cell, stride, number = (-1, 0, 0) if silent else self.form(self.tables[name], label, f"<{body}>")
        variable = self.variable(bound) if bound else -1
        self.code += [machine.SLOT, self.classes[name], cell, agreement, stride, mask, variable, number]

    def symbol(self, name: str, body: str) -> int:
        """Return the index of a symbol. `body`: the element, for the message of ValueError."""
        if name not in self.symbols:
            raise ValueError(f"grammar: <{body}>: unknown symbol {name!r}")
        return self.symbols[name]

    def operand(self, text: str) -> list[int]:
        """Return an operand of ARITHMETIC: [0, number] or [1, variable]."""
        return [0, int(text)] if text.isdigit() else [1, self.variable("#" + text)]

    def token(self, body: str) -> None:
        """Compile one element `<...>`."""
        if body[0] == "~":
            self.code += [machine.BUDGET, int(body[1:])]
        elif match := re.fullmatch(r"#(\w+)=(\d+)\.\.(\d+)", body):
            self.code += [machine.RANGE, self.variable("#" + match[1]), int(match[2]), int(match[3])]
        elif match := re.fullmatch(r"#(\w+)=(\w+)([-+*/%])(\w+)", body):
            target, operation = self.variable("#" + match[1]), _OPERATIONS[match[3]]
            self.code += [machine.ARITHMETIC, target, operation, *self.operand(match[2]), *self.operand(match[4])]
        elif match := re.fullmatch(r"#(\w+)(?::(\d))?", body):
            self.code += [machine.NUMBER, self.variable("#" + match[1]), int(match[2] or 1)]
        elif match := re.fullmatch(r"(\w+):=(\w\w)", body):
            self.code += [machine.BIND, self.variable(match[1]), AGREEMENTS.index(match[2])]
        elif match := re.fullmatch(r"(\w*)\.([A-Z]\w*)", body):
            self.code += [machine.KEYED, *self.reference(match[2], match[1], body)]
        elif match := re.fullmatch(r"([A-Z]\w*)\.\.\.", body):
            self.code += [machine.WHILE, self.symbol(match[1], body)]
        elif match := re.fullmatch(r"([A-Z]\w*)\*(\d+)-(\d+)", body):
            self.code += [machine.TIMES, self.symbol(match[1], body), int(match[2]), int(match[3])]
        elif match := re.fullmatch(r"([A-Z]\w*)@(\w*)", body):
            self.code += [machine.SWITCH, *self.reference(match[1], match[2], body)]
        elif re.fullmatch(r"[A-Z]\w*", body):
            if self.rules.get(body) and self.rules[body].switched:
                self.code += [machine.SWITCH, *self.reference(body, "", body)]
            else:
                self.code += [machine.CALL, self.symbol(body, body)]
        else:
            self.slot(body)

    def reference(self, name: str, variable: str, body: str) -> list[int]:
        """Return the operands of SWITCH and KEYED."""
        symbol = self.symbol(name, body)
        return [symbol, self.variable(variable) if variable else -1, int(self.rules[name].switched)]

    def compile(self, start: str) -> Program:
        """Compile all rules. `start`: name of the start symbol. Raises ValueError for an invalid element."""
        for rule in self.rules.values():
            for tokens in rule.alternatives:
                for token in tokens:
                    if match := re.fullmatch(r"[<«](\w+)=([\w.]+)/.*[>»]", token):
                        self.bound.setdefault(match[1], match[2])
        entry: list[int] = []
        choices: list[tuple[int, int, int, int]] = []
        keep: list[int] = []
        other: list[int] = []
        for name, rule in self.rules.items():
            kept, others = alias(rule.weights)
            choices.append((len(keep), len(kept), len(entry), int(rule.spread)))
            keep += kept
            other += others
            for tokens in rule.alternatives:
                entry.append(len(self.code))
                self.alternative(name, tokens)
        lexemes, forms = self.lexemes(choices, keep, other)
        pool, spans = bytearray(), []
        for text, spacing in self.pieces:
            data = text.encode()
            spans.append((len(pool), len(pool) + len(data), spacing))
            pool += data
        genres = [tokens[0].strip("<>«»") for tokens in self.rules[start].alternatives]
        genres = [name if name in self.rules else start for name in genres]
        return Program(
            self.symbols[start], tuple(genres), np.array(self.code, np.int64), np.array(choices, np.int64),
            np.array(keep, np.uint64), np.array(other, np.int64), np.array(entry, np.int64),
            np.array(lexemes, np.int64).reshape(-1, 4), np.array(forms, np.int64), np.array(spans, np.int64),
            np.frombuffer(bytes(pool), np.uint8),
        )  # fmt: skip

    def alternative(self, name: str, tokens: list[str]) -> None:
        """Compile one alternative of the symbol `name`."""
        words: list[str] = []
        for token in [*tokens, ""]:
            special = token[:1] + token[-1:] in ("<>", "«»") and len(token) > 2
            if token and not special:
                if self.raw:
                    self.code += [machine.PIECE, self.piece(token, machine.JOINED)]
                else:
                    words.append(token)
                continue
            if words:
                self.literal(words)
                words = []
            if special:
                try:
                    self.token(token[1:-1])
                except ValueError as error:
                    raise ValueError(f"{error} (in {name})") from error
        self.code.append(machine.RETURN)

    def lexemes(
        self, choices: list[tuple[int, int, int, int]], keep: list[int], other: list[int]
    ) -> tuple[list[tuple[int, int, int, int]], list[int]]:
        """Compile the classes of lexemes: append their choices (by Zipf's law) to the three lists.

        Returns the rows of `Program.lexemes`, and the piece of each cell, -1 for cells that no rule uses.
        """
        rows: list[tuple[int, int, int, int]] = []
        forms: list[int] = []
        spacing = machine.JOINED if self.raw else machine.SPACED
        for table in self.tables.values():
            kept, others = alias([(1 << 40) // (rank + 4) for rank in range(len(table.lexemes))])
            choices.append((len(keep), len(kept), len(rows), 0))
            keep += kept
            other += others
            used = self.cells[table.kind]
            for lexeme in table.lexemes:
                rows.append((len(forms), *lexeme.agreements))
                cells = enumerate(CELLS[table.kind])
                forms += [self.piece(lexeme.form(cell), spacing) if index in used else -1 for index, cell in cells]
        return rows, forms


def compile_grammar(
    grammars: tuple[str, ...], lexicons: tuple[str, ...], *, vocalised: bool = False, capitals: bool = False
) -> Program:
    """Compile files of `grammars/` with files of `lexicon/`, both given by name; the start symbol is `Document`.

    vocalised: keep vowel signs. capitals: sentences begin with a capital letter.
    Raises ValueError for an invalid file.
    """
    rules: dict[str, Rule] = {}
    raw = False
    for name in grammars:
        text = resources.files("corpora.demo").joinpath(f"grammars/{name}.txt").read_text("utf-8")
        raw = text.startswith("#raw")
        rules |= parse(text)
    return Compiler(rules, load(lexicons), raw=raw, vocalised=vocalised, capitals=capitals).compile("Document")


__all__ = ["MARK", "Program", "compile_grammar", "parse"]
