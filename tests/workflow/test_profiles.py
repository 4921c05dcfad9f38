"""The profiles, as far as they can be tried without a cluster."""

from __future__ import annotations

import re

import pytest
import yaml
from conftest import PROJECT, Study, new_study

PROFILES = {path.name: path / "config.yaml" for path in (PROJECT / "workflow" / "profiles").iterdir()}
SLURM = "workflow/profiles/slurm"


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_keeps_what_the_bridge_relies_on(name):
    settings = yaml.safe_load(PROFILES[name].read_text())
    assert settings["max-checksum-file-size"] == "100GB"
    assert all(settings[key] is True for key in ("notemp", "nolock", "rerun-incomplete", "show-failed-logs"))


@pytest.fixture(scope="module")
def planned(tmp_path_factory) -> Study:
    """The toy study before its first run, for plans."""
    return new_study(tmp_path_factory.mktemp("planned") / "study")


@pytest.mark.parametrize("option", ["--profile", "--workflow-profile"])
def test_slurm_plans_without_a_cluster(planned, option):
    output = planned.snakemake(option, SLURM, "-n", "--quiet", "rules")
    assert re.search(r"^train_proxy_shard +6$", output, re.MULTILINE)


def test_the_options_that_the_slurm_profile_suggests_exist(planned):
    profile = planned.path("workflow/profiles/suggested") / "config.yaml"
    profile.parent.mkdir()
    suggested = re.sub(
        r"^# ((  )?[\w-]+:)", r"\1", (planned.path(SLURM) / "config.yaml").read_text(), flags=re.MULTILINE
    )
    settings = yaml.safe_load(suggested)
    assert settings["set-resources"]["retrain_role"] and settings["default-resources"] and settings["slurm-no-account"]
    profile.write_text(suggested)
    planned.snakemake("--profile", str(profile.parent), "-n")
    planned.append(profile, "\nslurm-no-such-option: true")
    assert planned.run("snakemake", "--profile", str(profile.parent), "-n")[0] != 0


def test_a_job_on_a_node_does_not_check_what_the_login_node_has_checked(feather):
    """A submitted job is a Snakemake of its own, for one job; results/ is in motion around it."""
    feather.append("results/total.txt", "damage")
    job = ["--target-jobs", "square:group=a", "--mode", "remote", "--executor", "local"]
    only = ["--allowed-rules", "square", "--force", "--no-hooks", "--cores", "1"]
    assert "Finished jobid" in feather.snakemake(*job, *only)
