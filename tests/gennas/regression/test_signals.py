"""Each basis against a slow, obvious reimplementation; targets and tasks as a user relies on them."""

import math

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from gennas import catalogue
from gennas.errors import InputError
from gennas.regression import genes as tasks
from gennas.regression import signals

FREQUENCIES = [0.05, 0.11, 0.2, 0.23, 0.27, 0.31, 0.36, 0.41, 0.44, 0.49]
CHANNELS = 24


def generator(seed=7):
    return torch.Generator().manual_seed(seed)


def replayed_draws(shape, pool):
    """The phases and pool entries that a sine basis draws from the same generator."""
    g = generator()
    phases = torch.rand(*shape, generator=g) * 2 * math.pi
    return phases.tolist(), torch.randperm(pool, generator=g)[:CHANNELS].tolist()


def wave(k, angle):
    return math.sin(angle) if k % 2 == 0 else math.cos(angle)


@pytest.mark.parametrize("grid", [(8, 8), (3, 5)])
def test_sin1d_is_a_wave_along_rows_or_columns(grid):
    phases, entries = replayed_draws((10, 32), 640)
    drawn = signals.sin1d(FREQUENCIES, CHANNELS, generator(), grid)
    assert drawn.shape == (CHANNELS, *grid)
    for channel, entry in enumerate(entries):
        f, rest = divmod(entry, 64)
        axis, k = divmod(rest, 32)
        for y in range(grid[0]):
            for x in range(grid[1]):
                i = (y if axis == 0 else x) + 1
                expected = wave(k, 2 * math.pi * FREQUENCIES[f] * i + phases[f][k])
                assert drawn[channel, y, x].item() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("grid", [(8, 8), (3, 5)])
def test_sin2d_is_a_plane_wave_or_its_vertical_flip(grid):
    """A grid that is no square is cut from one that is, after the flip."""
    phases, entries = replayed_draws((100, 32), 6400)
    drawn = signals.sin2d(FREQUENCIES, CHANNELS, generator(), grid)
    assert drawn.shape == (CHANNELS, *grid)
    for channel, entry in enumerate(entries):
        pair, rest = divmod(entry, 64)
        flipped, k = divmod(rest, 32)
        f1, f2 = FREQUENCIES[pair // 10], FREQUENCIES[pair % 10]
        for y in range(grid[0]):
            for x in range(grid[1]):
                row = max(grid) - y if flipped else y + 1
                expected = wave(k, 2 * math.pi * (f1 * row + f2 * (x + 1)) + phases[pair][k])
                assert drawn[channel, y, x].item() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("density", "dots"), [(0.0, 0), (0.1, 6), (0.578125, 37), (1.0, 64)])
def test_dot_places_that_many_distinct_signs(density, dots):
    drawn = signals.dot(density, 200, generator())
    assert set(drawn.unique().tolist()) <= {-1.0, 0.0, 1.0}
    assert (drawn.abs().sum(dim=(1, 2)) == dots).all()
    if dots:
        assert abs(drawn.sum().item()) < 6 * math.sqrt(200 * dots)  # signs are balanced
        # every position is as likely as any other
        assert (drawn.abs().mean(dim=0) - dots / 64).abs().max() < 0.2


def test_gaussian_dot_is_dot_blurred_and_normalised():
    dots = signals.dot(0.4, CHANNELS, generator()).numpy()
    drawn = signals.gaussian_dot(0.4, CHANNELS, generator()).numpy()
    for channel in range(CHANNELS):
        blurred = gaussian_filter(dots[channel], 1)
        np.testing.assert_allclose(drawn[channel], blurred / abs(blurred).max(), atol=1e-5)


def test_gaussian_dot_without_dots_is_zero():
    assert not signals.gaussian_dot(0.0, 3, generator()).any()


def test_resize_is_the_images_nearest_neighbours_between_minus_one_and_one():
    images = torch.randn(4, 3, 16, 16, generator=generator())
    drawn = signals.resize(images, CHANNELS, generator())
    small = images[:, :, ::2, ::2]
    scaled = (small - small.min()) / (small.max() - small.min()) * 2 - 1
    order = torch.randperm(1000, generator=generator())[:CHANNELS] % 3
    torch.testing.assert_close(drawn, scaled[:, order])


@pytest.mark.parametrize("per_sample", [True, False])
@pytest.mark.parametrize("basis", sorted(signals.BASES))
def test_per_sample_decides_whether_samples_share_a_draw(basis, per_sample):
    argument = {"frequencies": FREQUENCIES} if basis.startswith("sin") else {"density": 0.5}
    signal = {"basis": basis, "amplitude": 1.0, "per_sample": per_sample, **argument}
    drawn = signals.draw_basis(signal, torch.zeros(2, 3, 8, 8), 8, generator())
    assert drawn.shape == (2, 8, 8, 8)
    assert torch.equal(drawn[0], drawn[1]) != per_sample


def test_dots_fill_their_share_of_any_grid():
    drawn = signals.dot(0.862597, CHANNELS, generator(), (8, 48))
    assert drawn.shape == (CHANNELS, 8, 48) and (drawn.abs().sum(dim=(1, 2)) == 331).all()
    blurred = signals.gaussian_dot(0.862597, CHANNELS, generator(), (8, 48))
    expected = gaussian_filter(drawn[0].numpy(), 1)
    np.testing.assert_allclose(blurred[0].numpy(), expected / abs(expected).max(), atol=1e-5)


def test_sequences_are_the_sum_of_their_own_draws():
    """(tokens, batch, dimension), drawn basis by basis."""
    chosen = [
        {"basis": "sin2d", "amplitude": 2.0, "frequencies": FREQUENCIES, "per_sample": True},
        {"basis": "gaussian_dot", "amplitude": 0.5, "density": 0.4, "per_sample": True},
    ]
    drawn = signals.draw_sequences(chosen, 3, 8, 48, generator())
    g = generator()
    waves = [signals.sin2d(FREQUENCIES, 1, g, (8, 48))[0] for _ in range(3)]
    dots = [signals.gaussian_dot(0.4, 1, g, (8, 48))[0] for _ in range(3)]
    assert drawn.shape == (8, 3, 48)
    for sample in range(3):
        torch.testing.assert_close(drawn[:, sample], 2 * waves[sample] + 0.5 * dots[sample])
    assert not signals.draw_sequences([], 3, 8, 48, generator()).any()


def test_a_target_is_the_sum_of_its_bases_times_their_amplitudes():
    images = torch.randn(2, 3, 8, 8, generator=generator())
    chosen = [
        {"basis": "dot", "amplitude": 2.0, "density": 0.5, "per_sample": False},
        {"basis": "resize", "amplitude": 0.5},
    ]
    g = generator()
    expected = sum(s["amplitude"] * signals.draw_basis(s, images, 8, g) for s in chosen)
    torch.testing.assert_close(signals.draw_target(chosen, images, 8, generator()), expected)


# --- tasks -----------------------------------------------------------------------------------


families = pytest.mark.parametrize("family", ["graphs", "images", "sequences"])


@families
@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1))
def test_random_and_mutated_tasks_are_valid_and_leave_the_parent_alone(family, seed):
    rng = np.random.default_rng(seed)
    parent = tasks.random_task(rng, family)
    before = yaml.safe_dump(parent)
    tasks.check_task(parent, "parent")
    child = tasks.mutate_task(parent, rng)
    tasks.check_task(child, "child")
    assert parent["family"] == child["family"] == family
    assert yaml.safe_dump(parent) == before
    assert yaml.safe_load(before) == parent  # a task survives its file


@families
def test_mutation_resamples_about_a_fifth_of_the_genes(family):
    """Seen on the genes that always change when resampled: the frequencies of waves, the density of dots."""
    rng = np.random.default_rng(0)
    kept = total = 0
    for _ in range(200):
        parent = tasks.random_task(rng, family)
        child = tasks.mutate_task(parent, rng)
        for name, present in parent["signals"].items():
            for signal in present:
                if signal.keys() & {"frequencies", "density"}:
                    total += 1
                    kept += signal in child["signals"][name]
    assert kept / total == pytest.approx(0.8, abs=0.05)


def test_genes_of_sequences_are_those_of_the_paper_and_their_length():
    rng = np.random.default_rng(0)
    drawn = [tasks.random_task(rng, "sequences") for _ in range(200)]
    assert {task["dimension"] for task in drawn} == {16, 32, 48, 64, 80, 96}
    assert {task["length"] for task in drawn} == {8, 16, 32}
    present = [signal for task in drawn for signals in task["signals"].values() for signal in signals]
    assert {signal["basis"] for signal in present} == {"sin1d", "sin2d", "dot", "gaussian_dot"}
    assert all(signal["per_sample"] for signal in present)
    assert len(present) / (200 * 2 * 4) == pytest.approx(0.5, abs=0.05)


def test_the_published_tasks_are_valid_and_of_one_family_each():
    every = tasks.task_names()
    assert sorted(name for family in catalogue.names("families") for name in tasks.task_names(family)) == every
    assert {"nasbench101", "single", "combo"} <= {*tasks.task_names("images")}
    for name in every:  # each is what its file holds
        assert tasks.load_task(name) == yaml.safe_load((tasks.PUBLISHED / f"{name}.yaml").read_text())


def test_a_file_of_ones_own_is_named_by_its_path(tmp_path, monkeypatch):
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "mine.yaml").write_text(yaml.safe_dump(IMAGE_TASK))
    monkeypatch.chdir(tmp_path)
    assert tasks.load_task("tasks/mine.yaml") == tasks.load_task(tmp_path / "tasks" / "mine.yaml") == IMAGE_TASK


def test_an_unknown_task_lists_the_published_ones():
    with pytest.raises(InputError, match=r"no published task 'mine' \(known: combo, darts, .*single\)"):
        tasks.load_task("mine")


IMAGE_TASK, SEQUENCE_TASK = tasks.load_task("combo"), tasks.load_task("nlp")

SHARED = {"basis": "dot", "amplitude": 1.0, "density": 1.0, "per_sample": False}


@pytest.mark.parametrize(
    ("task", "named"),
    [
        (IMAGE_TASK | {"noise": {"kind": "loud", "level": 0.1}}, "noise.kind"),
        (IMAGE_TASK | {"channel_factors": [1.0]}, "channel_factors"),
        (IMAGE_TASK | {"colour": "red"}, "colour"),
        (IMAGE_TASK | {"signals": {"stage_1": [{"basis": "sin3d"}], "stage_2": [], "stage_3": []}}, "stage_1.0.basis"),
        (SEQUENCE_TASK | {"dimension": 0}, "dimension"),
        (SEQUENCE_TASK | {"channel_factors": [1.0, 1.0, 1.0]}, "channel_factors"),
        (SEQUENCE_TASK | {"signals": {"input": []}}, "target"),
        (
            SEQUENCE_TASK | {"signals": {"input": [{"basis": "resize", "amplitude": 1.0}], "target": []}},
            "input.0.basis",
        ),
        (SEQUENCE_TASK | {"signals": {"input": [], "target": [SHARED]}}, "target.0.per_sample"),
        (["dimension"], "family"),
        ({key: value for key, value in IMAGE_TASK.items() if key != "family"}, "family"),
        (IMAGE_TASK | {"family": "tables"}, "family"),
        (IMAGE_TASK | {"family": ["images"]}, "family"),
    ],
)
def test_a_bad_task_is_one_line_with_file_and_key(task, named):
    with pytest.raises(InputError) as caught:
        tasks.check_task(task, "mine.yaml")
    assert "mine.yaml" in str(caught.value) and named in str(caught.value)
    assert "\n" not in str(caught.value)
