"""The schedule: quotas of phases, published numbers of steps, and random access to the order of rows."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharding.errors import OptionError
from sharding.layout import SCHEDULE, SPLITS, DatasetLayout, SplitLayout, StratumLayout
from sharding.scheduling import Mixture, Phase, Schedule, create_schedule
from sharding.scheduling.schedule import share_table
from sharding.seal import Damaged, Manifest, Unsealed, canonical, digest_of, read_manifest, write_json


def dataset_of(rows: dict[str, int], row_tokens: int = 512, vocab_size: int = 32_768) -> Manifest:
    """Return the manifest of a dataset with the given number of training rows for each source."""
    strata, first = [], 0
    for name in sorted(rows):
        strata.append(StratumLayout(name, name, None, None, first, rows[name], 1, 1, 1, 1))
        first += rows[name]
    train = SplitLayout(first, max(first, 1), 1, tuple(strata))
    splits = dict(zip(SPLITS, (train, SplitLayout(0, 1, 0, ())), strict=True))
    layout = DatasetLayout(row_tokens, "<u2", vocab_size, 0, None, None, "", "best-fit", "exact", splits)
    return Manifest("pack", 1, {}, {}, {}, {}, layout.to_json())


def steps(schedule: dict[str, object]) -> list[int]:
    return [phase["steps"] for phase in schedule["phases"]]  # type: ignore[attr-defined]


def test_autoresearch_v1_has_1875_and_10625_steps() -> None:
    # 983 million tokens of OpenITI, then 5,570.56 million of the other sources; 524,288 tokens per step
    manifest = dataset_of({"openiti": 200_000, "mix": 3_200_000}, 2048)
    phases = [
        Phase(
            "openiti",
            tokens=1_875 * 524_288,
            mixture=Mixture("proportional", "source", shares={"openiti": 1, "mix": 0}),
        ),
        Phase("mix", tokens=10_625 * 524_288 + 524_287),
    ]
    schedule = create_schedule(manifest, phases, Mixture(), batch_rows=256, seed=0)
    assert steps(schedule) == [1_875, 10_625]
    assert schedule["phases"][0]["quotas"] == {"openiti": 480_000, "mix": 0}
    assert share_table(schedule)[1].epochs > 2.39


def test_autoresearch_v2_has_phases_of_7151_11918_and_28605_steps() -> None:
    manifest = dataset_of({"ar": 9_000_000, "en": 9_000_000}, 2048)
    bounds = [0, 7_151, 19_069, 47_674]
    phases = [Phase(str(k), steps=stop - start) for k, (start, stop) in enumerate(itertools.pairwise(bounds))]
    schedule = create_schedule(manifest, phases, Mixture(), batch_rows=256, seed=0)
    assert sum(steps(schedule)) * 256 * 2048 == 24_994_906_112
    opened = Schedule(schedule, manifest)
    assert [opened.phase_of(step) for step in (0, 7_150, 7_151, 19_068, 19_069, 47_673)] == list("001122")


def test_arafusion_has_63667_steps_of_432_rows_and_its_mixture() -> None:
    rows = {"arb": 98_000_000, "ars": 800_000, "arz": 1_200_000}
    manifest = dataset_of(rows)
    mixture = Mixture("inverse-frequency", "source", power=0.38)
    schedule = create_schedule(
        manifest, [Phase("all", tokens=14_082_048_000 + 7)], mixture, batch_rows=432, seed=42, max_epochs=8
    )
    assert steps(schedule) == [63_666]  # 14,082,048,000 tokens are 191,000 x 73,728, not whole steps of 221,184
    schedule = create_schedule(manifest, [Phase("all", steps=63_667)], mixture, batch_rows=432, seed=42, max_epochs=8)
    assert sum(schedule["phases"][0]["quotas"].values()) == 63_667 * 432
    assert [round(100 * line.share, 2) for line in share_table(schedule)] == [89.61, 4.55, 5.85]
    assert [round(line.repeats, 2) for line in share_table(schedule)] == [0.91, 5.68, 4.87]


def test_more_than_max_epochs_over_the_run_is_refused_with_stratum_and_shortfall() -> None:
    manifest = dataset_of({"large": 1_000, "small": 10})
    equal = Mixture("proportional", "source", shares={"large": 50, "small": 50})
    phases = [Phase("one", steps=4), Phase("two", steps=5)]
    create_schedule(manifest, phases, equal, batch_rows=16, seed=0, max_epochs=7.2)
    with pytest.raises(OptionError, match=r"'small' has 10 rows of 512 tokens and 72 would be drawn.* 2 rows"):
        create_schedule(manifest, phases, equal, batch_rows=16, seed=0, max_epochs=7)


@pytest.mark.parametrize(
    ("phase", "message"),
    [
        (Phase("x"), "either steps or tokens"),
        (Phase("x", steps=1, tokens=1), "either steps or tokens"),
        (Phase("x", tokens=100), "shorter than a step of 4096 tokens; give more"),
        (Phase("x", steps=0), "shorter than a step"),
    ],
)
def test_a_phase_without_a_step_is_refused(phase: Phase, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        create_schedule(dataset_of({"web": 10}), [phase], Mixture(), batch_rows=8, seed=0)


def test_no_phases_or_no_rows_are_refused() -> None:
    for phases, batch_rows in (([], 8), ([Phase("x", steps=1)], 0)):
        with pytest.raises(OptionError, match="at least one phase and one row"):
            create_schedule(dataset_of({"web": 10}), phases, Mixture(), batch_rows=batch_rows, seed=0)


# -- the order ------------------------------------------------------------------------------------------------

strata = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(0, 60), min_size=1, max_size=8).filter(
    lambda rows: sum(rows.values()) > 0
)


@given(strata, st.lists(st.integers(1, 12), min_size=1, max_size=3), st.integers(1, 9), st.integers(0, 99))
def test_every_row_is_drawn_once_before_any_is_drawn_again(
    rows: dict[str, int], phases: list[int], batch_rows: int, seed: int
) -> None:
    manifest = dataset_of(rows)
    value = create_schedule(
        manifest,
        [Phase(str(k), steps=steps) for k, steps in enumerate(phases)],
        Mixture("inverse-frequency", "source", power=0.5),
        batch_rows=batch_rows,
        seed=seed,
    )
    schedule = Schedule(json.loads(canonical(value)), manifest)
    order = schedule.rows_of(0, schedule.steps)
    assert order.shape == (sum(phases), batch_rows)
    counts = Counter(order.ravel().tolist())
    first = 0
    for name in sorted(rows):
        draws = [counts.get(row, 0) for row in range(first, first + rows[name])]
        drawn = sum(phase["quotas"][name] for phase in value["phases"])
        assert sum(draws) == drawn == schedule.drawn(schedule.steps)[name]
        if draws:
            assert max(draws) - min(draws) <= 1
            assert max(draws) == -(-drawn // rows[name])
        first += rows[name]
    assert sum(counts.values()) == order.size


@given(st.integers(0, 29), st.integers(0, 29))
def test_any_range_of_steps_can_be_computed_alone(start: int, stop: int) -> None:
    manifest = dataset_of({"a": 17, "b": 5, "c": 130})
    phases = [Phase("one", steps=13), Phase("two", steps=16, mixture=Mixture("temperature", "source", temperature=9))]
    schedule = Schedule(create_schedule(manifest, phases, Mixture(), batch_rows=6, seed=1), manifest)
    every = schedule.rows_of(0, 29)
    assert (schedule.rows_of(start, stop) == every[start:stop]).all()


def test_the_seed_and_the_dataset_determine_the_order() -> None:
    first, second = dataset_of({"a": 500}), dataset_of({"a": 500}, 256)
    orders = [
        Schedule(
            create_schedule(manifest, [Phase("x", steps=10)], Mixture(), batch_rows=50, seed=seed), manifest
        ).rows_of(0, 10)
        for manifest, seed in ((first, 0), (first, 1), (second, 0))
    ]
    assert all(sorted(order.ravel().tolist()) == list(range(500)) for order in orders)
    assert not (orders[0] == orders[1]).all()
    assert not (orders[0] == orders[2]).all()


def test_steps_that_do_not_exist_are_an_index_error() -> None:
    manifest = dataset_of({"a": 5})
    schedule = Schedule(create_schedule(manifest, [Phase("x", steps=3)], Mixture(), batch_rows=2, seed=0), manifest)
    for start, stop in ((3, 4), (-1, 0), (2, 4)):
        with pytest.raises(IndexError, match="steps 0 to 2"):
            schedule.rows_of(start, stop)


def test_the_rows_drawn_before_any_step_are_computed_directly() -> None:
    manifest = dataset_of({"a": 40, "b": 11})
    phases = [Phase("one", steps=5), Phase("two", steps=7, mixture=Mixture("temperature", "source", temperature=3))]
    schedule = Schedule(create_schedule(manifest, phases, Mixture(), batch_rows=4, seed=0), manifest)
    for step in range(13):
        rows = schedule.rows_of(0, step)
        assert schedule.drawn(step) == {"a": int((rows < 40).sum()), "b": int((rows >= 40).sum())}


# -- the file -------------------------------------------------------------------------------------------------


def test_a_schedule_is_read_as_it_was_created(dataset: Path) -> None:
    manifest = read_manifest(dataset)
    assert Schedule.read(dataset / SCHEDULE, manifest).steps == 12


def test_a_missing_schedule_names_the_command_that_creates_it(dataset: Path) -> None:
    with pytest.raises(Unsealed, match=r"other\.json is missing: create a schedule with `arcorp mix`"):
        Schedule.read(dataset / "other.json", read_manifest(dataset))


@pytest.mark.fault(24)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 8}, "was changed"),
        ({"seed": 8, "digest": None}, ""),
        ({"format": 2, "digest": None}, "has format 2"),
        ({"manifest": "0" * 64, "digest": None}, "was created for dataset 0000000000000000"),
        ({"row_tokens": 128, "digest": None}, "was created for dataset"),
        ({"phases": [{"name": "x", "steps": 2, "quotas": {"a": 15}}], "digest": None}, "draws 15 rows for 2 steps"),
        ({"phases": [{"name": "x", "steps": 2, "quotas": {"b": 16}}], "digest": None}, "KeyError"),
        ({"phases": [{"name": "x", "steps": 2, "quotas": {"empty": 16}}], "digest": None}, "without rows"),
        ({"phases": 3, "digest": None}, "is not a schedule"),
        ({"batch_rows": "many", "digest": None}, "is not a schedule"),
    ],
)
def test_a_schedule_that_does_not_match_is_refused(change: dict[str, object], message: str, tmp_path: Path) -> None:
    manifest = dataset_of({"a": 50, "empty": 0})
    data = create_schedule(manifest, [Phase("x", steps=2)], Mixture(), batch_rows=8, seed=7)
    data.update(change)
    if data["digest"] is None:
        data["digest"] = digest_of({key: value for key, value in data.items() if key != "digest"})
    write_json(tmp_path / "schedule.json", data)
    if not message:
        assert Schedule.read(tmp_path / "schedule.json", manifest).seed == 8
        return
    with pytest.raises(Damaged, match=message):
        Schedule.read(tmp_path / "schedule.json", manifest)


@pytest.mark.fault(24)
@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"null", b'{"digest": 1}', b"\xff"])
def test_an_invalid_schedule_is_refused(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "schedule.json").write_bytes(text)
    with pytest.raises(Damaged, match=r"schedule\.json"):
        Schedule.read(tmp_path / "schedule.json", dataset_of({"a": 50}))


def test_a_schedule_of_a_long_run_is_created_without_computing_its_rows() -> None:
    manifest = dataset_of({f"{k:02}": 10_000_000 for k in range(40)})
    schedule = Schedule(
        create_schedule(manifest, [Phase("x", steps=900_000)], Mixture(), batch_rows=432, seed=0), manifest
    )
    rows = schedule.rows_of(899_999, 900_000)
    assert len(np.unique(rows)) == 432
