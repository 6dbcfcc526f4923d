"""`arcorp doctor`: facts about this machine and environment, and how to install what is missing."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from importlib import metadata
from pathlib import Path

from pipelines.cli.flags import CORES
from pipelines.console import Console

NEEDED = ("datatrove", "tokenizers", "fastokens", "pyarrow", "polars", "numpy", "numba", "pydantic", "zstandard")
OPTIONAL = {
    "torch": ("training", "pip install 'arcorp[train]'"),
    "safetensors": ("checkpoints", "pip install 'arcorp[train]'"),
    "camel_tools": ("Arabic morphology with camel-tools", "pip install 'arcorp[morphology]'"),
    "ctranslate2": ("machine translation", "pip install 'arcorp[translate]'"),
    "s3fs": ("s3:// inputs", "pip install s3fs"),
}


def examine(console: Console) -> None:
    """Show versions, cores, memory, disk and optional packages."""
    rows: list[tuple[str, str, str]] = [("python", platform.python_version(), "")]
    rows += [(name, metadata.version(name), "") for name in ("arcorp", *NEEDED)]
    for module, (what, how) in OPTIONAL.items():
        installed = importlib.util.find_spec(module) is not None
        version = metadata.version(module.replace("_", "-")) if installed else "not installed"
        rows.append((module.replace("_", "-"), version, f"for {what}" + ("" if installed else f": {how}")))
    rows.append(("sbatch", shutil.which("sbatch") or "not found", "for SLURM clusters"))
    free = shutil.disk_usage(Path.cwd()).free
    rows.append(("cores", str(CORES), ""))
    rows.append(("memory", f"{_memory() / 1e9:.0f} GB", "each worker needs about 1 GB"))
    rows.append(("disk", f"{free / 1e9:.0f} GB free", "a build needs about four times its text"))
    console.table(["part", "found", "note"], rows)
    missing = [name for name, version, _ in rows if version in ("not installed", "not found")]
    line = f"all required packages are installed; optional and missing: {', '.join(missing) or 'nothing'}"
    console.result({name: version for name, version, _ in rows}, line)


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
