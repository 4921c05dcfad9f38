"""Processes that score architectures, so that one that crashes or hangs costs no other its score.

On a CPU, an architecture that takes longer than the protocol's `time_limit`, or whose computation crashes its process,
has no score and ranks last, as one whose training diverges. On a GPU many train at once, and nobody could say whose
fault it was: there is no limit, and a crash fails the job. So does a process that ended in any other way, for lack of
memory most likely: it says nothing about the architecture.

The stage's own process does without torch, whose import takes seconds.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gennas import proxies, spaces
from gennas.devices import made_with, prepare
from gennas.errors import InputError, is_out_of_memory
from gennas.regression.genes import load_task
from gennas.scoring import BENCHMARK_NETWORK, Context, Protocol, Score
from gennas.seeds import derive_seed
from stages.support import sources
from stages.support.command import check_unedited, logger

if TYPE_CHECKING:
    import torch

CRASHES = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL}
#: What a process sends: its own `made_with`, that it is ready to score, scores, or the error that ended it.
MADE, READY, SCORE, ERROR = "made", "ready", "score", "error"


@dataclass(frozen=True)
class Scorer:
    """A proxy and all that it is given besides the architecture: the job that a worker gets."""

    kind: str
    space: str
    protocol: Protocol
    images: np.ndarray
    base_seed: int
    repetition: int
    options: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[int, float] = field(default_factory=dict)

    def context(self, device: torch.device) -> Context:
        """What the proxy may look at besides the architectures."""
        seed = derive_seed(self.base_seed, "proxy", self.repetition)
        space = spaces.load(self.space)
        return Context(space, self.protocol, self.images, seed, device, self.options, self.limits)

    def scores(self, device: torch.device, architecture_ids: Sequence[str]) -> Iterator[Score]:
        """The score of each architecture, in order."""
        context = self.context(device)
        score = proxies.make(self.kind, context)
        return score([spaces.parse(context.space, architecture) for architecture in architecture_ids])


def make_scorer(
    given: Mapping[str, Any], space: str, images: np.ndarray, base_seed: int, repetition: int, task: Path | None = None
) -> Scorer:
    """A repetition of a proxy, from what a job is given of it (`stages.support.scorers.job_parameters`)."""
    protocol = Protocol.from_section(given["protocol"]) if "protocol" in given else BENCHMARK_NETWORK
    options = {key: value for key, value in given.items() if key not in ("kind", "seeds", "protocol")}
    if task:
        options["task"] = load_task(task)
    return Scorer(given["kind"], space, protocol, images, base_seed, repetition, options)


class ScoringFailed(Exception):
    """A worker that gave no score for an architecture; `status` is the score's."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Worker:
    """A process that scores architectures one after the other, replaced when one of them breaks it."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self.process: Any = None
        self.connection: Connection | None = None

    def start(self) -> dict[str, str]:
        """A new process; what it computes with (`made_with`), sent when it is ready: before, no time limit runs."""
        self.connection, other = self.context.Pipe()
        self.process = self.context.Process(target=serve, args=(other, sources.SOURCES), daemon=True)
        self.process.start()
        other.close()  # else the end of the process would not end the connection
        made: dict[str, str] = self.receive("a worker", None)
        return made

    def send(self, scorer: Scorer, architecture_ids: Sequence[str]) -> None:
        """Have architectures scored, without waiting for it."""
        if self.connection is None:
            self.start()
        assert self.connection is not None
        try:
            self.connection.send((scorer, architecture_ids))
        except ConnectionError:  # it ended while it had nothing to do
            raise out_of_memory_error("a worker", f"was killed, or ended with exit code {self.stop()}") from None

    def receive(self, subject: str, seconds: float | None) -> Any:
        """What the process sends next about a subject.

        Raises ScoringFailed if it is late or has crashed, an InputError if it ended otherwise, or what the process
        raised.
        """
        assert self.connection is not None
        # Second by second: while a whole job is suspended, its time does not run.
        if seconds is not None and not any(wait([self.connection], 1) for _ in range(math.ceil(seconds))):
            self.stop()
            raise ScoringFailed("timed out", f"no score within the protocol's time_limit of {seconds:g} s")
        try:
            kind, answer = self.connection.recv()
        except (EOFError, ConnectionError):
            code = self.stop()
            if -code in CRASHES:
                raise ScoringFailed("crashed", f"its process crashed ({signal.Signals(-code).name})") from None
            raise out_of_memory_error(subject, f"was killed, or ended with exit code {code}") from None
        if kind != ERROR:
            return answer
        if is_out_of_memory(answer):
            raise out_of_memory_error(subject, "had no memory left")
        raise answer

    def stop(self) -> int:
        """End the process, whatever it is doing; its exit code if it had ended, negative for a signal, else 0."""
        assert self.connection is not None
        self.connection.close()
        self.connection = None
        self.process.join(1)
        code: int = self.process.exitcode or 0
        self.process.kill()
        self.process.join()
        return code

    def scores(self, scorer: Scorer, architecture_ids: Sequence[str], on_cpu: bool) -> Iterator[Score]:
        """The score of each architecture that was sent, in order."""
        limit = scorer.protocol.time_limit if on_cpu and math.isfinite(scorer.protocol.time_limit) else None
        self.receive("a worker", None)  # that it is ready: what all share, a download even, is nobody's time
        for position, architecture in enumerate(architecture_ids):
            try:
                score = self.receive(architecture, limit)
            except ScoringFailed as failure:
                if not on_cpu:
                    raise InputError(f"{architecture}, or one beside it: {failure}; run the job again") from failure
                logger.warning("%s: %s; it ranks last", architecture, failure)
                score = Score(-math.inf, failure.status)
                if rest := architecture_ids[position + 1 :]:
                    self.send(scorer, rest)
                    self.receive("a worker", None)
            yield score


def out_of_memory_error(subject: str, what: str) -> InputError:
    return InputError(
        f"{subject}: its process {what}; run the job again, with more memory (mem_mb; on a GPU, a smaller batch) or "
        "fewer jobs at once"
    )


class Workers:
    """Scores architectures in as many processes as a stage was given, with the same scores, or in one with a GPU."""

    def __init__(self, count: int) -> None:
        # A child that begins with what one process imported starts in no time; one forked here could inherit locks.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["torch", __name__])
        self.workers = [Worker(context) for _ in range(count)]
        self.made_with: Mapping[str, str] = {}

    def __enter__(self) -> Workers:
        start_ignoring_sigint()
        self.made_with = self.workers[0].start()
        self.on_cpu = self.made_with["device"].startswith("cpu")
        if not self.on_cpu:
            del self.workers[1:]
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            if worker.connection:
                worker.stop()

    def scores(self, scorer: Scorer, architecture_ids: Sequence[str]) -> Iterator[Score]:
        """The score of each architecture, in order, as soon as it is there."""
        shares = [architecture_ids[first :: len(self.workers)] for first in range(len(self.workers))]
        busy = [(worker, share) for worker, share in zip(self.workers, shares, strict=True) if share]
        for worker, share in busy:
            worker.send(scorer, share)
        found = [worker.scores(scorer, share, self.on_cpu) for worker, share in busy]
        for position in range(len(architecture_ids)):
            yield next(found[position % len(found)])


def start_ignoring_sigint() -> None:
    """Start the process that forks the workers, deaf to Ctrl-C: the stage is the one that says a line about it."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which a new process inherits
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, handler)


def serve(connection: Connection, hashes: dict[str, str]) -> None:
    """What a worker does: prepare, then send a score for each architecture that it is sent, or an error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    sources.SOURCES |= hashes  # as the stage began: an edit since then is one during the job
    with suppress(ConnectionError):  # the stage has ended
        try:
            device = prepare()
            connection.send((MADE, made_with(device)))
            while (request := next_request(connection)) is not None:
                scorer, architecture_ids = request
                scores = scorer.scores(device, architecture_ids)
                connection.send((READY, None))
                for position, score in enumerate(scores, start=1):
                    if position == len(architecture_ids):
                        check_unedited()
                    connection.send((SCORE, score))
        except ConnectionError:
            raise
        except Exception as error:
            error.add_note(traceback.format_exc())  # a traceback itself cannot be sent
            connection.send((ERROR, error))


def next_request(connection: Connection) -> tuple[Scorer, Sequence[str]] | None:
    """What the stage sends next; None if it has ended."""
    try:
        request: tuple[Scorer, Sequence[str]] = connection.recv()
    except EOFError:
        return None
    return request


def end_with_parent() -> None:
    """End this process when its stage does, however that ends."""

    def follow() -> None:
        parent = multiprocessing.parent_process()
        assert parent is not None
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
