"""Finding a translation model: a folder in CTranslate2's format, or a model of transformers, which is converted once.

A model of transformers is a folder, or a name on the Hugging Face Hub (`Helsinki-NLP/opus-mt-en-ar`), which is
downloaded to the hub's cache. CTranslate2's converter, which needs transformers and torch, writes the converted model
to the cache beside it, under the digest of its files. The precision is that of the original.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import warnings
from importlib.util import find_spec
from pathlib import Path

from corpora.errors import BadInput
from corpora.reading import remote_errors
from corpora.translation.model import CONFIG, MODEL, PAIR, SHARED, TOKENIZER_CONFIG

ARCHITECTURES = ("marian", "m2m_100")
"""`model_type` of OPUS-MT and of NLLB in transformers."""

WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
_DOWNLOADED = ("*.json", *PAIR, *SHARED, *WEIGHTS, MODEL, "*_vocabulary.txt")
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def local_model(name: str) -> Path:
    """Return the folder of a model in CTranslate2's format, given a folder or a name on the hub.

    Raises BadInput for anything else, and the errors of `remote_errors`.
    """
    folder = Path(name)
    hub_name = name.removeprefix("hf://")
    if not os.path.exists(name) and _HUB_NAME.fullmatch(hub_name):  # noqa: PTH110 (False for any text)
        folder = _downloaded(hub_name)
    if (folder / MODEL).is_file() or not (folder / CONFIG).is_file():
        return folder  # TranslationModel refuses what is no model
    return _converted(folder)


def _downloaded(name: str) -> Path:
    import huggingface_hub

    with remote_errors(f"hf://{name}"):
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=list(_DOWNLOADED)))


def _converted(folder: Path) -> Path:
    """Return the converted form of a model of transformers. Raises BadInput if it can't be converted."""
    try:
        kind = json.loads((folder / CONFIG).read_bytes()).get("model_type")
    except (ValueError, AttributeError, RecursionError) as error:
        raise BadInput(str(folder / CONFIG), f"is no JSON of a model ({error})", mend="copy it again") from None
    if kind is None:
        return folder  # CTranslate2's own configuration, without its model
    if kind not in ARCHITECTURES:
        raise BadInput(
            str(folder),
            f"is a model of type {kind!r}",
            mend=f"give one of {' or '.join(ARCHITECTURES)} (OPUS-MT, NLLB)",
        )
    copied = [name for name in (*PAIR, *SHARED, TOKENIZER_CONFIG) if (folder / name).is_file()]
    target = _cache(folder, copied)
    if (target / MODEL).is_file():
        return target
    if find_spec("torch") is None or find_spec("transformers") is None:
        files = " ".join(copied)
        raise BadInput(
            str(folder),
            "is a model of transformers, and its conversion needs torch and transformers",
            mend=f"install them, or convert it elsewhere: ct2-transformers-converter --model {folder.name} "
            f"--output_dir DIR --copy_files {files}",
        )
    from ctranslate2.converters import TransformersConverter

    temporary = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):  # progress bars, advice
            warnings.simplefilter("ignore")
            TransformersConverter(str(folder), copy_files=copied).convert(str(temporary), force=True)
        temporary.replace(target)
    except OSError as error:
        if not (target / MODEL).is_file():  # another process has converted it
            raise BadInput(str(folder), f"is not converted ({error})", mend="check its files, and the disk") from error
    except Exception as error:  # of transformers or of the converter: whatever is wrong with the files
        reason = " ".join(str(error).split())[:300]
        raise BadInput(str(folder), f"is not converted by CTranslate2 ({reason})", mend="check its files") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _cache(folder: Path, copied: list[str]) -> Path:
    """Return the place of a converted model: its name, and the digest of the files that it is made of."""
    import huggingface_hub

    files = {path.name: path for pattern in WEIGHTS for path in folder.glob(pattern)}
    files |= {name: folder / name for name in (CONFIG, *copied)}
    hasher = hashlib.sha256()
    for name in sorted(files):
        with files[name].open("rb") as file:
            hasher.update(f"{name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    place = huggingface_hub.cached_assets_path("arcorp", namespace="translation", subfolder=hasher.hexdigest()[:16])
    return Path(place) / "model"
