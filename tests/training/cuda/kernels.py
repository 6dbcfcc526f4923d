"""Triton kernels of a compiled forward and backward pass for sm_90a, by inductor and Triton's compiler, without a GPU.

`python kernels.py PRESET PRECISION [SETTING ...]`, run as step.py is, with the package `triton` on the path, compiles
the model of step.py's trace and prints the number of kernels that ptxas has assembled. What torch asks a GPU for is
answered with the figures of an H200. Kernels are compiled and not launched; of the configurations that autotuning
would time, the first is compiled.
"""

import json
import os
import sys
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

os.environ |= {"TORCHINDUCTOR_COMPILE_THREADS": "1", "TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}

import torch
import torch._dynamo.device_interface as interfaces
import torch._functorch.config
import torch._inductor.config
import torch._inductor.runtime.triton_helpers
import torch._inductor.runtime.triton_heuristics as heuristics
import torch.utils._triton as has
import triton
from step import flash, inputs, on_cuda
from torch._subclasses.fake_tensor import FakeTensorMode
from triton.backends.compiler import GPUTarget
from triton.runtime import driver

from training import attention
from training.config import Config
from training.fp8 import use_fp8

H200 = SimpleNamespace(
    name="NVIDIA H200",
    major=9,
    minor=0,
    total_memory=141 * 2**30,
    multi_processor_count=132,
    regs_per_multiprocessor=65536,
    max_threads_per_multi_processor=2048,
    max_threads_per_block=1024,
    warp_size=32,
    shared_memory_per_block=49152,
    shared_memory_per_block_optin=232448,
    shared_memory_per_multiprocessor=233472,
    L2_cache_size=50 * 2**20,
    gcnArchName="",
    is_integrated=False,
)
ANSWERS = {
    "is_available": True,
    "current_device": 0,
    "device_count": 1,
    "get_compute_capability": 90,
    "get_device_properties": H200,
    "is_triton_capable": True,
    "raise_if_triton_unavailable": None,
    "is_bf16_supported": True,
}


def always(answer: Any) -> Any:
    return staticmethod(lambda *_, **__: answer)


class Launched(Exception):
    """The compiled code is complete and would launch its first kernel."""


def launch(*_: Any) -> None:
    raise Launched


class Driver:
    """The answers of Triton's driver of an H200."""

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", 90, 32)

    def get_current_device(self) -> int:
        return 0

    def get_active_torch_device(self) -> torch.device:
        return torch.device("cuda", 0)

    def get_current_stream(self, *_: Any) -> int:
        return 0


def answer_as_an_h200() -> None:
    for name, answer in ANSWERS.items():
        setattr(interfaces.CudaInterface, name, always(answer))
    interfaces.CudaInterface.Worker.get_device_properties = always(H200)  # type: ignore[method-assign]
    interfaces.CudaInterface.Worker.current_device = always(0)  # type: ignore[method-assign]
    for name, answer in (("current_device", 0), ("device_count", 1), ("is_initialized", True)):
        setattr(torch.cuda, name, always(answer))
    torch.cuda.get_device_properties = always(H200)
    torch.cuda.get_device_capability = always((9, 0))
    for name in [name for name in vars(has) if name.startswith("has_triton")]:
        setattr(has, name, always(name in ("has_triton", "has_triton_package")))
    torch.cuda._exchange_device = launch  # type: ignore[assignment]
    driver.set_active(Driver())
    torch._C._cuda_getCurrentRawStream = lambda _: 0  # type: ignore[attr-defined]
    torch._inductor.runtime.triton_helpers.set_driver_to_gpu = lambda: None
    torch._inductor.config.joint_graph_constant_folding = False
    torch._inductor.config.shape_padding = False  # chosen by measurements on a device
    torch._inductor.config.worker_start_method = "fork"
    torch._inductor.config.triton.autotune_at_compile_time = False
    torch._inductor.config.use_static_triton_launcher = False
    torch._functorch.config.force_non_lazy_backward_lowering = True
    torch._functorch.config.enable_autograd_cache = False


def main() -> None:
    preset, precision, *settings = sys.argv[1:]
    answer_as_an_h200()
    if precision != "fp32":
        attention.F.scaled_dot_product_attention = flash  # type: ignore[assignment]
    assembled = []

    def compile_first(self: Any, *_: Any, **__: Any) -> None:
        result = self._precompile_config(self.configs[0])
        assembled.append(result.kernel.asm["cubin"])

    heuristics.CachingAutotuner.precompile = compile_first  # type: ignore[method-assign]
    options = Config(preset=preset, layers=1, width=256, heads=2, precision=precision, device="cuda", compile=True)  # type: ignore[arg-type]
    config = replace(options, **dict.fromkeys(settings, True))  # type: ignore[arg-type]
    with FakeTensorMode(allow_non_fake_inputs=True):
        model = on_cuda(config.model(512, 256))
        if config.precision == "fp8":
            use_fp8(model.blocks, 4 * 256)
        autocast = torch.autocast("cuda", torch.bfloat16, enabled=config.precision != "fp32")
        with suppress(Launched), autocast:
            torch.compile(model, fullgraph=True)(*inputs(4, 256))
    sys.stdout.write(
        json.dumps({"kernels": len(assembled), "bytes": sum(map(len, assembled)), "triton": triton.__version__})
    )


if __name__ == "__main__":
    main()
