"""Small real images: the right pixels, the same for the same seed, and standardised tensors."""

import hashlib
import io
import os
import pickle
import re
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from conftest import PROJECT
from sklearn.datasets import load_digits, load_sample_images

from gennas.data import images as datasets
from gennas.data.images import CIFAR10_BATCHES, CIFAR10_TEST_BATCH, labelled, to_tensor, unlabelled
from gennas.errors import InputError
from gennas.files.fetch import File


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


# --- unlabelled images --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "size"), [("photographs", (16, 16)), ("noise", (16, 16)), ("darcy", (85, 85)), ("emg", (52, 16))]
)
def test_unlabelled_images_follow_the_seed(kind, size):
    first, again, other = (unlabelled(kind, 4, 16, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (4, *size, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert len(np.unique(first, axis=0)) == 4


def test_a_crop_as_high_as_the_photograph_is_a_window_of_it():
    (image,) = unlabelled("photographs", 1, 427, np.random.default_rng(0))
    windows = (photograph[:, left : left + 427] for photograph in load_sample_images().images for left in range(214))
    assert any(np.array_equal(window, image) for window in windows)


def test_crops_are_of_both_photographs_and_many_scales():
    images = unlabelled("photographs", 64, 32, np.random.default_rng(0))
    means = [photograph.mean(axis=(0, 1)) for photograph in load_sample_images().images]
    crops = images.mean(axis=(1, 2))
    nearest = np.argmin([np.linalg.norm(crops - mean, axis=1) for mean in means], axis=0)
    assert set(nearest) == {0, 1}
    roughness = np.abs(np.diff(images.astype(int), axis=2)).mean(axis=(1, 2, 3))
    assert roughness.max() > 3 * roughness.min()


def test_noise_is_uniform():
    counts = np.bincount(unlabelled("noise", 8, 64, np.random.default_rng(0)).ravel(), minlength=256)
    assert len(counts) == 256
    assert counts.min() > 0.7 * counts.mean()
    assert counts.max() < 1.3 * counts.mean()


def test_darcys_coefficient_has_two_values_in_few_regions_beside_the_coordinates():
    images = unlabelled("darcy", 8, 32, np.random.default_rng(0)).astype(int)
    coefficient, across, down = np.moveaxis(images, -1, 0)
    assert {*np.unique(coefficient)} == {0, 255}
    assert 0 < (np.diff(coefficient, axis=1) != 0).mean() < 0.1
    assert (across == np.rint(np.linspace(0, 255, 85))).all() and (down == across.swapaxes(1, 2)).all()


def test_the_gaussian_field_has_the_variances_of_its_covariance():
    """Of the cosines k = 1, 2 along an edge, (pi^2 k^2 + 9)^-2 each; its mean is zero."""
    rng = np.random.default_rng(0)
    fields = np.stack([datasets._gaussian_field(32, rng) for _ in range(2000)])
    cosines = np.cos(np.pi * np.outer([1, 2], np.arange(32) + 0.5) / 32)
    first, second = ((fields.mean(axis=1) @ cosine).var() for cosine in cosines)
    assert first / second == pytest.approx(((4 * np.pi**2 + 9) / (np.pi**2 + 9)) ** 2, rel=0.1)
    np.testing.assert_allclose(fields.mean(axis=(1, 2)), 0, atol=1e-12)


def test_electromyograms_are_grey_of_one_band_and_alike_at_neighbours():
    images = unlabelled("emg", 64, 32, np.random.default_rng(0))
    assert (images == images[..., :1]).all()
    signal = images[..., 0] - images[..., 0].mean(axis=1, keepdims=True)  # (N, time, electrode)
    power = (np.abs(np.fft.rfft(signal, axis=1)) ** 2).mean(axis=(0, 2))
    hertz = np.fft.rfftfreq(52, 1 / 200)
    assert power[hertz < 15].mean() < 0.1 * power[(hertz > 25) & (hertz < 85)].mean()
    alike = np.corrcoef(signal.reshape(-1, 16).T)
    assert alike[0, 1] > 0.5 and alike[0, 7] > 0.5  # a ring of eight
    assert abs(alike[0, 4]) < 0.2 and abs(alike[7, 8]) < 0.2


@pytest.mark.parametrize("draw", [labelled, lambda kind: unlabelled(kind, 1, 8, np.random.default_rng(0))])
def test_an_unknown_kind_lists_the_known_ones(draw):
    with pytest.raises(InputError, match=r"'cifar11' is unknown; choose one of .*cifar10, cifar10_subset"):
        draw("cifar11")


# --- digits -------------------------------------------------------------------------------------


def test_digits_are_scikit_learns():
    data = labelled("digits")
    images = np.concatenate([data.train_images, data.test_images])
    assert images.shape == (1797, 16, 16, 3)
    assert (images.min(), images.max()) == (0, 255)
    np.testing.assert_array_equal(images, images[:, ::2, ::2, :1].repeat(2, 1).repeat(2, 2).repeat(3, 3))
    small = np.rint(images[:, ::2, ::2, 0] * (16 / 255)).reshape(1797, 64)
    ours = np.column_stack([small, np.concatenate([data.train_labels, data.test_labels])])
    theirs = np.column_stack(load_digits(return_X_y=True))
    np.testing.assert_array_equal(ours[np.lexsort(ours.T)], theirs[np.lexsort(theirs.T)])


def test_the_digits_split_is_stratified_and_fixed():
    data, again = labelled("digits"), labelled("digits")
    assert len(data.test_labels) == 360
    assert data.classes == 10
    shares = np.bincount(data.test_labels) / np.bincount(load_digits().target)
    np.testing.assert_allclose(shares, 0.2, atol=0.01)
    np.testing.assert_array_equal(data.test_images, again.test_images)


# --- CIFAR-10 -----------------------------------------------------------------------------------


def python2_string(content: bytes) -> bytes:
    return b"T" + struct.pack("<i", len(content)) + content


def python2_batch(images: np.ndarray, labels: list[int]) -> bytes:
    """A batch {"data": uint8 array (N, 3072), "labels": list} as Python 2 pickled upstream's."""
    count = len(labels)
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        + b"(K\x01K%cM\x00\x0c\x86" % count
        + b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        + python2_string(images.tobytes())
        + b"tb"
    )
    items = b"]" + b"".join(b"K%ca" % label for label in labels)
    return b"\x80\x02}(U\x04data" + array + b"U\x06labels" + items + b"u."


def write_archive(path: Path, batches: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, content in batches.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


@pytest.fixture
def pixels() -> np.ndarray:
    """Six batches of two images, (6, 2, 3, 32, 32)."""
    return np.random.default_rng(0).integers(256, size=(6, 2, 3, 32, 32), dtype=np.uint8)


@pytest.fixture
def cifar10(pixels, tmp_path, monkeypatch) -> Path:
    """A mirror with a small archive in upstream's format, its batches out of order."""
    names = [*CIFAR10_BATCHES, CIFAR10_TEST_BATCH]
    batches = {name: python2_batch(pixels[i], [i, 9 - i]) for i, name in enumerate(names)}
    archive = tmp_path / "mirror" / datasets.CIFAR10.path
    write_archive(archive, {"cifar-10-batches-py/readme.html": b"<p>", **dict(reversed(batches.items()))})
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(datasets, "CIFAR10", File(datasets.CIFAR10.path, datasets.CIFAR10.url, sha256=sha256))
    monkeypatch.setenv("GENNAS_MIRROR", str(tmp_path / "mirror"))
    return archive


def test_cifar10_archive(cifar10, pixels):
    data = labelled("cifar10")
    assert data.train_labels.tolist() == [0, 9, 1, 8, 2, 7, 3, 6, 4, 5]
    assert data.test_labels.tolist() == [5, 4]
    np.testing.assert_array_equal(data.train_images[3], pixels[1, 1].transpose(1, 2, 0))
    np.testing.assert_array_equal(data.test_images[0], pixels[5, 0].transpose(1, 2, 0))


def test_unlabelled_cifar10_is_drawn_without_repetition(cifar10, pixels):
    images = unlabelled("cifar10", 10, 32, np.random.default_rng(0))
    train = pixels[:5].reshape(10, 3, 32, 32).transpose(0, 2, 3, 1)
    assert sorted(image.tobytes() for image in images) == sorted(image.tobytes() for image in train)
    assert (images != train).any()
    assert unlabelled("cifar10", 3, 16, np.random.default_rng(0)).shape == (3, 16, 16, 3)
    with pytest.raises(InputError, match="count: 11 is more than the 10 images of cifar10"):
        unlabelled("cifar10", 11, 32, np.random.default_rng(0))


def test_a_pickle_in_the_archive_runs_no_code(tmp_path):
    archive = tmp_path / "archive.tar.gz"
    write_archive(archive, {CIFAR10_BATCHES[0]: pickle.dumps(os.getcwd)})
    with pytest.raises(InputError, match=r"archive.tar.gz: cifar-10-batches-py/data_batch_1: .*posix.getcwd"):
        datasets.read_cifar10_archive(archive)


def test_the_subset_needs_a_mirror(monkeypatch):
    monkeypatch.delenv("GENNAS_MIRROR", raising=False)
    with pytest.raises(InputError, match="no public address; set GENNAS_MIRROR to a folder that holds cifar10/"):
        labelled("cifar10_subset")


def test_the_subset(mirror, monkeypatch):
    monkeypatch.setenv("GENNAS_MIRROR", str(mirror))
    data = labelled("cifar10_subset")
    assert data.train_images.shape == (4660, 32, 32, 3)
    assert data.test_images.shape == (932, 32, 32, 3)
    assert data.train_images.dtype == np.uint8
    assert data.classes == 10
    # Neighbouring pixels of real images are more alike than distant ones, unless axes are mixed up.
    images = data.train_images.astype(int)
    distant = np.abs(images[:, 16:, 16:] - images[:, :16, :16]).mean()
    assert np.abs(images[:, 1:] - images[:, :-1]).mean() < distant / 3
    assert np.abs(images[:, :, 1:] - images[:, :, :-1]).mean() < distant / 3
    assert unlabelled("cifar10_subset", 5, 32, np.random.default_rng(0)).shape == (5, 32, 32, 3)


# --- tensors ------------------------------------------------------------------------------------


def test_tensors_are_standardised_per_channel():
    images = np.random.default_rng(0).integers([10, 100, 200], [40, 250, 201], (8, 6, 5, 3)).astype(np.uint8)
    tensor = to_tensor(images)
    assert tensor.shape == (8, 3, 6, 5)
    assert tensor.is_contiguous()
    np.testing.assert_allclose(tensor.mean(dim=(0, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(tensor.std(dim=(0, 2, 3), correction=0), [1, 1, 0], atol=1e-5)
    slow = (images[2, 4, 3, 1] - images[..., 1].mean()) / images[..., 1].std()
    assert float(tensor[2, 1, 4, 3]) == pytest.approx(slow, rel=1e-5)


def test_tensors_standardised_by_other_images():
    train = np.array([0, 2], np.uint8).reshape(2, 1, 1, 1).repeat(3, axis=3)
    test = np.array([4], np.uint8).reshape(1, 1, 1, 1).repeat(3, axis=3)
    np.testing.assert_allclose(to_tensor(test, train), 3, rtol=1e-4)


# --- a data set of one's own ------------------------------------------------------------------------


def test_the_page_on_data_sets_says_what_to_write(monkeypatch):
    """docs/add-a-data-set.md: its function and the entry of `DECLARATION` are all that it takes."""
    page = (PROJECT / "docs" / "add-a-data-set.md").read_text()
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    exec(compile(code, "add-a-data-set.md", "exec"), vars(datasets))
    monkeypatch.setitem(datasets.DECLARATION["labelled"], "squares", "bright and dark squares")
    data = labelled("squares")
    assert data.classes == 2 and len(data.train_images) == 30 and len(data.test_images) == 10
    assert unlabelled("squares", 3, 16, np.random.default_rng(0)).shape == (3, 16, 16, 3)
    del datasets.squares
