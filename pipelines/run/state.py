"""Records under `.arcorp/`: what a folder is for, what is planned, what was launched. None is part of a result.

No digest proves a record, and any program or person can cut or change one. A record is read through its model, and
one that does not fit is refused by name: without it the same command can be run again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, JsonValue, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

from pipelines.errors import UsageError
from sharding import seal

T = TypeVar("T")


class Identity(TypedDict):
    """stage.json: what a stage's folder is for."""

    stage: str
    version: int
    options: dict[str, JsonValue]
    inputs: dict[str, str]


class Plan(TypedDict):
    """plan.json: names of a stage's parts, numbers of those that were missing, and when making them began."""

    parts: list[str]
    missing: list[int]
    began: float


class Array(TypedDict):
    """array.json: a stage's last array of jobs; `ranks` are laid out `per_job` to a job."""

    launch: str
    job: str
    ranks: list[int]
    per_job: Annotated[int, Field(ge=1)]


class Launch(TypedDict):
    """launch.json: what a build on SLURM was asked to do."""

    launch: str
    recipe: dict[str, JsonValue]
    until: str | None


class Stopped(TypedDict):
    """failure.json: why a build on SLURM has stopped."""

    message: str
    exit_code: int


class Named(TypedDict):
    """recipe.json, as far as it is read: the recipe's name."""

    name: str


class Unreadable(UsageError):
    """A record is empty, cut, or of another form than arcorp writes."""


def read_state(path: Path, model: type[T] | Any) -> T | None:
    """The record in `path`, checked against `model`; None where there is no file.

    Raises Unreadable, which names the file.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        found: T = TypeAdapter(model).validate_python(seal.parsed(data), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Unreadable(_sentence(path, f"{where}: {first['msg']}" if where else first["msg"])) from None
    except ValueError as error:
        raise Unreadable(_sentence(path, str(error) if data.strip() else "it is empty")) from None
    return found


def _sentence(path: Path, why: str) -> str:
    return (
        f"{path} is no record that arcorp wrote ({' '.join(why.split())}): delete it, and run the same command again"
    )
