"""The version is the same wherever it is written, and in no seal."""

import re
import tomllib
from pathlib import Path

from sharding.seal import MANIFEST

ROOT = Path(__file__).resolve().parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


def test_the_version_and_its_date_are_the_same_in_every_file() -> None:
    released = re.findall(r"^## (\S+) - (\S+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert released[0][0] == VERSION
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\nversion: {VERSION}\ndate-released: {released[0][1]}\n" in citation
    assert re.search(
        rf"^arcorp +{re.escape(VERSION)}$", (ROOT / "docs/first-hour.md").read_text("utf-8"), re.MULTILINE
    )


def test_no_seal_holds_the_version_so_that_releases_give_equal_digests(built: Path) -> None:
    manifests = sorted(built.rglob(MANIFEST))
    assert len(manifests) > 5
    assert [path for path in manifests if f'"{VERSION}"' in path.read_text("utf-8")] == []
