"""What kinds of proxies need, and what each is told: its section of params.yaml, its protocol instead of its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Kinds of proxies that look at the benchmark's network, whatever the protocol.
WITHOUT_PROTOCOL = ("parameters", "flops")
#: Kinds that train; that suit networks of sequences, too.
TRAINING = ("regression", "short_training")
OF_SEQUENCES = ("regression", "parameters", "flops")


def told(section: Mapping[str, Any], name: str, protocols: Mapping[str, Any]) -> dict[str, Any]:
    """The proxy `name` of a section `train_proxy`: not the task's path, whose content it is told."""
    proxy = section["proxies"][name]
    values = {key: value for key, value in proxy.items() if key not in ("task", "protocol")}
    if proxy["kind"] not in WITHOUT_PROTOCOL:
        values["protocol"] = protocols[proxy.get("protocol", section["protocol"])]
    return values
