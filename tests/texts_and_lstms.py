"""A folder of texts, and a network that reads them: for the tests of language models and of retraining them."""

from pathlib import Path

from torch import nn

#: A section `retrain` of texts; the data set is a folder of the test's own.
PARAMS = {
    "dataset": "descriptions",
    "epochs": 3,
    "batch_size": 4,
    "optimizer": "adam",
    "learning_rate": 0.02,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "width": 1.0,
    "depth": 1.0,
    "validation_share": 0.1,
}


class Recurrent(nn.Module):
    """What a space of recurrent networks builds."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.lstm = nn.LSTM(inputs, outputs)

    def step_through(self, sequence, state):
        return self.lstm(sequence, state)


def write(folder: Path, names: str = "{}.txt", **parts: str) -> Path:
    """A folder of texts; the parts not given are `train`'s."""
    texts = {"train": parts["train"], "valid": parts["train"], "test": parts["train"]} | parts
    folder.mkdir(exist_ok=True)
    for part, text in texts.items():
        (folder / names.format(part)).write_text(text, encoding="utf-8")
    return folder
