"""A supernet in training: its weights, and logits that say which operation every edge should have.

What a search adds is how it draws the operations from the logits. The rest is common to SNAS, DARTS, GDAS and random
search with shared weights, and as in the supernet searches of NAS-Bench-201's authors: weights by SGD with a cosine
schedule, logits by Adam with betas of 0.5 and 0.999, batch norm without affine parameters and by the statistics of the
batch. With images held out, each step first moves the logits by the gradient of the loss on some of these, then the
weights by that on others (first-order, as in DARTS); else both by the gradient on the same batch (as in SNAS). Their
learning rate of the logits, 3e-4 over 39,000 steps, would leave them where they are in hundreds of steps: Adam moves a
logit by about the learning rate per step. For the first half of the steps the weights learn alone: operations without
weights are useful at once, and would be chosen before the others have learnt anything.

Sources: Liu et al., "DARTS: Differentiable Architecture Search", ICLR 2019; Xie et al., "SNAS: Stochastic Neural
Architecture Search", ICLR 2019; Dong and Yang, "NAS-Bench-201", ICLR 2020, whose settings are known here from their
released code; Elsken et al., "Bag of Tricks for Neural Architecture Search", CVPR workshops 2021, for the warm-up.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Categorical
from torch.nn.functional import one_hot
from torch.nn.utils import clip_grad_norm_

from gennas.families.images import MEMORY_FORMAT
from gennas.scoring import Protocol
from gennas.searches.base import SearchContext, Step
from gennas.searches.common import lessons
from gennas.seeds import derive_seed

#: Of the logits, unless the options say so.
LEARNING_RATE = 0.05
BETAS = (0.5, 0.999)
#: Share of the steps in which the logits stay as they are.
WARM_UP = 0.5
#: Standard deviation of the first logits.
SPREAD = 1e-3
#: Norm that gradients of weights are clipped to.
CLIP = 5.0
#: Steps between checkpoints.
INTERVAL = 50
#: Images of a batch that is only evaluated; images, and draws of an expectation, that are evaluated at most.
EVALUATION_BATCH, EVALUATED, DRAWS = 64, 128, 16
logger = logging.getLogger(__name__)


class Draw(NamedTuple):
    """How much of each operation there is on each edge, and which operations need no computing."""

    choices: Tensor  # (edges, operations)
    computed: Tensor | None = None  # likewise, booleans; all by default


#: From logits (edges, operations), and the share of the steps that are done, 0 to 1.
Sample = Callable[[Tensor, float], Draw]
#: What is added to the loss, from the logits, what was drawn from them, and the share of the steps that are done.
Penalty = Callable[[Tensor, Draw, float], Tensor]


def linear(first: float, last: float, progress: float) -> float:
    """A temperature on its way from the first to the last."""
    return first + (last - first) * progress


def no_penalty(logits: Tensor, draw: Draw, progress: float) -> Tensor:
    """Nothing."""
    return torch.zeros(())


def one(architecture: Sequence[int], operations: int) -> Draw:
    """A single architecture, of which the other operations need no computing."""
    hard = one_hot(torch.tensor(architecture), operations)
    return Draw(hard.float(), hard.bool())


def make_optimizer(network: nn.Module, protocol: Protocol) -> torch.optim.Optimizer:
    """The protocol's, of the weights that are trained; what has no gradient, as it was not drawn, stays as it is."""
    weights = [p for p in network.parameters() if p.requires_grad]
    rate, momentum, decay = protocol.learning_rate, protocol.momentum, protocol.weight_decay
    if protocol.optimizer == "adam":
        return torch.optim.Adam(weights, rate, (momentum, 0.999), weight_decay=decay)
    return torch.optim.SGD(weights, rate, momentum, weight_decay=decay, nesterov=momentum > 0)


class Training:
    """The supernet and the logits of a run of a search, and how they are trained."""

    def __init__(
        self, context: SearchContext, sample: Sample, penalty: Penalty = no_penalty, learns: bool = True
    ) -> None:
        """`learns` says whether there is anything to learn about the logits."""
        protocol, options = context.protocol, context.options
        assert protocol is not None and context.supernet is not None
        self.context, self.protocol = context, protocol
        self.sample, self.penalty, self.learns = sample, penalty, learns
        self.steps: int = options["steps"]
        self.lesson = lessons.draw(context)
        #: The part that chooses the architecture.
        self.choosing = self.lesson.held_out if len(self.lesson.held_out) else self.lesson.train
        torch.default_generator.manual_seed(derive_seed(context.seed, "weights"))
        self.backbone = context.supernet()
        for module in self.backbone.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.requires_grad_(False)  # at 1 and 0: what else an operation adds, its choice should say
        self.network = self.lesson.network(self.backbone).to(context.device).train()
        self.network.to(memory_format=MEMORY_FORMAT)  # type: ignore[call-overload]  # missing in torch's stubs
        self.logits = (SPREAD * torch.randn(self.backbone.choices.shape)).requires_grad_()
        self.weights = make_optimizer(self.network, protocol)
        rate = options.get("architecture_learning_rate", LEARNING_RATE)
        self.architecture = torch.optim.Adam([self.logits], rate, BETAS)

    # --- training ---------------------------------------------------------------------------------

    def run(self) -> Iterator[Step]:
        """Every step: what was drawn, its negated training loss, and the answer. Goes on from a checkpoint."""
        done = self.restore()
        yield from done
        for number in range(len(done), self.steps):
            draw, loss = self.step(number)
            done.append(Step(self.to_id(draw.choices), (-loss,), self.answer()))
            if self.context.checkpoint and len(done) % INTERVAL == 0:
                self.save(done)
            yield done[-1]

    def begin(self, number: int) -> float:
        """Seed a step, so that a checkpoint needs no generator's state, and set its rate; the share that is done."""
        seed = derive_seed(self.context.seed, "step", number)
        torch.default_generator.manual_seed(seed)
        self.generator = torch.Generator().manual_seed(seed)
        for group in self.weights.param_groups:
            group["lr"] = self.protocol.learning_rate * (1 + math.cos(math.pi * number / self.steps)) / 2
        return number / max(1, self.steps - 1)

    def step(self, number: int) -> tuple[Draw, float]:
        """One step of the logits and the weights: what was drawn for the latter, and its loss."""
        progress, train = self.begin(number), self.lesson.train
        learns = self.learns and number >= WARM_UP * self.steps
        if learns and self.choosing is train:
            return self.descend(train, progress, self.weights, self.architecture)
        if learns:
            self.descend(self.choosing, progress, self.architecture)
        return self.descend(train, progress, self.weights)

    def descend(self, part: Tensor, progress: float, *optimizers: torch.optim.Optimizer) -> tuple[Draw, float]:
        """Move what some optimisers have along the gradient on a batch; a loss that is no number moves nothing."""
        draw = self.sample(self.logits, progress)
        order = torch.randperm(len(part), generator=self.generator)
        loss = self.loss_of(draw, part[order[: self.protocol.batch_size]], self.generator)
        total = loss + self.penalty(self.logits, draw, progress).to(loss.device)
        if not total.isfinite():
            return draw, math.inf
        moved = [p for one in optimizers for g in one.param_groups for p in g["params"] if p.requires_grad]
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        total.backward(inputs=moved)
        clip_grad_norm_(self.network.parameters(), CLIP)
        for optimizer in optimizers:
            optimizer.step()
        return draw, float(loss.detach())

    def loss_of(self, draw: Draw, positions: Tensor, generator: torch.Generator) -> Tensor:
        """The loss, on some images, of the network that was drawn."""
        self.backbone.choose(draw.choices.to(self.context.device), draw.computed)
        return self.lesson.loss(self.network, positions, generator)

    # --- what it has learnt -----------------------------------------------------------------------

    def to_id(self, choices: Tensor) -> str:
        """The architecture with the likeliest operation on each edge."""
        return self.context.candidates.to_id(tuple(choices.argmax(dim=1).tolist()))

    def answer(self) -> str:
        """The likeliest architecture. It may be one that `none` cuts in two."""
        return self.to_id(self.logits)

    def entropy(self) -> float:
        """The mean entropy of an edge's operations, in nats."""
        return float(Categorical(logits=self.logits.detach()).entropy().mean())

    @torch.no_grad()
    def evaluate(self, draw: Draw, part: Tensor) -> float:
        """The mean loss of what was drawn, with the weights as they are, on the first images of a part."""
        generator = torch.Generator().manual_seed(derive_seed(self.context.seed, "evaluation"))
        batches = torch.split(part[:EVALUATED], EVALUATION_BATCH)
        losses = [float(self.loss_of(draw, batch, generator)) * len(batch) for batch in batches]
        return math.fsum(losses) / sum(map(len, batches))

    def evaluate_one(self, architecture: Sequence[int], part: Tensor) -> float:
        """The mean loss of an architecture with the supernet's weights."""
        return self.evaluate(one(architecture, self.logits.shape[1]), part)

    @torch.no_grad()
    def consistency(self) -> tuple[float, float]:
        """The loss of the answer with the supernet's weights, and the expected one of what the search draws.

        On the images that chose the architecture. They are equal for a search that has decided.
        """
        torch.default_generator.manual_seed(derive_seed(self.context.seed, "consistency"))
        drawn = [self.evaluate(self.sample(self.logits, 1.0), self.choosing) for _ in range(DRAWS)]
        return self.evaluate_one(self.logits.argmax(dim=1).tolist(), self.choosing), math.fsum(drawn) / DRAWS

    # --- checkpoints ------------------------------------------------------------------------------

    def parts(self) -> dict[str, Any]:
        """What has a state."""
        return {"network": self.network, "weights": self.weights, "architecture": self.architecture}

    def save(self, done: Sequence[Step]) -> None:
        """Save the progress."""
        assert self.context.checkpoint is not None
        states = {name: part.state_dict() for name, part in self.parts().items()}
        self.context.checkpoint.save(**states, logits=self.logits.detach(), done=[list(step) for step in done])

    def restore(self) -> list[Step]:
        """The steps that are done, with everything as it was after them."""
        saved = self.context.checkpoint.progress if self.context.checkpoint else {}
        if not saved:
            return []
        for name, part in self.parts().items():
            part.load_state_dict(saved[name])
        with torch.no_grad():
            self.logits.copy_(saved["logits"])
        logger.info("resumed after step %d", len(saved["done"]))
        return [Step(architecture, tuple(scores), answer) for architecture, scores, answer in saved["done"]]


def search(context: SearchContext, sample: Sample, penalty: Penalty = no_penalty) -> Iterator[Step]:
    """Train; say at the end how far the logits have decided, and what their decision costs."""
    training = Training(context, sample, penalty)
    yield from training.run()
    child, expected = training.consistency()
    logger.info(
        "entropy %.2f nats per edge; loss of the answer %.4f with the supernet's weights, expected %.4f",
        training.entropy(), child, expected,
    )  # fmt: skip
