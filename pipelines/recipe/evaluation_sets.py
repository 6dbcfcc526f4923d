"""The files of evaluation sets, whose passages are removed from the documents (`dedup.decontaminate`)."""

from __future__ import annotations

import itertools
from typing import Any

from pipelines.errors import UsageError
from pipelines.recipe.corpus_options import DedupOptions


def evaluation_files(options: DedupOptions) -> list[tuple[str, Any]]:
    """Return (name, file) of each evaluation set, by name. Raises UsageError for remote files and equal names."""
    if not options.decontaminate:
        return []
    from corpora.addresses import bare, is_remote
    from corpora.dedup import evaluation_inputs, evaluation_name

    files = sorted(
        ((evaluation_name(file), file) for file in evaluation_inputs(options.decontaminate)), key=lambda pair: pair[0]
    )
    remote = next((file.path for _, file in files if is_remote(file.path)), None)
    if remote:
        raise UsageError(f"{bare(remote)}: evaluation sets must be files on this machine: download it first")
    repeated = next((name for (name, _), (other, _) in itertools.pairwise(files) if name == other), None)
    if repeated:
        raise UsageError(f"two evaluation sets have the name '{repeated}': rename one of their files")
    return files
