"""A folder before and after: what a test compares to show that nothing was created, changed or removed."""

import hashlib
from pathlib import Path


def snapshot(folder: Path) -> dict[str, str]:
    """Return all names below a folder except locks, with the sha256 of each file or the target of each link."""
    files = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            files[name] = f"link to {path.readlink()}"
        elif path.is_file() and not name.endswith(".arcorp/lock"):
            files[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return files
