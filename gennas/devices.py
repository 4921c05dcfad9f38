"""Devices and versions: where torch computes, and what a number was made with.

Torch, whose import takes seconds, is imported by the functions that need it.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import platform
import re
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from gennas.errors import InputError

if TYPE_CHECKING:
    import torch

#: Open lock files; a GPU slot is held until the process ends, however it ends.
_held: list[int] = []


def take_slot(names: list[str], folder: Path) -> int:
    """Lock the least-used of `names` and return its index: jobs on one machine spread evenly."""
    folder.mkdir(parents=True, exist_ok=True)
    for slot in itertools.count():
        for index, name in enumerate(names):
            lock = os.open(folder / f"{name}.{slot}", os.O_CREAT | os.O_RDWR, 0o666)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
            else:
                _held.append(lock)
                return index
    raise AssertionError("unreachable")


def choose_device() -> torch.device:
    """CUDA when there is one, else the CPU; GENNAS_DEVICE (cpu, cuda or cuda:N) overrides.

    The device is never a parameter of the study: it is how a number is computed, not which.
    """
    import torch

    asked = os.environ.get("GENNAS_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    usable = ["cpu", *(["cuda"] if count else []), *(f"cuda:{i}" for i in range(count))]
    if asked not in usable:
        raise InputError(f"GENNAS_DEVICE={asked}: not on this machine, which has {', '.join(usable)}; or unset it")
    if asked == "cuda":
        names = [str(torch.cuda.get_device_properties(i).uuid) for i in range(count)]
        folder = Path(tempfile.gettempdir()) / f"gennas-gpus-{os.getuid()}"
        return torch.device("cuda", take_slot(names, folder))
    return torch.device(asked)


def prepare() -> torch.device:
    """Make torch single-threaded (processes run in parallel instead); choose a device, deterministic if the CPU.

    On a GPU some operations, as the gradient of overlapping pooling, have no deterministic form: there, a score is
    repeatable to rounding.
    """
    import torch

    torch.set_num_threads(1)
    device = choose_device()
    if device.type == "cpu":
        torch.use_deterministic_algorithms(True)
        # It would fill every new tensor with nan; no operation here reads what it has not written.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    else:
        torch.cuda.set_device(device)  # whatever is made without naming a device is made there
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.allow_tf32 = False  # its 10 bits would not agree with the CPU's 24
    return device


def processor() -> str:
    """What the manufacturer calls this machine's processor."""
    info = Path("/proc/cpuinfo")  # Linux
    names = re.findall(r"model name\s*: (.*)", info.read_text()) if info.exists() else []
    return str((*names, platform.processor() or platform.machine())[0])


def made_with(device: torch.device) -> dict[str, str]:
    """Versions and hardware class, for the metadata of an artifact that torch computed."""
    name = platform.machine()
    if device.type == "cuda":
        import torch

        name = torch.cuda.get_device_name(device)
    return {
        "python": platform.python_version(),
        "torch": version("torch"),
        "numpy": version("numpy"),
        "device": f"{device.type} ({name})",
    }
