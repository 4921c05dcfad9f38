"""What the tests of several spaces do with a network, and of several stages with a search's answer."""

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from torch import Tensor, nn

from gennas.files import tfrecord
from gennas.files.checkpoints import Checkpoint
from gennas.targets import ACCURACY, Target
from stages.support import artifacts


def train_one_step(network: nn.Module, *inputs: Tensor) -> dict[str, Tensor | None]:
    """Each parameter's gradient, after a step that left the outputs finite and changed them."""
    before = outputs(network, *inputs)
    sum(output.square().mean() for output in before).backward()
    torch.optim.SGD(network.parameters(), lr=0.01).step()
    after = outputs(network, *inputs)
    assert all(output.isfinite().all() for output in after)
    assert any(not torch.equal(one, other) for one, other in zip(before, after, strict=True))
    return {name: parameter.grad for name, parameter in network.named_parameters()}


def write_answer(path: Path, architecture: str, **said: float) -> None:
    """A best.json."""
    judged = {"value": 90.0, "regret": 1.0, "rank": 3, "benchmark_size": 10, "finalists": 2, **said}
    answer = {"search": "evolution", "architecture": architecture, "target": "cifar10_accuracy_percent", "unit": "%"}
    answer |= {"evaluations": 6, "queries": 0, "others": {}}
    artifacts.write_json({**answer, **judged}, path)


def with_target(
    table: pa.Table, name: str, values: Sequence[float | None], target: Target = ACCURACY, nullable: bool = True
) -> pa.Table:
    """A benchmark's table with one more target."""
    field = artifacts.target_field(name, target).with_nullable(nullable)
    return table.append_column(field, pa.array(values, pa.float64()))


def outputs(network: nn.Module, *inputs: Tensor) -> list[Tensor]:
    """The features of a network of images, or the one output of a recurrent one."""
    found = network(*inputs)
    return found if isinstance(found, list) else [found]


def record(data: bytes) -> bytes:
    """The bytes of a record in a file."""
    length = struct.pack("<Q", len(data))
    return b"".join(part + struct.pack("<I", tfrecord.checksum(part)) for part in (length, data))


@contextmanager
def stopped_after(saves: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Within the block a training is stopped when its progress was saved so many times."""
    left, save = iter(range(saves - 1)), Checkpoint.save

    def save_then_stop(self, **progress):
        save(self, **progress)
        if next(left, None) is None:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Checkpoint, "save", save_then_stop)
        yield
