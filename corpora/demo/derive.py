"""The derivation machine: it generates the bytes of a document from a compiled grammar and a number.

**Each entity is a number, and the grammar derives its text from that number.** A document is derived from
hash(seed, register, index). A person, town or firm has a number of its own, so that its name is always the same
without a list of names. The distribution of these numbers uses integers only: the next octave is chosen with
probability 5/8, and numbers within an octave have equal probability. This is Zipf's law with exponent
1 + log2(8/5) = 1.678; by Heaps' relation the number of different names grows as mentions^0.596.

The output is the same on any machine and with any version of Python and numpy: no floating point is used, and all
random numbers come from splitmix64 (S. Vigna, public domain, https://prng.di.unimi.it/splitmix64.c).
"""

from typing import Any

import numpy as np
from numba import njit

(PIECE, CALL, SWITCH, KEYED, SLOT, AGAIN, BIND, NUMBER, RANGE, ARITHMETIC, WHILE, TIMES, BUDGET, RETURN) = range(14)
"""The instructions. A comment at each branch of `derive` lists the operands."""

SPACED, JOINED = 1, 2
"""Spacing of a piece (bits). SPACED: a space before it. JOINED: no space after it."""

VARIABLES = 128
_DEPTH = 256
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S32, _S40 = (np.uint64(n) for n in (27, 30, 31, 32, 40))
_LOW32 = np.uint64(0xFFFFFFFF)
_FIRST_OCTAVE = 12


@njit(inline="always")  # type: ignore[untyped-decorator]
def _mix(z: Any) -> Any:
    """Return the finaliser of splitmix64."""
    z = (z ^ (z >> _S30)) * _M1
    z = (z ^ (z >> _S27)) * _M2
    return z ^ (z >> _S31)


@njit(inline="always")  # type: ignore[untyped-decorator]
def _below(z: Any, n: Any) -> Any:
    """Return an integer in [0, n) from the high half of a hash; n < 2^32."""
    return np.int64(((z >> _S32) * np.uint64(n)) >> _S32)


@njit(inline="always")  # type: ignore[untyped-decorator]
def _choose(z: Any, first: Any, count: Any, keep: Any, other: Any) -> Any:
    """Return an index in [0, count) by Walker's alias method, from the hash `z` and the tables of `grammar.alias`.

    The high half of the hash selects a column; the low half keeps it or replaces it by `other`.
    """
    column = first + _below(z, count)
    return column - first if (z & _LOW32) < keep[column] else np.int64(other[column])


@njit(cache=True)  # type: ignore[untyped-decorator]
def derive(
    start: Any, seed: Any, code: Any, choices: Any, keep: Any, other: Any, entry: Any, lexemes: Any, forms: Any,
    pool: Any, spans: Any, capitals: Any, out: Any, pos: Any,
) -> Any:  # fmt: skip
    """Write the derivation of symbol `start` under `seed` into `out` from `pos`.

    seed: uint64. code: int64, instructions with their operands.
    choices: int64 (n, 4): first column and number of columns in keep and other; first row in `entry` (symbols) or
    `lexemes` (classes); 1 if no alternative is repeated before all are used (at most 63 alternatives).
    keep, other: alias tables. entry: int64, index in `code` of each alternative.
    lexemes: int64 (n, 4): row in `forms`; agreement in singular, dual, plural.
    forms: int64, piece of each cell, or -1. pool: uint8, bytes of all pieces.
    spans: int64 (n, 3): start and end in `pool`; spacing of the piece.
    capitals: sentences begin with a capital letter. out: uint8, output buffer.
    Returns (end of the output, index of the start symbol's alternative), or (-1, 0) if `out` is too small, or (-1, 1)
    if the derivation is nested too deeply.
    """
    stack = np.empty((_DEPTH, 4), np.int64)  # return address, agreement of self, remaining repeats, symbol to repeat
    saved = np.empty((_DEPTH, 2), np.uint64)  # state and entity number of the caller
    used = np.zeros(choices.shape[0], np.uint64)  # bits of the used alternatives, for symbols that do not repeat them
    keyed = np.zeros(_DEPTH, np.bool_)
    base = np.zeros(VARIABLES, np.int64)
    agreement = np.zeros(VARIABLES, np.int64)
    key = np.zeros(VARIABLES, np.uint64)
    value = np.zeros(VARIABLES, np.int64)
    digits = np.empty(24, np.uint8)
    state = seed
    depth, own_agreement, own_number = 0, np.int64(0), seed
    begin, limit, joined, capital = pos, pos, True, capitals
    state += _GOLDEN
    genre = _choose(_mix(state), choices[start, 0], choices[start, 1], keep, other)
    pc = entry[choices[start, 2] + genre]
    while True:
        op = code[pc]
        piece = np.int64(-1)
        call = np.int64(-1)
        if op == PIECE:  # piece
            piece = code[pc + 1]
            pc += 2
        elif op == CALL:  # symbol
            call = code[pc + 1]
            stack[depth, 0], stack[depth, 1], stack[depth, 2] = pc + 2, own_agreement, 0
            keyed[depth] = False
        elif op in (SWITCH, KEYED):  # symbol, variable (-1: self), 1 to select the alternative by agreement
            variable = code[pc + 2]
            stack[depth, 0], stack[depth, 1], stack[depth, 2] = pc + 4, own_agreement, 0
            keyed[depth] = op == KEYED
            if op == KEYED:
                saved[depth, 0], saved[depth, 1] = state, own_number
                if variable >= 0:
                    own_number = key[variable]
                state = _mix(own_number ^ (np.uint64(code[pc + 1]) * _M2))
            if variable >= 0:
                own_agreement = agreement[variable]
            if code[pc + 3] == 0:
                call = code[pc + 1]
            else:
                depth += 1
                alternatives = choices[code[pc + 1], 1]
                if alternatives == 2:
                    selected = own_agreement & 1
                else:
                    selected = own_agreement >> 1 if alternatives == 3 else own_agreement
                pc = entry[choices[code[pc + 1], 2] + selected]
                continue
        elif op == SLOT:  # class, form, agreement with (-1 none, -2 self), stride, mask, variable to set (-1), number
            state += _GOLDEN
            chosen = _choose(_mix(state), choices[code[pc + 1], 0], choices[code[pc + 1], 1], keep, other)
            row = choices[code[pc + 1], 2] + chosen
            form = code[pc + 2]
            if code[pc + 3] != -1:
                agreeing = agreement[code[pc + 3]] if code[pc + 3] >= 0 else own_agreement
                form += (agreeing & code[pc + 5]) * code[pc + 4]
            if code[pc + 6] >= 0:
                base[code[pc + 6]] = lexemes[row, 0]
                agreement[code[pc + 6]] = lexemes[row, 1 + code[pc + 7]]
                key[code[pc + 6]] = np.uint64(row + 1) * _M1
            if form >= 0:
                piece = forms[lexemes[row, 0] + form]
            pc += 8
        elif op == AGAIN:  # variable, form
            piece = forms[base[code[pc + 1]] + code[pc + 2]]
            pc += 3
        elif op == BIND:  # variable, agreement
            state += _GOLDEN
            z = _mix(state)
            octave = _FIRST_OCTAVE
            while z & np.uint64(7) < np.uint64(5) and octave < 40:
                z >>= np.uint64(3)
                octave += 1
                if octave % 16 == 0:
                    state += _GOLDEN
                    z = _mix(state)
            state += _GOLDEN
            mask = (np.uint64(1) << np.uint64(octave)) - np.uint64(1)
            key[code[pc + 1]] = _mix((mask + np.uint64(1)) | (_mix(state) & mask))
            agreement[code[pc + 1]] = code[pc + 2]
            pc += 3
        elif op == NUMBER:  # variable, smallest number of digits
            n = value[code[pc + 1]]
            if n < 0:
                out[pos] = 45
                pos += 1
                n = -n
            count = 0
            while n or count < code[pc + 2]:
                digits[count] = 48 + n % 10
                n //= 10
                count += 1
            if pos + count + 2 > out.size:
                return np.int64(-1), np.int64(0)
            if not joined:
                out[pos] = 32
                pos += 1
            for i in range(count):
                out[pos + i] = digits[count - 1 - i]
            pos += count
            joined, capital = False, False
            pc += 3
        elif op == RANGE:  # variable, smallest and largest value
            state += _GOLDEN
            value[code[pc + 1]] = code[pc + 2] + _below(_mix(state), code[pc + 3] - code[pc + 2] + 1)
            pc += 4
        elif op == ARITHMETIC:  # variable, operation, 1 if left is a variable, left, 1 if right is a variable, right
            left = value[code[pc + 4]] if code[pc + 3] else code[pc + 4]
            right = value[code[pc + 6]] if code[pc + 5] else code[pc + 6]
            if code[pc + 2] == 0:
                value[code[pc + 1]] = left + right
            elif code[pc + 2] == 1:
                value[code[pc + 1]] = left - right
            elif code[pc + 2] == 2:
                value[code[pc + 1]] = left * right
            elif code[pc + 2] == 3:
                value[code[pc + 1]] = left // right
            else:
                value[code[pc + 1]] = left % right
            pc += 7
        elif op == WHILE:  # symbol: repeated until the document has its length
            if pos >= limit:
                pc += 2
            else:
                call = code[pc + 1]
                stack[depth, 0], stack[depth, 1], stack[depth, 2] = pc, own_agreement, 0
                keyed[depth] = False
        elif op == TIMES:  # symbol, smallest and largest number of repeats
            state += _GOLDEN
            times = code[pc + 2] + _below(_mix(state), code[pc + 3] - code[pc + 2] + 1)
            call = code[pc + 1]
            stack[depth, 0], stack[depth, 1], stack[depth, 2], stack[depth, 3] = pc + 4, own_agreement, times - 1, call
            keyed[depth] = False
            if times == 0:
                call = np.int64(-1)
                pc += 4
        elif op == BUDGET:  # median length in bytes; a product of five uniform factors is nearly lognormal
            size = code[pc + 1]
            for _ in range(5):
                state += _GOLDEN
                size = size * (28 + _below(_mix(state), 82)) // 64
            limit = begin + size
            pc += 2
        else:  # RETURN
            if depth == 0:
                return pos, genre
            depth -= 1
            if stack[depth, 2] > 0:
                stack[depth, 2] -= 1
                call = stack[depth, 3]
            else:
                pc, own_agreement = stack[depth, 0], stack[depth, 1]
                if keyed[depth]:
                    state, own_number = saved[depth, 0], saved[depth, 1]
                continue
        if call >= 0:
            depth += 1
            state += _GOLDEN
            alternative = _choose(_mix(state), choices[call, 0], choices[call, 1], keep, other)
            if choices[call, 3]:
                count = choices[call, 1]
                if used[call] == (np.uint64(1) << np.uint64(count)) - np.uint64(1):
                    used[call] = np.uint64(0)
                while (used[call] >> np.uint64(alternative)) & np.uint64(1):
                    alternative = (alternative + 1) % count
                used[call] |= np.uint64(1) << np.uint64(alternative)
            pc = entry[choices[call, 2] + alternative]
            if depth >= _DEPTH:
                return np.int64(-1), np.int64(1)
            continue
        if piece >= 0:
            first, last, spacing = spans[piece, 0], spans[piece, 1], spans[piece, 2]
            if pos + last - first + 24 > out.size:
                return np.int64(-1), np.int64(0)
            if spacing & SPACED and not joined:
                out[pos] = 32
                pos += 1
            letter = pos
            for i in range(first, last):
                out[pos] = pool[i]
                pos += 1
            if capital and last > first:
                if out[letter] == 34 and last > first + 1:
                    letter += 1
                if 97 <= out[letter] <= 122:
                    out[letter] -= 32
                capital = False
            joined = spacing & JOINED != 0
            if (
                capitals
                and pos > begin
                and (out[pos - 1] == 46 or out[pos - 1] == 63 or out[pos - 1] == 33 or out[pos - 1] == 10)
            ):
                capital = True
