"""arcorp in Python: what a notebook or a script needs, under one name.

>>> import arcorp
>>> arcorp.normalise("الحــــمد لله")
'الحمد لله'
>>> arcorp.Segmenter("rules").segment("وبالمدرسة")
['و', 'ب', 'ال', 'مدرس', 'ة']
>>> data = arcorp.Dataset("out/demo/dataset")
>>> data.rows[0].shape
(128,)

Importing `arcorp` takes milliseconds: each name is loaded when it is first used. `python -m arcorp` is the command.
Every function and class here raises `arcorp.Failure` or one of its subclasses for what a user can mend.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arcorp.building import build, load_recipe
    from arcorp.dataset import Dataset, Segment
    from arcorp.text import Document, Segmenter, normalise, read
    from arcorp.tokenizer import Tokenizer
    from pipelines.errors import Failure

__all__ = [
    "Dataset",
    "Document",
    "Failure",
    "Segment",
    "Segmenter",
    "Tokenizer",
    "build",
    "load_recipe",
    "normalise",
    "read",
]

_MODULES = {
    "Dataset": "arcorp.dataset",
    "Document": "arcorp.text",
    "Failure": "pipelines.errors",
    "Segment": "arcorp.dataset",
    "Segmenter": "arcorp.text",
    "Tokenizer": "arcorp.tokenizer",
    "build": "arcorp.building",
    "load_recipe": "arcorp.building",
    "normalise": "arcorp.text",
    "read": "arcorp.text",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'arcorp' has no attribute {name!r}")
    from importlib import import_module

    from arcorp.shadows import refuse_shadows

    refuse_shadows()
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
