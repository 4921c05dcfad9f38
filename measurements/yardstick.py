"""The paper's protocol, written down plainly: what the pipeline's speed is measured against.

Source: Li et al., "Generic Neural Architecture Search via Regression", NeurIPS 2021, section 3 and the released code.
The networks and the targets are the pipeline's; the training is the loop one would write first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Generator
from torch.nn.functional import mse_loss

from gennas.proxies.regression import draw_noise
from gennas.regression import images as image_regression
from gennas.scoring import Context, Score
from gennas.seeds import derive_seed


def make(context: Context) -> Callable[[Sequence[Any]], Iterator[Score]]:
    """As `gennas.proxies.make`; the score is the negated loss in evaluation mode after the last iteration."""
    protocol, task = context.protocol, context.options["task"]
    generator = Generator().manual_seed(derive_seed(context.seed, "task"))
    images, targets, *_ = image_regression.draw(task, context, generator)
    images, targets = images.to(context.device), tuple(target.to(context.device) for target in targets)

    def loss(network: torch.nn.Module) -> torch.Tensor:
        noise = draw_noise(task["noise"], images.shape, generator).to(context.device)
        predictions = network(images + noise)
        terms = zip(image_regression.LOSS_WEIGHTS, predictions, targets, strict=True)
        return sum((weight * mse_loss(p, t) for weight, p, t in terms), torch.zeros((), device=images.device))

    def score(architecture: Any) -> Score:
        torch.manual_seed(derive_seed(context.seed, "weights"))
        network = image_regression.network(task, context, architecture).to(context.device)
        weights = [p for p in network.parameters() if p.ndim > 1]
        others = [p for p in network.parameters() if p.ndim <= 1]  # biases and norms, which do not decay
        groups: list[dict[str, Any]] = [{"params": weights, "weight_decay": protocol.weight_decay}, {"params": others}]
        optimizer = torch.optim.SGD(groups, protocol.learning_rate, momentum=protocol.momentum)
        losses = []
        for _ in range(protocol.iterations):
            optimizer.zero_grad()
            current = loss(network)
            current.backward()
            optimizer.step()
            losses.append(current.item())
        network.eval()
        with torch.no_grad():
            return Score(-float(loss(network)), "ok", tuple(losses))

    return lambda architectures: map(score, architectures)
