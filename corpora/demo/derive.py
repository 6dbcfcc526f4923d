"""The derivation machine: from a compiled grammar and a number to the bytes of a document.

Everything here follows from one idea: **a thing is a number, and its text is what the grammar derives from it.** A
document is derived from hash(seed, register, index); a person, town or firm from a number of its own, so that its
name is the same wherever it recurs, without any list of names. Numbers of entities follow an integer law: the octave
rises with probability 5/8, and within an octave all are alike; that is Zipf's law with exponent 1 + log2(8/5) =
1.678 and hence, by Heaps' relation, new names grow as mentions^0.596. No floating point is used, and the only source
of choice is splitmix64 (S. Vigna, public domain, https://prng.di.unimi.it/splitmix64.c), so that the same bytes come
out on any machine and under any version of Python or numpy.
"""

from typing import Any

import numpy as np
from numba import njit

(PIECE, CALL, SWITCH, KEYED, SLOT, AGAIN, BIND, NUMBER, RANGE, ARITHMETIC, WHILE, TIMES, BUDGET, RETURN) = range(14)
"""The instructions. What follows each in the code is written beside its branch in `derive`."""

SPACED, JOINED = 1, 2
"""How a piece stands: with a space before it; with none after it."""

VARIABLES = 128
_DEPTH = 256
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S32, _S40 = (np.uint64(n) for n in (27, 30, 31, 32, 40))
_LOW32 = np.uint64(0xFFFFFFFF)
_FIRST_OCTAVE = 12


@njit(inline="always")  # type: ignore[untyped-decorator]
def _mix(z: Any) -> Any:
    z = (z ^ (z >> _S30)) * _M1
    z = (z ^ (z >> _S27)) * _M2
    return z ^ (z >> _S31)


@njit(inline="always")  # type: ignore[untyped-decorator]
def _below(z: Any, n: Any) -> Any:
    """An integer in [0, n) from the high half of a hash; n < 2^32."""
    return np.int64(((z >> _S32) * np.uint64(n)) >> _S32)


@njit(inline="always")  # type: ignore[untyped-decorator]
def _choose(z: Any, first: Any, count: Any, keep: Any, other: Any) -> Any:
    """Walker's alias method: a column from the high half of the hash, kept or exchanged by the low half."""
    column = first + _below(z, count)
    return column - first if (z & _LOW32) < keep[column] else np.int64(other[column])


@njit(cache=True)  # type: ignore[untyped-decorator]
def derive(
    start: Any, seed: Any, code: Any, choices: Any, keep: Any, other: Any, entry: Any, lexemes: Any, forms: Any,
    pool: Any, spans: Any, capitals: Any, out: Any, pos: Any,
) -> Any:  # fmt: skip
    """Write the derivation of symbol `start` under `seed` into `out` from `pos`.

    choices int64 (n, 4): first column and count in keep/other, first row in `entry` (symbols) or `lexemes`, and
    whether an alternative, once taken, waits until all of them have been (at most 63).
    entry int64: where in `code` each alternative begins. lexemes int64 (n, 4): row in `forms`, agreement in singular,
    dual, plural. spans int64 (n, 3): begin and end in `pool`, and how the piece stands.
    Returns (end, the start symbol's alternative), or (-1, 0) if `out` is too small.
    """
    stack = np.empty((_DEPTH, 4), np.int64)  # return address, agreement of self, times left, symbol to repeat
    saved = np.empty((_DEPTH, 2), np.uint64)  # state and own number of what was interrupted
    used = np.zeros(choices.shape[0], np.uint64)  # alternatives taken so far, of symbols that do not repeat themselves
    keyed = np.zeros(_DEPTH, np.bool_)
    base = np.zeros(VARIABLES, np.int64)
    agreement = np.zeros(VARIABLES, np.int64)
    key = np.zeros(VARIABLES, np.uint64)
    value = np.zeros(VARIABLES, np.int64)
    digits = np.empty(24, np.uint8)
    state = seed
    depth, me, mine = 0, np.int64(0), seed
    begun, limit, joined, capital = pos, pos, True, capitals
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
            stack[depth, 0], stack[depth, 1], stack[depth, 2] = pc + 2, me, 0
            keyed[depth] = False
        elif op in (SWITCH, KEYED):  # symbol, variable (-1: self), divisor of the agreement (0: no switch)
            variable = code[pc + 2]
            stack[depth, 0], stack[depth, 1], stack[depth, 2] = pc + 4, me, 0
            keyed[depth] = op == KEYED
            if op == KEYED:
                saved[depth, 0], saved[depth, 1] = state, mine
                if variable >= 0:
                    mine = key[variable]
                state = _mix(mine ^ (np.uint64(code[pc + 1]) * _M2))
            if variable >= 0:
                me = agreement[variable]
            if code[pc + 3] == 0:
                call = code[pc + 1]
            else:
                depth += 1
                alternatives = choices[code[pc + 1], 1]
                which = me & 1 if alternatives == 2 else (me >> 1 if alternatives == 3 else me)
                pc = entry[choices[code[pc + 1], 2] + which]
                continue
        elif op == SLOT:  # class, form, agreeing with (-1 none, -2 self), stride, mask, variable bound (-1), number
            state += _GOLDEN
            chosen = _choose(_mix(state), choices[code[pc + 1], 0], choices[code[pc + 1], 1], keep, other)
            row = choices[code[pc + 1], 2] + chosen
            form = code[pc + 2]
            if code[pc + 3] != -1:
                form += ((agreement[code[pc + 3]] if code[pc + 3] >= 0 else me) & code[pc + 5]) * code[pc + 4]
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
        elif op == NUMBER:  # variable, least digits
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
        elif op == RANGE:  # variable, least, most
            state += _GOLDEN
            value[code[pc + 1]] = code[pc + 2] + _below(_mix(state), code[pc + 3] - code[pc + 2] + 1)
            pc += 4
        elif op == ARITHMETIC:  # variable, operation, is left a variable, left, is right a variable, right
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
        elif op == WHILE:  # symbol: again until the document has its length
            if pos >= limit:
                pc += 2
            else:
                call = code[pc + 1]
                stack[depth, 0], stack[depth, 1], stack[depth, 2] = pc, me, 0
                keyed[depth] = False
        elif op == TIMES:  # symbol, least, most
            state += _GOLDEN
            times = code[pc + 2] + _below(_mix(state), code[pc + 3] - code[pc + 2] + 1)
            call = code[pc + 1]
            stack[depth, 0], stack[depth, 1], stack[depth, 2], stack[depth, 3] = pc + 4, me, times - 1, call
            keyed[depth] = False
            if times == 0:
                call = np.int64(-1)
                pc += 4
        elif op == BUDGET:  # bytes: the median length; a product of five uniform factors is nearly lognormal
            size = code[pc + 1]
            for _ in range(5):
                state += _GOLDEN
                size = size * (28 + _below(_mix(state), 82)) // 64
            limit = begun + size
            pc += 2
        else:  # RETURN
            if depth == 0:
                return pos, genre
            depth -= 1
            if stack[depth, 2] > 0:
                stack[depth, 2] -= 1
                call = stack[depth, 3]
            else:
                pc, me = stack[depth, 0], stack[depth, 1]
                if keyed[depth]:
                    state, mine = saved[depth, 0], saved[depth, 1]
                continue
        if call >= 0:
            depth += 1
            state += _GOLDEN
            which = _choose(_mix(state), choices[call, 0], choices[call, 1], keep, other)
            if choices[call, 3]:
                count = choices[call, 1]
                if used[call] == (np.uint64(1) << np.uint64(count)) - np.uint64(1):
                    used[call] = np.uint64(0)
                while (used[call] >> np.uint64(which)) & np.uint64(1):
                    which = (which + 1) % count
                used[call] |= np.uint64(1) << np.uint64(which)
            pc = entry[choices[call, 2] + which]
            if depth >= _DEPTH:
                return np.int64(-1), np.int64(1)
            continue
        if piece >= 0:
            first, last, stands = spans[piece, 0], spans[piece, 1], spans[piece, 2]
            if pos + last - first + 24 > out.size:
                return np.int64(-1), np.int64(0)
            if stands & SPACED and not joined:
                out[pos] = 32
                pos += 1
            at = pos
            for i in range(first, last):
                out[pos] = pool[i]
                pos += 1
            if capital and last > first:
                if out[at] == 34 and last > first + 1:
                    at += 1
                if 97 <= out[at] <= 122:
                    out[at] -= 32
                capital = False
            joined = stands & JOINED != 0
            if (
                capitals
                and pos > begun
                and (out[pos - 1] == 46 or out[pos - 1] == 63 or out[pos - 1] == 33 or out[pos - 1] == 10)
            ):
                capital = True
