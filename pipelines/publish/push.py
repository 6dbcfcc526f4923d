"""`arcorp push`: a sealed dataset, or an export of one, to the Hugging Face Hub.

Every byte is checked against the seal first; what goes is what the seal names, the seal, schedules, and the card.
Files that the Hub has already are not sent again, so that a push that broke off goes on when it is started anew.
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
    """What would go: names in the folder, with their sizes."""

    folder: Path
    root: str
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
    names = [*sealed.manifest.files, *beside, CARD]
    return Parcel(folder, sealed.root, {name: (folder / name).stat().st_size for name in dict.fromkeys(names)})


def push(found: Parcel, repo: str, public: bool) -> str:
    """Send a parcel as one commit, making the repository if it is not there; returns the address of the commit.

    Raises Failure with what the Hub said.
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi()
    additions: list[Any] = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=found.folder / name) for name in found.files
    ]
    try:
        api.create_repo(repo, repo_type="dataset", private=not public, exist_ok=True)
        commit = api.create_commit(
            repo, additions, commit_message=f"Dataset {found.root[:16]}, by arcorp", repo_type="dataset"
        )
    except HfHubHTTPError as error:
        said = (str(error.server_message or error).splitlines() or ["no reason given"])[0]
        raise Failure(
            f"{repo}: the Hub refused ({said}); check the name, and that `hf auth login` was done"
        ) from error
    except Exception as error:  # the network's own: httpx and the operating system
        if isinstance(error, Failure | ValueError | TypeError):
            raise
        raise Failure(f"{repo}: the Hub can't be reached ({error}); run the same command again to go on") from error
    return str(commit.commit_url)
