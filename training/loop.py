"""The training loop: one run on one rank, from the initial weights or the last checkpoint to the end.

A step is a function of dataset, schedule, configuration, step number and number of ranks. All ranks make the same
exchanges in the same order and stop at the same one: a signal, a failed write and a loss that is not finite are
values in the exchange at the end of each step.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from sharding.rows import Dataset
from sharding.seal import SealError, write_json
from training import checkpoint, evaluate
from training.config import Config
from training.data import Step, describe_row, steps, trained_on
from training.errors import TrainError, say
from training.fp8 import use_fp8
from training.loss import IGNORE
from training.model import count, make_model
from training.optim import Optimizer, pace
from training.ranks import FirstRankFailed, Ranks
from training.runfolder import RunFolder
from training.sampling import answers, samples
from training.speed import Meter
from training.token_losses import token_losses
from training.weights import starting_weights

INTERRUPTED = 130
SHOWN_ROWS = 8  # rows that are named if a step is not finite


def seed_step(seed: int, step: int, rank: int) -> None:
    """Seed dropout for a step from these three alone, so that a checkpoint needs no state of random numbers."""
    torch.manual_seed(int.from_bytes(hashlib.sha256(f"{seed}/{step}/{rank}".encode()).digest()[:7], "little"))


def distributed(module: nn.Module, ranks: Ranks) -> DistributedDataParallel:
    """Wrap a module in DDP, which exchanges gradients during backward. Buffers are constants and not exchanged."""
    parameters = inspect.signature(DistributedDataParallel.__init__).parameters
    buffers = (
        "forward_sync_buffers" if "forward_sync_buffers" in parameters else "broadcast_buffers"
    )  # torch 2.13 has renamed it
    on_gpu = [ranks.device.index] if ranks.device.type == "cuda" else None
    options: dict[str, Any] = {buffers: False}
    return DistributedDataParallel(module, device_ids=on_gpu, gradient_as_bucket_view=True, **options)


class Trainer:
    """One run on one rank: its model, optimizer and progress. `folder` is None on all ranks but rank 0."""

    def __init__(
        self, config: Config, dataset: Dataset, ranks: Ranks, folder: RunFolder | None, stop: Callable[[], bool]
    ) -> None:
        """stop: returns True after a signal, on which the run saves and ends."""
        self.dataset, self.ranks, self.folder, self.stop = dataset, ranks, folder, stop
        self.start = Path(config.init_from) if config.init_from else None
        self.config = replace(config, init_from=self.start.name) if self.start else config  # no file has a path in it
        self.steps = config.steps or dataset.steps
        self.model = make_model(config.model(dataset.vocab_size, dataset.row_tokens), config.seed).to(ranks.device)
        self.pass_rows = dataset.batch_rows // (ranks.world * config.accumulation)  # of one rank in one micro-step
        if config.precision == "fp8":
            use_fp8(self.model.blocks, self.pass_rows * dataset.row_tokens)
        self.counts = count(self.model)
        self.optimizer = Optimizer(self.model, config)
        self.sizes = evaluate.TokenSizes.read(dataset.tokenizer, dataset.vocab_size)
        self.meter = Meter(ranks, self.counts, dataset.batch_rows * dataset.row_tokens)
        self.step = 0
        self.order_hash = bytes.fromhex(dataset.digest)
        self.saved = (0, dataset.digest)
        self.validations: list[tuple[int, int, float | None]] = []  # step, rows, bits per byte
        self.ddp = distributed(self.model, ranks) if ranks.world > 1 else None
        self.forward: nn.Module = self.ddp or self.model
        self.evaluated: nn.Module = self.model
        if config.compile:
            # DDP's optimizer splits the graph at the ends of buckets, so that their exchange overlaps with the rest of
            # backward. It cannot split a graph that contains flex_attention. One rank must have a single graph.
            torch._dynamo.config.optimize_ddp = not config.intra_document
            self.forward = torch.compile(self.forward, fullgraph=ranks.world == 1)  # type: ignore[assignment]
            self.evaluated = torch.compile(self.model, fullgraph=True)  # type: ignore[assignment]

    # -- beginning and end --------------------------------------------------------------------------------

    def resume(self) -> None:
        """Load the newest sound checkpoint, if there is one, and verify that the dataset's rows are the same."""
        chosen = self.ranks.from_first(self._choose)
        if chosen is not None:
            path, meta = Path(chosen["path"]), checkpoint.Meta(**chosen["meta"])
            model, optimizer = checkpoint.load_tensors(path)
            self._copy(model)
            self.optimizer.load(optimizer)
            self.step, self.order_hash = meta.step, bytes.fromhex(meta.order_hash)
            self.saved = (meta.step, meta.order_hash)
        elif self.start is not None:
            source = self.start, self.model.config, self.dataset
            self.ranks.from_first(lambda: starting_weights(*source, say) and None)  # refused on rank 0, for all
            self._copy(starting_weights(*source, lambda line: None))
        self.validations = [tuple(validation) for validation in self.ranks.from_first(self._begin)]

    @torch.no_grad()
    def _copy(self, weights: Mapping[str, Tensor]) -> None:
        for name, parameter in self.model.named_parameters():
            parameter.copy_(weights[name])

    def _choose(self) -> dict[str, Any] | None:
        assert self.folder is not None
        chosen = checkpoint.choose(self.folder.checkpoints, say)
        if chosen is None:
            return None
        path, meta = chosen
        changes = checkpoint.check_belongs(path, meta, self._identity)
        checkpoint.check_order(path, meta, self.dataset)
        say(f"resuming after step {meta.step} from {path}" + "".join(f"; changed: {change}" for change in changes))
        if meta.world != self.ranks.world:
            say(
                f"{self.ranks.world} ranks resume a run of {meta.world} ranks: the data and its order are the same, "
                "the last bits of sums differ"
            )
        return {"path": str(path), "meta": asdict(meta)}

    @cached_property
    def _identity(self) -> dict[str, Any]:
        """The values that a checkpoint must have for this run to resume from it."""
        return {
            "manifest": self.dataset.digest,
            "schedule": self.dataset.schedule.data["digest"],
            "tokenizer": self.dataset.layout.tokenizer,
            "model": asdict(self.model.config),
            "config": {**self.config.values(), "steps": self.steps},
        }

    def _begin(self) -> list[tuple[int, int, float | None]]:
        """Open the run folder for lines after this step. Returns its validations: (step, rows, bits per byte)."""
        assert self.folder is not None
        cost = {"parameters": self.counts.parameters, "flops_per_token": self.counts.flops}
        kept = self.folder.begin({**asdict(self.config), "model": {**asdict(self.model.config), **cost}}, self.step)
        results = [(line["step"], line["validation"]) for line in kept if "validation" in line]
        return [(step, result["rows"], result["bits_per_byte"]) for step, result in results]

    def save(self) -> None:
        """Write a checkpoint of this step, unless it exists, and delete old ones."""
        self.settle()
        if self.saved[0] != self.step:
            self.ranks.from_first(self._save)
            self.saved = (self.step, self.order_hash.hex())

    def settle(self) -> None:
        """Wait until the shards that were read are proven on all ranks. Raises what was found damaged.

        Rows are used while their shards are hashed; nothing that was trained on them is kept before this returns.
        """
        failure: Exception | None = None
        try:
            self.dataset.settle()
        except (SealError, OSError) as error:
            failure = error
        if self.ranks.any(failure is not None):
            raise failure or FirstRankFailed()

    def _save(self) -> None:
        assert self.folder is not None
        rows, tokens = trained_on(self.dataset, self.step)
        meta = checkpoint.Meta(
            step=self.step,
            order_hash=self.order_hash.hex(),
            previous=self.saved,
            world=self.ranks.world,
            rows=rows,
            tokens=tokens,
            **self._identity,
        )
        self.folder.sync()
        path = checkpoint.save(
            self.folder.checkpoints, meta, dict(self.model.named_parameters()), self.optimizer.state()
        )
        keep = self.config.checkpoint.keep
        checkpoint.prune(
            self.folder.checkpoints, 1 if keep == "best" else keep, self.step, self.best if keep == "best" else None
        )
        say(f"saved {path}")

    def warm_up(self) -> None:
        """Run one pass without loss, which compiles the model and fixes DDP's buckets.

        DDP rebuilds its buckets after the first backward, and with more than two ranks they determine the order of
        sums: without this pass, the first step after a resume would differ from the same step of an undisturbed run.
        """
        if self.ranks.world == 1 and not self.config.compile:
            return
        ids = torch.zeros((self.pass_rows, self.dataset.row_tokens), dtype=torch.int64, device=self.ranks.device)
        with self.autocast():
            self.forward(ids, torch.full_like(ids, IGNORE), ids == 0)[0].backward()
        for parameter in self.model.parameters():
            parameter.grad = None

    def autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.ranks.device.type, torch.bfloat16, enabled=self.config.precision != "fp32")

    # -- the loop -----------------------------------------------------------------------------------------

    def run(self) -> int:
        """Train to the end of the run. Returns the exit code."""
        self.warm_up()
        every, often = self.config.checkpoint.every, self.config.eval.every
        coming = steps(self.dataset, self.step, self.steps, self.ranks, self.config.accumulation, self.order_hash)
        while self.step < self.steps:
            if (self.step == 0 or (often and self.step % often == 0)) and not self.validate():
                return self.leave()
            if self.out_of_patience:
                if self.ranks.first:
                    say(f"no improvement in {self.config.eval.patience} validations: the run ends at step {self.step}")
                break
            if every and self.step and self.step % every == 0:
                self.save()
            with self.meter.step():
                with self.meter.waiting():
                    step = next(coming)
                line, stop = self.train(step)
            if self.step % self.config.log_every == 0 or self.step == self.steps:
                self.log(line)
            if stop:
                return self.leave()
        if not self.validate():
            return self.leave()
        self.save()
        self.ranks.from_first(self.write_samples)
        return 0

    def leave(self) -> int:
        """Save after a signal. Returns the exit code."""
        self.save()
        if self.ranks.first:
            say(f"interrupted after step {self.step} of {self.steps}; the same command resumes it")
        return INTERRUPTED

    def train(self, step: Step) -> tuple[dict[str, Any], bool]:
        """Train one step. Returns its line of metrics.jsonl, and True if any rank received a signal.

        Raises TrainError, before the optimizer step, if the loss or the gradient is not finite.
        """
        device, ranks = self.ranks.device, self.ranks
        seed_step(self.config.seed, step.index, ranks.rank)
        total = ranks.sum(torch.tensor(float(step.targets), dtype=torch.float64, device=device)).clamp(min=1)
        by_row: list[Tensor] = []
        self.meter.watch.start()  # ranks are synchronised here; the next exchange is in the last backward
        for micro in step.micros:
            last = micro is step.micros[-1]
            with (
                nullcontext() if last or self.ddp is None else self.ddp.no_sync()
            ):  # gradients are exchanged once per step
                with self.autocast():
                    sum_of_nats, nats = self.forward(*micro)
                if last:
                    self.meter.watch.stop()
                by_row.append(nats.sum(dim=1))
                (sum_of_nats * (ranks.world / total)).backward()  # DDP takes the mean over ranks
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.grad_clip)
        mine = torch.cat(by_row)
        failure = (self.folder.failure if self.folder is not None else None) or self.dataset.failure
        flags = [float(self.stop()), float(failure is not None)]
        values = torch.cat((mine.double().sum().view(1), torch.tensor(flags, dtype=torch.float64, device=device)))
        nats_sum, stop, failed = ranks.sum(values).tolist()
        self.meter.passed()
        if failed:
            raise failure or FirstRankFailed()
        loss, norm_value = nats_sum / float(total), float(norm)
        if not np.isfinite(loss) or not np.isfinite(norm_value):
            raise self.not_finite(step, loss, norm_value, mine)
        now = pace(step.index, self.steps, self.config)
        self.optimizer.step(now)
        self.step, self.order_hash = step.index + 1, step.order_hash
        line = {
            "step": self.step,
            "phase": self.dataset.schedule.phase_of(step.index),
            "loss": loss,
            "lr": now.share * self.config.lr,
            "grad_norm": norm_value,
            "targets": int(total),
            "order_hash": self.order_hash.hex(),
        }
        if self.folder is not None:
            self.folder.metric(line)
        return line, bool(stop)

    def not_finite(self, step: Step, loss: float, norm: float, mine: Tensor) -> Exception:
        """Return the error of a step that is not finite, naming rows and documents; FirstRankFailed if not rank 0."""
        nats = torch.zeros(len(step.rows), dtype=torch.float64, device=self.ranks.device)
        by_micro = nats.view(self.config.accumulation, self.ranks.world, self.pass_rows)  # in global order
        by_micro[:, self.ranks.rank] = mine.double().view(-1, self.pass_rows)
        self.ranks.sum(nats)
        if not self.ranks.first:
            return FirstRankFailed()
        bad = step.rows[~torch.isfinite(nats).cpu().numpy()]
        problem = f"loss {loss}" if len(bad) else f"a gradient norm of {norm} with a finite loss in each row"
        rows = bad if len(bad) else step.rows
        lines = [describe_row(self.dataset, int(row)) for row in rows[:SHOWN_ROWS]]
        if len(rows) > SHOWN_ROWS:
            lines.append(f"... and {len(rows) - SHOWN_ROWS} more rows")
        return TrainError(
            f"step {step.index + 1} has {problem} and was not taken; the last checkpoint is intact. Its rows:\n  "
            + "\n  ".join(lines)
        )

    def log(self, line: dict[str, Any]) -> None:
        """Write a line to the log and to timings.jsonl, for the steps since the previous one."""
        timing = self.meter.line(self.step)
        if self.folder is None:
            return
        self.folder.timing(timing)
        mfu = f"  MFU {timing['mfu']:.1%}" if "mfu" in timing else ""
        say(
            f"step {self.step:>6}/{self.steps}  loss {line['loss']:.4f}  lr {line['lr']:.2e}  "
            f"norm {line['grad_norm']:.3f}  {timing['tokens_per_second']:,.0f} tokens/s{mfu}  {line['phase']}"
        )

    # -- validation ---------------------------------------------------------------------------------------

    @cached_property
    def rows(self) -> evaluate.Ints:
        """The validation rows."""
        return evaluate.choose_rows(self.dataset.validation.strata, self.config.eval.rows)

    def validate(self) -> bool:
        """Validate, unless done after this step. Returns False if any rank received a signal meanwhile."""
        if self.validated:
            return True
        split, every = self.dataset.validation, self.config.eval.batch
        self.model.eval()
        with self.autocast():
            sums = evaluate.sum_rows(self.evaluated, split, self.rows, self.sizes, self.ranks, every, self.stop)
        self.model.train()
        if sums is None:
            return False
        result = evaluate.report(sums, self.rows, split.strata)
        self.validations.append((self.step, len(self.rows), result["bits_per_byte"]))
        if self.folder is not None:
            self.folder.metric({"step": self.step, "validation": result})
            say(evaluate.line(self.step, result))
        if self.config.checkpoint.keep == "best" and self.step == self.best:
            self.save()
        return True

    @property
    def validated(self) -> bool:
        """True if the run has validated after this step, or there are no validation rows."""
        return not len(self.rows) or any((step, n) == (self.step, len(self.rows)) for step, n, _ in self.validations)

    @property
    def best(self) -> int | None:
        """The step of the best validation, the first one not counted."""
        measured = [(bits, step) for step, _, bits in self.validations if step and bits is not None]
        return min(measured)[1] if measured else None

    @property
    def out_of_patience(self) -> bool:
        """True if the run ends here because validation on the same rows no longer improves."""
        history = [bits for _, rows, bits in self.validations if rows == len(self.rows)]
        return evaluate.out_of_patience(history, self.config.eval.patience)

    # -- samples ------------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """True if nothing remains to do. Only on rank 0."""
        assert self.folder is not None
        ended = self.step == self.steps or self.out_of_patience
        return ended and self.validated and (self.folder.samples.exists() or not self.requires_samples)

    @property
    def requires_samples(self) -> bool:
        return bool(self.config.generate.prompts and self.dataset.validation.rows)

    def write_samples(self) -> None:
        """Write samples.json, on rank 0."""
        assert self.folder is not None
        if self.requires_samples:
            value = {"samples": samples(self.model, self.dataset, self.config.generate, self.config.seed)}
            if self.dataset.layout.is_masked:
                value["answers"] = answers(self.model, self.dataset)
            batch = min(self.config.eval.batch, len(self.rows))
            self.model.eval()
            with self.autocast():
                value["losses"] = token_losses(self.evaluated, self.dataset, self.ranks.device, batch)
            write_json(self.folder.samples, {"step": self.step, **value})
