"""Refuse to start when a foreign package or file hides one of arcorp's own packages.

arcorp installs `corpora`, `tokenization`, `sharding`, `training` and `pipelines` as top-level packages (decision
0001). A user's file `training.py`, or a package `pipelines` that comes first on `sys.path`, would be imported instead,
and the error would be about a missing name deep inside. Here it is one sentence that names both.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("corpora", "tokenization", "sharding", "training", "pipelines")


def refuse_shadows() -> None:
    """Raise ImportError if one of `PACKAGES` would be, or was, imported from elsewhere than beside `arcorp`."""
    home = Path(__file__).resolve().parents[1]
    for name in PACKAGES:
        module = sys.modules.get(name)
        spec = module.__spec__ if module else find_spec(name)
        where = (spec.origin or next(iter(spec.submodule_search_locations or ()), None)) if spec else None
        if where is None:
            raise ImportError(f"arcorp's package '{name}' is missing from {home}: install arcorp again")
        if Path(where).resolve().parent not in (home / name, home):
            raise ImportError(
                f"{where} hides arcorp's own package '{name}' in {home}: rename it, start Python in another folder, "
                "or remove its folder from PYTHONPATH"
            )
