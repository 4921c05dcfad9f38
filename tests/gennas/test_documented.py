"""The blocks of docs/your-own-network.md run, in order, as a reader would run them."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import gennas
from tests.networks import ResNet

PAGE = Path(__file__).parents[2] / "docs" / "your-own-network.md"
TINY = gennas.Protocol(1.0, 1.0, 4, 60, resolution=64, iterations=2)
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_blocks_of_the_page_run(monkeypatch, capsys):
    """torchvision's ResNet is a small one here, with the same names inside."""
    resnet18 = SimpleNamespace(resnet18=lambda num_classes: ResNet(8, num_classes))
    monkeypatch.setitem(sys.modules, "torchvision", SimpleNamespace(models=resnet18))
    namespace: dict[str, object] = {}
    assert len(BLOCKS) == 13
    for block in BLOCKS:
        exec(compile(block, str(PAGE), "exec"), namespace)
        printed = capsys.readouterr().out
        assert printed.strip()
        for expected in re.findall(r"print\(.*\)  # (.*)", block):
            assert expected in printed


def test_the_page_names_what_there_is():
    text = PAGE.read_text(encoding="utf-8")
    for proxy in re.findall(r"`(\w+)` counts|([a-z_]+) reads the last", text):
        assert set(filter(None, proxy)) <= set(gennas.names("proxies"))
    for protocol, pixels in (("reduced", 24), ("untrained", 32)):
        assert gennas.PROTOCOLS[protocol].resolution == pixels and f"{pixels} " in text


@pytest.mark.parametrize("proxy", sorted({*gennas.names("proxies", "images")} - {"flops", "parameters"}))
def test_proxies_that_draw_weights_are_named(proxy):
    """Those whose score of two networks of different weights is the same."""
    images = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 64, 64)
    options = {"dataset": "digits", "protocol": TINY} if proxy == "short_training" else {}
    scores = []
    for seed in range(2):
        torch.manual_seed(seed)
        scores.append(gennas.score(ResNet(4), proxy, inputs=images, **options))
    named = re.search(r"initialise your models alike\. (.*?)\s+draw new ones", PAGE.read_text(), re.DOTALL)
    assert named
    assert (proxy in re.split(r"\W+", named[1])) == (scores[0] == scores[1])
