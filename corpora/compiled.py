"""Functions that numba compiles, when it is needed: loading numba takes half a second, which a small command saves.

A function that is marked `interpreted` runs in Python as long as such functions have had little work in this process.
Its results are equal both ways: it has only integers below 2^63 in its arrays and sums. All other functions load numba
at their first call. `load` loads it at once, for processes that have much to do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")

LIMIT = 200_000
"""Elements of the first arguments of all interpreted calls: less than 0.1 s."""


class Compiled:
    """A function that is compiled at the call that loads numba."""

    def __init__(self, function: Any, inline: bool, interpreted: bool) -> None:
        self.function, self.inline, self.interpreted = function, inline, interpreted
        self.__doc__, self.__name__, self.__module__ = function.__doc__, function.__name__, function.__module__
        self.dispatcher: Any = None

    def __call__(self, *arguments: Any) -> Any:
        if self.dispatcher is None:
            if self.interpreted and (left := _state.left - arguments[0].size) >= 0:
                _state.left = left
                return self.function(*arguments)
            load()
        return self.dispatcher(*arguments)


class _State:
    def __init__(self) -> None:
        self.left, self.waiting, self.loaded = LIMIT, list[Compiled](), False


_state = _State()


def compiled(*, inline: bool = False, interpreted: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator. inline: compile into the callers. interpreted: run in Python while there is little work.

    The first argument of an interpreted function is an array, which is read once.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        later = Compiled(function, inline, interpreted)
        if _state.loaded:
            return cast(Callable[P, R], _dispatcher(later))
        _state.waiting.append(later)
        return cast(Callable[P, R], later)

    return decorate


def load() -> None:
    """Load numba, and let the marked functions call each other's compiled code."""
    _state.loaded = True
    waiting, _state.waiting = _state.waiting, []
    for later in waiting:
        later.dispatcher = _dispatcher(later)
    for names in {id(later.function.__globals__): later.function.__globals__ for later in waiting}.values():
        names.update({name: value.dispatcher for name, value in names.items() if isinstance(value, Compiled)})


def _dispatcher(later: Compiled) -> Any:
    from numba import njit

    return njit(cache=True, nogil=True, inline="always" if later.inline else "never")(later.function)
