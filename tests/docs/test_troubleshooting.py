"""docs/troubleshooting.md: each message of it is one that the code prints."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("arcorp", "corpora", "tokenization", "sharding", "training", "pipelines")
MESSAGES = [
    message
    for line in (ROOT / "docs" / "troubleshooting.md").read_text("utf-8").splitlines()
    if line.startswith("`")
    for message in re.findall(r"`([^`]+)`", line)
]


@pytest.fixture(scope="module")
def code() -> str:
    """The source of all packages, where strings that are continued on the next line are one string."""
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return "\n".join(re.sub(r'"\s*\n\s*f?"', "", path.read_text("utf-8")) for path in paths)


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_one_that_the_code_prints(message: str, code: str) -> None:
    assert message in code


def test_there_are_messages_of_every_kind() -> None:
    assert len(MESSAGES) >= 20
