"""Results are computed once: other clones get them from a DVC remote, or from a cache that they share.

What is shared does not matter: it is the feather workflow's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from conftest import Feather, Study
from moto.server import ThreadedMotoServer

S3_KEYS = {"AWS_ACCESS_KEY_ID": "user", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass(frozen=True)
class Remote:
    address: str
    endpoint: str | None = None

    def add_to(self, study: Study) -> None:
        study.succeed("dvc", "remote", "add", "--quiet", "--default", "storage", self.address)
        if self.endpoint:
            study.succeed("dvc", "remote", "modify", "--quiet", "storage", "endpointurl", self.endpoint)


@pytest.fixture
def folder(tmp_path):
    return Remote(str(tmp_path / "storage"))


@pytest.fixture
def s3(monkeypatch):
    """A server that speaks S3, with a bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in S3_KEYS.items():
        monkeypatch.setenv(name, value)
    endpoint = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket="gennas")
    yield Remote("s3://gennas/cache", endpoint)
    server.stop()


def clone(study: Feather, folder: Path) -> Feather:
    study.commit()
    study.succeed("git", "clone", "--quiet", str(study.folder), str(folder))
    return type(study)(folder)


def artifacts(study: Study) -> dict[str, bytes]:
    """What DVC tracks: the parts are Snakemake's alone."""
    return {name: content for name, content in study.results().items() if "/parts/" not in name}


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_what_one_clone_pushes_another_pulls_and_computes_nothing(feather, tmp_path, kind, request):
    request.getfixturevalue(kind).add_to(feather)
    feather.succeed("dvc", "push", "--quiet", "--run-cache")

    other = clone(feather, tmp_path / "other")
    other.succeed("dvc", "pull", "--quiet")
    other.sync()
    assert artifacts(other) == artifacts(feather) and other.nothing_to_do()


def test_clones_that_share_a_cache_compute_nothing_twice(feather, tmp_path):
    cache = tmp_path / "cache"
    feather.path(".dvc/cache").rename(cache)
    feather.succeed("dvc", "cache", "dir", "--quiet", str(cache))
    other = clone(feather, tmp_path / "other")
    other.succeed("dvc", "checkout", "--quiet")
    other.sync()
    assert artifacts(other) == artifacts(feather) and other.nothing_to_do()
    # What one clone does to its files leaves the cache alone.
    other.path("results/a/numbers.txt").write_bytes(b"mine alone")
    other.succeed("dvc", "checkout", "--quiet", "--force")
    assert artifacts(other) == artifacts(feather)
