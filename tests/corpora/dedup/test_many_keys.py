"""Ranks decide as the definition does, on random and adversarial keys, for any number of ranges and workers.

`ARCORP_KEYS` sets the number of documents: `make test-dedup` tries twelve million, of which each chain and star has
a million.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import many_keys
import pytest
from many_keys import ManyKeys

COUNT = int(os.environ.get("ARCORP_KEYS", "40000"))


@pytest.fixture(scope="module")
def keys() -> ManyKeys:
    return many_keys.many_keys(COUNT)


@pytest.fixture(scope="module")
def parts(keys: ManyKeys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("keys")
    many_keys.write_parts(keys, folder / "parts")
    return folder / "parts"


@pytest.fixture(scope="module")
def expected(keys: ManyKeys) -> dict[str, str]:
    fields = many_keys.decided_by_definition(keys)
    assert len(set(fields["reason"].tolist())) == 7, "every reason occurs, and three evaluation sets"
    assert fields["copies"].max() > COUNT // 10
    return many_keys.digests(fields)


@pytest.mark.slow
@pytest.mark.fault(6)
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("ranges", [1, 7, 64])
def test_decisions_by_ranks_are_those_of_the_definition(
    keys: ManyKeys, parts: Path, expected: dict[str, str], tmp_path: Path, ranges: int, workers: int
) -> None:
    by_ranks = many_keys.decided_by_ranks(
        keys, parts, tmp_path / "ranks", ranges, workers, max(1, COUNT // ranges // 2)
    )
    assert by_ranks == expected
