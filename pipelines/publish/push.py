"""`arcorp push`: send a sealed dataset, or an export of one, to the Hugging Face Hub.

Every byte is first checked against the seal. The sealed files, the seal, schedules and the card are sent. Files that
the Hub already has are not sent again, so that an interrupted push resumes when it is started again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import Failure, IntegrityError, UsageError
from pipelines.publish.card import CARD, write_card
from sharding import seal
from sharding.seal import Sealed

REPOSITORY = re.compile("[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Parcel:
    """Files to send: their names in the folder and their sizes in bytes. `digest` is the folder's."""

    folder: Path
    digest: str
    files: dict[str, int]

    @property
    def bytes(self) -> int:
        return sum(self.files.values())


def parcel(folder: Path, repo: str) -> Parcel:
    """Check a folder, write its card, and say what would go. Raises UsageError, IntegrityError, Unsealed."""
    if not REPOSITORY.fullmatch(repo):
        raise UsageError(f"{repo}: a repository on the Hub is called USER/NAME")
    sealed = Sealed(folder)
    write_card(folder, repo.partition("/")[2], repo)
    faults = seal.find_faults(folder, sealed.manifest, full=True)
    if faults:
        raise IntegrityError(f"{folder}: {faults[0].file} {faults[0].what}; nothing was sent: build the folder again")
    beside = [path.name for path in sorted(folder.glob("*.json")) if path.name not in sealed.manifest.files]
    names = [*(name for name, _ in sealed.manifest.stored()), *beside, CARD]
    return Parcel(folder, sealed.digest, {name: (folder / name).stat().st_size for name in dict.fromkeys(names)})


def push(files: Parcel, repo: str, public: bool) -> str:
    """Send files as one commit and return its address. A repository that does not exist is created.

    Raises Failure with the answer of the Hub.
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi()
    additions: list[Any] = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=files.folder / name) for name in files.files
    ]
    try:
        api.create_repo(repo, repo_type="dataset", private=not public, exist_ok=True)
        commit = api.create_commit(
            repo, additions, commit_message=f"Dataset {files.digest[:16]}, by arcorp", repo_type="dataset"
        )
    except HfHubHTTPError as error:
        reason = (str(error.server_message or error).splitlines() or ["no reason given"])[0]
        raise Failure(
            f"{repo}: the Hub refused ({reason}); check the name, and log in with `hf auth login`"
        ) from error
    except Exception as error:  # errors of httpx and of the operating system
        if isinstance(error, Failure | ValueError | TypeError):
            raise
        raise Failure(f"{repo}: the Hub can't be reached ({error}); run the same command again to resume") from error
    return str(commit.commit_url)
