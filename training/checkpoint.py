"""Checkpoints: one folder per step, written atomically, with checksums of its files.

    checkpoints/step-000100/model.safetensors       parameters by name
                            optimizer.safetensors   `<parameter>/<state name>`, the same for every number of ranks
                            meta.json               step, order hash, dataset, configuration, sha256 of the others

The folder appears by a rename, and `meta.json` contains its own digest. A damaged checkpoint is skipped and the one
before it is used. A checkpoint of another model or dataset, or of a newer format, is refused. Random numbers need no
state: each step seeds them from seed, step and rank (`loop.seed_step`).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from sharding import checked
from sharding.rows import Dataset
from sharding.seal import Damaged, atomic_folder, digest_of, hash_file, parsed, records_from_json, write_json
from training.config import ModelConfig, harmless
from training.errors import ConfigError, DamagedCheckpoint, InputError, TrainError, Unfinished

FORMAT = 1
META = "meta.json"
MODEL = "model.safetensors"
OPTIMIZER = "optimizer.safetensors"
FILES = (MODEL, OPTIMIZER, META)


@dataclass(frozen=True)
class Meta:
    """Content of meta.json. `rows` and `tokens` count the training so far."""

    step: int
    order_hash: str  # hex, after `step` steps
    previous: tuple[int, str]  # step and order hash of the checkpoint before, or of the start of the run
    manifest: str  # digest of the dataset
    schedule: str  # digest of the schedule
    model: dict[str, Any]  # the ModelConfig
    config: dict[str, Any]  # the options: `Config.values`
    world: int  # number of ranks
    rows: dict[str, int]  # by stratum
    tokens: dict[str, int]  # by source
    tokenizer: str = ""  # sha256 of tokenizer.json; release 0.1.0 did not write it

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Meta:
        """Return the content of a meta.json. Raises ValueError, KeyError, TypeError or AttributeError if invalid."""
        step, order_hash = value["previous"]
        for digest in (order_hash, value["order_hash"]):
            bytes.fromhex(digest)
        checked.count(step, "step before", most=checked.count(value["step"], "step"))
        checked.count(value["world"], "world", least=1)
        for name in ("manifest", "schedule", *(["tokenizer"] if "tokenizer" in value else [])):
            checked.text(value[name], name)
        for name in ("model", "config", "rows", "tokens"):
            checked.mapping(value[name], name)
        for name in ("rows", "tokens"):
            for key, number in value[name].items():
                checked.count(number, f"{name} of {key}")
        return cls(**{**value, "previous": (step, order_hash)})


def name_of(step: int) -> str:
    return f"step-{step:06d}"


def find(folder: Path) -> list[tuple[int, Path]]:
    """Return the checkpoints in a folder as (step, path), oldest first, intact or damaged. Ignores symbolic links."""
    matches = [(re.fullmatch(r"step-(\d{6,18})", path.name), path) for path in folder.glob("step-*")]
    return sorted((int(match[1]), path) for match, path in matches if match and _holds_checkpoint(path))


def _holds_checkpoint(path: Path) -> bool:
    """Return True if a folder holds a file of a checkpoint, or is empty, as after a power failure."""
    if path.is_symlink() or not path.is_dir():
        return False
    names = {file.name for file in path.iterdir()}
    return not names or not names.isdisjoint(FILES)


def remove(path: Path) -> bool:
    """Delete the files of a checkpoint, and its folder if empty then. Returns True if the folder was deleted."""
    for name in FILES:
        (path / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # it holds files of others
        path.rmdir()
    return not path.exists()


def save(folder: Path, meta: Meta, model: Mapping[str, Tensor], optimizer: Mapping[str, Tensor]) -> Path:
    """Write one checkpoint and return its path. It replaces a damaged one of the same step.

    Raises TrainError if a parameter is not finite or the disk is full; earlier checkpoints remain.
    """
    for name, value in model.items():
        if not torch.isfinite(value).all():
            raise TrainError(f"parameter {name} is not finite at step {meta.step}: no checkpoint was written")
    path = folder / name_of(meta.step)
    if _holds_checkpoint(path):
        remove(path)
    try:
        with atomic_folder(path) as inside:
            files = {}
            for file, tensors in ((MODEL, model), (OPTIMIZER, optimizer)):
                save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, inside / file)
                record = hash_file(inside / file)
                files[file] = [record.bytes, record.sha256]
            body = {"format": FORMAT, **asdict(meta), "files": files}
            write_json(inside / META, {**body, "digest": digest_of(body)})
    except (OSError, SafetensorError) as error:
        raise TrainError(
            f"{path} can't be written ({error}): free space and resume; the last checkpoint is intact"
        ) from None
    return path


def prune(folder: Path, keep: int, newest: int, best: int | None = None) -> None:
    """Delete all but the last `keep` checkpoints up to step `newest`, which has just been written whole, and `best`.

    A folder without a `meta.json` of ours is not touched.
    """
    for step, path in [(step, path) for step, path in find(folder) if step <= newest][:-keep]:
        if step != best and has_meta(path):
            remove(path)


def has_meta(path: Path) -> bool:
    """Return True if a folder holds a `meta.json` with the keys of a checkpoint, damaged or not."""
    try:
        body = parsed((path / META).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(body, dict) and body.keys() >= {"format", "step", "order_hash", "files", "digest"}


def read_meta(path: Path) -> Meta:
    """Read meta.json and verify every file. Raises DamagedCheckpoint, or InputError if the format is newer."""
    try:
        body = parsed((path / META).read_bytes())
        written = body.pop("digest")
        version = body.pop("format")
        if checked.count(version, "format") > FORMAT:
            raise InputError(f"{path} has format {version}, this arcorp reads {FORMAT}: use a newer arcorp")
        if digest_of({"format": version, **body}) != written:
            raise DamagedCheckpoint(f"{path / META} was changed")
        files = records_from_json(body.pop("files"))
        if set(files) != {MODEL, OPTIMIZER}:
            raise ValueError(f"it names {', '.join(files) or 'no file'}")
        meta = Meta.from_json(body)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedCheckpoint(f"{path / META} can't be read ({error!r})") from None
    for name, record in files.items():
        try:
            sound = hash_file(path / name) == record
        except OSError:
            sound = False
        if not sound:
            raise DamagedCheckpoint(f"{path / name} is missing or was changed")
    return meta


def choose(folder: Path, say: Callable[[str], None]) -> tuple[Path, Meta] | None:
    """Return the newest sound checkpoint, None if there is no checkpoint. Damaged ones are reported by `say`.

    Raises DamagedCheckpoint if all are damaged.
    """
    checkpoints = find(folder)
    for _, path in reversed(checkpoints):
        try:
            return path, read_meta(path)
        except DamagedCheckpoint as error:
            say(f"{error}; trying the checkpoint before it")
    if checkpoints:
        raise DamagedCheckpoint(f"no checkpoint in {folder} is sound: delete the folder to start again")
    return None


def newest(run: Path, dataset: Dataset | None, say: Callable[[str], None]) -> tuple[Path, Meta]:
    """Return the newest sound checkpoint of a run, or `run` itself if it is the folder of a checkpoint.

    dataset: that of the run; None: of no interest. Raises Unfinished without a checkpoint, ConfigError for another
    dataset.
    """
    if (run / META).exists():
        path, meta = run, read_meta(run)
    else:
        chosen = choose(run / "checkpoints", say)
        if chosen is None:
            raise Unfinished(f"{run} has no checkpoint: train first")
        path, meta = chosen
    if dataset is not None and meta.manifest != dataset.digest:
        raise ConfigError(
            f"{path} was trained on dataset {meta.manifest[:16]}, and {dataset.path} is {dataset.digest[:16]}: "
            "give the dataset of the run"
        )
    return path, meta


def check_belongs(path: Path, meta: Meta, now: Mapping[str, Any]) -> list[str]:
    """Return the harmless changes since a checkpoint. Raises ConfigError if a run can't resume from it.

    now: the run's values of `manifest`, `schedule`, `tokenizer`, `model` and `config`.
    """
    for name, key in (("dataset", "manifest"), ("schedule", "schedule")):
        before = getattr(meta, key)
        if before != now[key]:
            raise ConfigError(
                f"{path} is of another {name}: it has {before[:16]}, this run {now[key][:16]}; use that {name} "
                "or another --out"
            )
    if not meta.tokenizer:
        raise ConfigError(f"{path} is of release 0.1.0, whose updates differ: init_from it with another --out")
    shape = {field.name for field in fields(ModelConfig)}
    config = {key: value for key, value in now["config"].items() if key not in shape}
    changes = []
    for old, new in ((meta.model, now["model"]), (meta.config, config)):
        for key in new:
            if old.get(key) == new[key]:
                continue
            if new is now["model"] or not harmless(key):
                raise ConfigError(
                    f"{path} is of a run with {key} {old.get(key)}, now it is {new[key]}: use another --out, "
                    "the same configuration, or --restart"
                )
            changes.append(f"{key} {old.get(key)} -> {new[key]}")
    return changes


def check_order(path: Path, meta: Meta, dataset: Dataset) -> None:
    """Hash the rows since the previous checkpoint again. Raises Damaged if they differ from those trained on."""
    if meta.step > dataset.steps:
        raise Damaged(f"{path} is of step {meta.step}, and the schedule has {dataset.steps}: use another --out")
    begin, order_hash = meta.previous[0], bytes.fromhex(meta.previous[1])
    for step in range(begin, meta.step):
        order_hash = dataset.order_hash(order_hash, step)
    if order_hash.hex() != meta.order_hash:
        raise Damaged(
            f"{path}: the rows of steps {begin} to {meta.step - 1} have changed since the training: "
            "verify the dataset with `arcorp verify --level full`"
        )


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Model and optimizer of a checkpoint that `choose` found sound, on the CPU. Raises DamagedCheckpoint."""
    try:
        return load_file(path / MODEL), load_file(path / OPTIMIZER)
    except SafetensorError as error:
        raise DamagedCheckpoint(f"{path}: its tensors can't be read ({error})") from None
