"""The JSON records under `.arcorp/`, and reading them.

No digest proves a record, and a program or a person can truncate or change it. A record is validated against its model
when it is read. An invalid one is refused with the name of its file: once it is deleted, the same command can be run
again.
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
    """stage.json: the identity of the stage that the folder belongs to."""

    stage: str
    version: int
    options: dict[str, JsonValue]
    inputs: dict[str, str]


class Plan(TypedDict):
    """plan.json: names of a stage's parts, indices of the missing ones, and the start time (seconds since 1970)."""

    parts: list[str]
    missing: list[int]
    began: float


class Array(TypedDict):
    """array.json: a stage's last array of jobs. Job i makes ranks[i * per_job : (i + 1) * per_job]."""

    launch: str
    job: str
    ranks: list[int]
    per_job: Annotated[int, Field(ge=1)]


class Launch(TypedDict):
    """launch.json: the arguments of a build on SLURM."""

    launch: str
    recipe: dict[str, JsonValue]
    until: str | None


class Stopped(TypedDict):
    """failure.json: why a build on SLURM stopped."""

    message: str
    exit_code: int


class Named(TypedDict):
    """recipe.json: the recipe's name. Other keys are not read."""

    name: str


class Unreadable(UsageError):
    """A record is empty, truncated, or has another form."""


def read_state(path: Path, model: type[T] | Any) -> T | None:
    """Return the record in `path`, validated against `model`; None if there is no file. Raises Unreadable."""
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        record: T = TypeAdapter(model).validate_python(seal.parsed(data), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Unreadable(_message(path, f"{where}: {first['msg']}" if where else first["msg"])) from None
    except ValueError as error:
        raise Unreadable(_message(path, str(error) if data.strip() else "it is empty")) from None
    return record


def _message(path: Path, reason: str) -> str:
    return f"{path} is not a valid record ({' '.join(reason.split())}): delete it, and run the same command again"
