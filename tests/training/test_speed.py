import time

import pytest
import torch
from trainings import cost_of

from training.config import ModelConfig
from training.speed import Stopwatch, utilisation

V1 = cost_of(ModelConfig("nanochat", 32_768, 2_048, 16, 1_024, 8, 8, 4_096))
D20 = cost_of(ModelConfig("nanochat", 65_536, 2_048, 20, 1_280, 10, 10, 5_120))


def test_mfu_of_the_seeds_equals_their_cards_for_the_right_peak() -> None:
    fastest = utilisation(2.4e6, V1, "NVIDIA H200", 8)
    assert fastest["mfu"] == pytest.approx(0.5496, abs=5e-5)
    assert fastest["peak"] == "NVIDIA H200, 989 TFLOP/s dense bf16"
    a100 = utilisation(11_219_763_200 / (394.42 * 60), D20, "NVIDIA A100-SXM4-80GB", 8)
    assert a100["mfu"] == pytest.approx(0.663, abs=5e-4)  # the published 21.02 % divides by the peak of an H100


def test_peaks_are_found_by_device_name_and_unknown_devices_have_no_mfu() -> None:
    peaks = {
        name: utilisation(1.0, V1, name, 1)["peak"].split(", ")[1].split(" ")[0]
        for name in (
            "NVIDIA H100 80GB HBM3",
            "NVIDIA GH200 480GB",
            "NVIDIA H100 PCIe",
            "NVIDIA H200 NVL",
            "NVIDIA H20",
        )
    }
    assert list(peaks.values()) == ["989", "989", "756", "836", "148"]
    assert utilisation(1e6, V1, "CPU", 1) == {}


def test_a_stopwatch_measures_the_seconds_between_start_and_stop() -> None:
    watch = Stopwatch(torch.device("cpu"))
    began = time.perf_counter()
    watch.start()
    torch.ones(64, 64).sum()
    watch.stop()
    assert 0 < watch.seconds <= time.perf_counter() - began
