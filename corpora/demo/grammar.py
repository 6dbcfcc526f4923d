r"""The grammar's notation, and its compilation to what the derivation machine runs.

A grammar file is a list of symbols, each with its alternatives below it, indented, one a line, `n:` before one giving
its weight. `Name @` marks a symbol whose alternative is not drawn but fixed by agreement: two (gender), three
(number) or six (both); `Name !` one that uses all its alternatives up before it repeats any. In an alternative stand
words, `+` at morpheme boundaries (`و+` clings to what follows, `+ه` to what went before; the article and a final ة are
found by themselves; `_` clings without a boundary, and alone is nothing), punctuation, `¶` for a new line, and:

    <Symbol>          derive the symbol              <class/form>        draw a lexeme in that form
    <Symbol@x>        ... agreeing with x            <x=class/form>      ... and remember it as x
    <Symbol*2-4>      ... so many times              <class/form@x>      ... agreeing with x (@@: in gender alone)
    <Symbol...>       ... until the document is long enough              <x/form>  remembered x in another form
    <x.Symbol>        derive the symbol from x's own number (<.Symbol>: from that of what is being derived)
    <Symbol@>, <class/form@>   agreeing with what the symbol itself was to agree with
    <x:=ms>           x is a new entity              <~900>              the document's median length in bytes
    <#n=3..9> <#n=a*b>  set a number; <#n> write it  <#n:2> with at least two digits

In a file that begins with `#raw`, alternatives are blocks of text as they stand: `@Symbol` begins one, a line `%%`
parts alternatives, and `«...»` takes the place of `<...>`.
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
    """The alternatives of a symbol, with their weights, as lists of tokens."""

    switched: bool
    spread: bool
    weights: list[int]
    alternatives: list[list[str]]


@dataclass(slots=True)
class Program:
    """A compiled grammar: the arrays that `derive` takes, and what it takes to read its results."""

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
    """The rules of a grammar file."""
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
                raise ValueError(f"grammar line {number}: {name} has its alternatives already; join them")
            current = rules[name] = Rule("@" in flags, "!" in flags, [], [])
            continue
        weight, body = re.fullmatch(r"\s+(?:(\d+):\s)?(.*)", line).groups()  # type: ignore[union-attr]
        current.weights.append(int(weight or 1))
        current.alternatives.append([t for t in re.findall(r"<[^>\s]+>|¶|[^\s<]+", body) if t != "_"])
    return rules


def alias(weights: list[int]) -> tuple[list[int], list[int]]:
    """Walker's alias table in integers: per column, how often of 2^32 it is kept, and what stands in for it."""
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
    """Turns rules and tables into a `Program`; only the forms that some rule asks for are ever spelled."""

    def __init__(
        self, rules: dict[str, Rule], tables: dict[str, Table], *, raw: bool, vocalised: bool, capitals: bool
    ) -> None:
        self.rules, self.tables = rules, tables
        self.raw, self.vocalised, self.capitals = raw, vocalised, capitals
        self.code: list[int] = []
        self.pieces: dict[tuple[str, int], int] = {}
        self.variables: dict[str, int] = {}
        self.symbols = {name: at for at, name in enumerate(rules)}
        self.classes = {name: len(rules) + at for at, name in enumerate(tables)}
        self.cells: dict[str, set[int]] = {kind: set() for kind in CELLS}
        self.bound: dict[str, str] = {}

    def piece(self, text: str, stands: int) -> int:
        text = text if self.vocalised else bare(text)
        return self.pieces.setdefault((text, stands), len(self.pieces))

    def variable(self, name: str) -> int:
        at = self.variables.setdefault(name, len(self.variables))
        if at >= machine.VARIABLES:
            raise ValueError(f"grammar: more than {machine.VARIABLES} variables")
        return at

    def literal(self, words: list[str]) -> None:
        """Words that follow each other are one piece."""
        text, begins, joined = "", 0, True
        for at, word in enumerate(words):
            closing = all(c in _CLOSING for c in word.removesuffix('"')) and word != '"'
            after = word[0] in "+_" and len(word) > 1
            if at == 0:
                begins = 0 if closing or after or word == "¶" else machine.SPACED
            elif not (joined or closing or after or word == "¶"):
                text += " "
            joined = word == "¶" or (word[-1] in "+_" and len(word) > 1) or word in _OPENING
            word = word.strip("_")
            text += "\n" if word == "¶" else mark(word) if re.search("[ء-ي]", word) else word
        if self.capitals:
            text = re.sub('([.?!] |\n)("?)([a-z])', lambda m: m[1] + m[2] + m[3].upper(), text)
        self.code += [machine.PIECE, self.piece(text, begins | (machine.JOINED if joined else 0))]

    def form(self, table: Table, label: str, where: str) -> tuple[int, int, int]:
        """The first cell that `label` names, the stride of agreement in it, and its number (0 to 2)."""
        kind, cells = table.kind, CELLS[table.kind]
        if label in cells:
            self.cells[kind].add(cells.index(label))
            return cells.index(label), 0, "sdp".index(label[0]) if kind == "noun" else int(label == "p")
        if kind == "adj" and f"ms.{label}" in cells:
            first, stride = cells.index(f"ms.{label}"), 7
        elif kind in ("verb", "dverb") and f"{label}.3ms" in cells:
            first, stride = cells.index(f"{label}.3ms"), 1
        else:
            raise ValueError(f"grammar: {where} asks for {label!r} of a {kind}, which has {', '.join(cells[:6])}, ...")
        self.cells[kind].update(first + stride * at for at in range(6))
        return first, stride, 0

    def slot(self, body: str) -> None:
        left, _, right = body.partition("/")
        bound, _, name = left.rpartition("=")
        label, at, agreeing = right.partition("@")
        agrees = -1 if not at else -2 if agreeing in ("", "@") else self.variable(agreeing.lstrip("@"))
        mask = 1 if agreeing.startswith("@") else 7
        if name not in self.tables:
            if bound or name not in self.bound:
                raise ValueError(f"grammar: <{body}>: no class and no variable is called {name!r}")
            cell, _stride, _number = self.form(self.tables[self.bound[name]], label, f"<{body}>")
            self.code += [machine.AGAIN, self.variable(name), cell]
            return
        silent = label == "-"
        cell, stride, number = (-1, 0, 0) if silent else self.form(self.tables[name], label, f"<{body}>")
        target = self.variable(bound) if bound else -1
        self.code += [machine.SLOT, self.classes[name], cell, agrees, stride, mask, target, number]

    def symbol(self, name: str, body: str) -> int:
        if name not in self.symbols:
            raise ValueError(f"grammar: <{body}>: there is no symbol {name!r}")
        return self.symbols[name]

    def operand(self, text: str) -> list[int]:
        return [0, int(text)] if text.isdigit() else [1, self.variable("#" + text)]

    def token(self, body: str) -> None:
        """One `<...>`."""
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
        symbol = self.symbol(name, body)
        return [symbol, self.variable(variable) if variable else -1, int(self.rules[name].switched)]

    def compile(self, start: str) -> Program:
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
        for text, stands in self.pieces:
            data = text.encode()
            spans.append((len(pool), len(pool) + len(data), stands))
            pool += data
        first = [tokens[0].strip("<>«»") for tokens in self.rules[start].alternatives]
        first = [name if name in self.rules else start for name in first]
        return Program(
            self.symbols[start], tuple(first), np.array(self.code, np.int64), np.array(choices, np.int64),
            np.array(keep, np.uint64), np.array(other, np.int64), np.array(entry, np.int64),
            np.array(lexemes, np.int64).reshape(-1, 4), np.array(forms, np.int64), np.array(spans, np.int64),
            np.frombuffer(bytes(pool), np.uint8),
        )  # fmt: skip

    def alternative(self, name: str, tokens: list[str]) -> None:
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
        """The classes as choices by Zipf's law, and the pieces of every cell in use (-1 where none asks)."""
        rows: list[tuple[int, int, int, int]] = []
        forms: list[int] = []
        stands = machine.JOINED if self.raw else machine.SPACED
        for table in self.tables.values():
            kept, others = alias([(1 << 40) // (rank + 4) for rank in range(len(table.lexemes))])
            choices.append((len(keep), len(kept), len(rows), 0))
            keep += kept
            other += others
            used = self.cells[table.kind]
            for lexeme in table.lexemes:
                rows.append((len(forms), *lexeme.agreements))
                cells = enumerate(CELLS[table.kind])
                forms += [self.piece(lexeme.form(cell), stands) if at in used else -1 for at, cell in cells]
        return rows, forms


def compile_grammar(
    grammars: tuple[str, ...], lexicons: tuple[str, ...], *, vocalised: bool = False, capitals: bool = False
) -> Program:
    """The program of the named files of `grammars/` over those of `lexicon/`; its start symbol is `Document`."""
    rules: dict[str, Rule] = {}
    raw = False
    for name in grammars:
        text = resources.files("corpora.demo").joinpath(f"grammars/{name}.txt").read_text("utf-8")
        raw = text.startswith("#raw")
        rules |= parse(text)
    return Compiler(rules, load(lexicons), raw=raw, vocalised=vocalised, capitals=capitals).compile("Document")


__all__ = ["MARK", "Program", "compile_grammar", "parse"]
