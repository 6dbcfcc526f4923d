"""Training steps on fake tensors of `cuda:0`, run as a process with device.cpp's library in LD_PRELOAD.

Each argument is a step, its words separated by commas; a line is printed for each, its result or its error.
`trace,PRESET,PRECISION[,SETTING...]` runs forward, backward, clipping and both optimizers, and counts the operators.
`saved,RECIPE,ROWS,PRECISION[,SETTING...]`, after all traces, counts the bytes that the compiled model saves for its
backward pass, from those of two and four blocks. Fake tensors have shapes, dtypes and devices but no memory, and their
operators enforce the rules of CUDA's, as those of `_scaled_mm` in FP8.
"""

import json
import re
import sys
import tempfile
import traceback
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.cuda.amp.common
import yaml
from torch import Tensor, nn
from torch._functorch.aot_autograd import aot_function
from torch._functorch.partitioners import min_cut_rematerialization_partition
from torch._inductor.decomposition import select_decomp_table
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode

from pipelines.recipe import find_recipe
from training import attention
from training.config import Config, ModelConfig
from training.config_file import read_config
from training.data import Micro
from training.fp8 import use_fp8
from training.model import Decoder
from training.optim import Optimizer, Pace

torch.cuda.amp.common.amp_definitely_not_available = lambda: False  # this torch has no CUDA
torch.cuda.is_bf16_supported = lambda *_, **__: True
VIEWS = (
    "view",
    "t",
    "transpose",
    "unbind",
    "detach",
    "expand",
    "_unsafe_view",
    "unsqueeze",
    "slice",
    "select",
    "split",
)


class Counting(TorchDispatchMode):
    """Counts operators, without views."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(function).split(".")[1]
        self.counts.update([name] if name not in VIEWS else [])
        return function(*args, **(kwargs or {}))


def flash(q: Tensor, k: Tensor, v: Tensor, *, dropout_p: float = 0.0, is_causal: bool = False, **_: Any) -> Tensor:
    """The operator that a GPU chooses for scaled_dot_product_attention in bf16, with its requirement on dtypes."""
    q, k, v = (x.to(torch.bfloat16) for x in (q, k, v))
    return torch.ops.aten._scaled_dot_product_flash_attention(q, k, v, dropout_p, is_causal)[0]


def on_cuda(config: ModelConfig) -> Decoder:
    """A model whose parameters and buffers are fake tensors on `cuda:0`."""
    with torch.device("cuda"):
        model = Decoder(config)
    for module in model.modules():
        for name, buffer in list(module.named_buffers(recurse=False)):
            module._buffers[name] = buffer.to("cuda")
    return model


def inputs(rows: int, length: int) -> Micro:
    ids = torch.zeros(rows, length, dtype=torch.int64, device="cuda")
    return Micro(ids, ids, ids == 0)


def trace(config: Config) -> dict[str, Any]:
    """Run a whole step, eager, of 4 rows of 256 ids, and the optimizers once more to count their operators."""
    with FakeTensorMode():
        model = on_cuda(config.model(512, 256))
        if config.precision == "fp8":
            use_fp8(model.blocks, 4 * 256)
        counting = Counting()
        with counting, torch.autocast("cuda", torch.bfloat16, enabled=config.precision != "fp32"):
            total, nats = model(*inputs(4, 256))
            total.backward()
        assert (total.device.type, nats.device.type, nats.dtype) == ("cuda", "cuda", torch.float32)
        assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in model.parameters())
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer, update = Optimizer(model, config), Counting()
        with update:
            optimizer.step(Pace(1.0, 0.95, 1.0))
    return {
        "step": counting.counts.total(),
        "scaled_mm": counting.counts["_scaled_mm"],
        "update": update.counts.total(),
    }


def saved(config: Config, vocab_size: int, length: int, rows: int) -> int:
    """Return the bytes of activations that the compiled model keeps from forward to backward."""
    attention.F.scaled_dot_product_attention = flash  # type: ignore[assignment]
    graphs = {}
    with FakeTensorMode(allow_non_fake_inputs=True):
        model = on_cuda(config.model(vocab_size, length))
        if config.precision == "fp8":
            use_fp8(model.blocks, rows * length)
        named = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        torch.compiler.is_compiling = lambda: True  # the loss in the form that the compiler fuses

        def run(*tensors: Tensor) -> tuple[Tensor, Tensor]:
            state = dict(zip(named, tensors, strict=False))
            if config.model(vocab_size, length).style.tied:
                state["head.weight"] = state["embedding.weight"]
            with torch.autocast("cuda", torch.bfloat16, cache_enabled=False):
                return functional_call(model, state, tensors[len(named) :])

        def keep(graph: Any, _: Any) -> Any:
            graphs.setdefault("forward", graph)
            return graph

        compiled = aot_function(
            run, keep, keep, min_cut_rematerialization_partition, decompositions=select_decomp_table()
        )
        compiled(*named.values(), *inputs(rows, length))[0].backward()
    nodes = graphs["forward"].graph.nodes
    output = next(node for node in nodes if node.op == "output").args[0][2:]
    kept = {node for node in output if getattr(node, "op", "placeholder") != "placeholder"}
    values = [node.meta["val"] for node in kept if isinstance(node.meta.get("val"), Tensor)]
    return sum(value.numel() * value.element_size() for value in values)


def traced(preset: str, precision: str, *settings: str) -> dict[str, Any]:
    options = Config(preset=preset, layers=2, width=256, heads=2, precision=precision, device="cuda")  # type: ignore[arg-type]
    return trace(replace(options, **dict.fromkeys(settings, True)))  # type: ignore[arg-type]


def saved_by(name: str, rows: str, precision: str, *settings: str) -> dict[str, Any]:
    recipe = find_recipe(name)
    text = recipe.read_text("utf-8")
    sizes = [int(re.findall(rf"{key}: ([0-9_]+)", text)[0].replace("_", "")) for key in ("vocab_size", "row_tokens")]
    values = yaml.safe_load(text)
    first = (values.get("runs") or [{}])[0].get("train", {})  # of a recipe of several runs: the base model
    section = {key: value for key, value in {**values["train"], **first}.items() if key != "ranks"}
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(section, file)
        file.flush()
        options = read_config(Path(file.name), [f"precision={precision}", *settings])
    blocks = (2, 4)
    counted = [saved(replace(options, layers=layers), *sizes, int(rows)) for layers in blocks]
    each = (counted[1] - counted[0]) / 2
    return {"layers": options.layers, "bytes": counted[0] + each * (options.layers - 2)}


def main() -> None:
    for step in sys.argv[1:]:
        kind, *words = step.split(",")
        try:
            result = (traced if kind == "trace" else saved_by)(*words)
        except Exception as error:
            result = {"error": f"{error}\n{traceback.format_exc()}"}
        sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
