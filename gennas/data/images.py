"""Small images: unlabelled ones for the proxies, labelled ones for the retraining.

Images are uint8 arrays (N, H, W, 3), labels int64 arrays (N,). Torch, Pillow and scikit-learn, which take long to
import, are imported by the functions that need them.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gennas.errors import InputError
from gennas.files import pickles
from gennas.files.fetch import File, fetch

if TYPE_CHECKING:
    import torch

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]

#: The data sets, each made by the function of its name below: those that give images with labels, `Labelled`, whose
#: training images are also drawn without labels; and those that only give unlabelled ones.
DECLARATION = {
    "labelled": {
        "digits": "scikit-learn's 1,797 handwritten digits",
        "cifar10": "CIFAR-10",
        "cifar10_subset": "4,660 training and 932 test images of CIFAR-10, from GENNAS_MIRROR",
    },
    "unlabelled": {
        "photographs": "crops of scikit-learn's two sample photographs",
        "noise": "uniform noise",
        "darcy": "coefficients of Darcy flow, 85x85",
        "emg": "synthetic surface electromyography, 52x16",
        "none": "no images, for networks that read sequences",
    },
}

#: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
CIFAR10 = File(
    path="cifar10/cifar-10-python.tar.gz",
    url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
)
#: 4,660 training and 932 test images of CIFAR-10.
CIFAR10_SUBSET = File(
    path="cifar10/cifar10_lossless_partial.npz",
    url=None,
    sha256="ad2a9d3c1113e29eea147fabf1a8aed20897417fed21bb1f81234c999204cd12",
)
CIFAR10_BATCHES = [f"cifar-10-batches-py/data_batch_{i}" for i in range(1, 6)]
CIFAR10_TEST_BATCH = "cifar-10-batches-py/test_batch"
ARCHIVE_LIMIT, MEMBERS_LIMIT = 1 << 28, 100  # bytes that it unpacks to (CIFAR-10's: 186 MB), members
#: Fixes which digits are test images, whatever the study's seed.
DIGITS_SPLIT_SEED = 0


@dataclass(frozen=True)
class Labelled:
    """A classification data set, split by its makers (digits: 80/20, stratified)."""

    train_images: Images
    train_labels: Labels
    test_images: Images
    test_labels: Labels

    @property
    def classes(self) -> int:
        return int(self.train_labels.max()) + 1


def digits() -> Labelled:
    """scikit-learn's 1,797 handwritten digits, 8x8 grey levels 0..16, as 16x16 RGB images."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    grey = np.rint(images.reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
    rgb = grey.repeat(2, axis=1).repeat(2, axis=2).repeat(3, axis=3)
    train_x, test_x, train_y, test_y = train_test_split(
        rgb, labels.astype(np.int64), test_size=0.2, stratify=labels, random_state=DIGITS_SPLIT_SEED
    )
    return Labelled(train_x, train_y, test_x, test_y)


def _from_planes(images: NDArray[np.uint8]) -> Images:
    """Channels last: (N, 3, 32, 32), flattened or not, to (N, 32, 32, 3)."""
    return np.ascontiguousarray(images.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


class _PickledBytes(metaclass=pickles.Sealed):
    """Stands for numpy's array and dtype, and what makes them, in a pickle: it keeps its state and does nothing."""

    def __new__(cls, *_: object) -> _PickledBytes:
        return object.__new__(cls)

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def array(self) -> NDArray[np.uint8]:
        """What numpy would have made of it, if it is an array of bytes."""
        _, shape, _, columns_first, content = self.state
        content = content.encode("latin1") if isinstance(content, str) else content
        return np.frombuffer(content, np.uint8).reshape(shape, order="F" if columns_first else "C")


class _Latin1(metaclass=pickles.Sealed):
    """Stands for `codecs.encode`, with which Python 3 writes bytes for Python 2."""

    def __new__(cls, text: str, _: str) -> bytes:  # type: ignore[misc]
        return text.encode("latin1")


#: What a pickled array of bytes needs (its arrays name numpy's old module), and no more.
CIFAR10_GLOBALS: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _PickledBytes,
    ("numpy._core.multiarray", "_reconstruct"): _PickledBytes,
    ("numpy", "ndarray"): _PickledBytes,
    ("numpy", "dtype"): _PickledBytes,
    ("_codecs", "encode"): _Latin1,
}


class _Bounded(io.RawIOBase):
    """A stream that may not be longer than `left` bytes: how much an archive unpacks to, its size does not tell."""

    def __init__(self, stream: Any, left: int) -> None:
        self.stream, self.left = stream, left

    def read(self, size: int = -1) -> bytes:
        piece: bytes = self.stream.read(size)
        self.left -= len(piece)
        if self.left < 0:
            raise ValueError(f"more than {ARCHIVE_LIMIT} bytes")
        return piece


def _files(archive: Path, wanted: set[str]) -> Iterator[tuple[str, IO[bytes]]]:
    """The wanted members of a tar.gz archive that are files, not links or devices; nothing is written to disk."""
    with (
        gzip.open(archive) as unpacked,
        tarfile.open(fileobj=_Bounded(unpacked, ARCHIVE_LIMIT), mode="r|") as tar,
    ):
        for number, member in enumerate(tar):
            if number == MEMBERS_LIMIT:
                raise ValueError(f"more than {MEMBERS_LIMIT} members")
            if member.name in wanted and member.isreg() and (content := tar.extractfile(member)):
                yield member.name, content


def _batch(content: Any) -> tuple[Images, Labels]:
    """The images and labels of an unpickled batch. Raises ValueError for anything else."""
    if not (isinstance(content, dict) and isinstance(content.get("data"), _PickledBytes)):
        raise ValueError("no batch with data")
    images, labels = _from_planes(content["data"].array()), content.get("labels")
    if not (isinstance(labels, list) and all(type(label) is int and 0 <= label < 10 for label in labels)):
        raise ValueError("labels that are not a list of classes")
    if not len(images) == len(labels) > 0:
        raise ValueError(f"{len(images)} images and {len(labels)} labels")
    return images, np.array(labels, np.int64)


def read_cifar10_archive(archive: Path) -> Labelled:
    """Read the upstream archive of pickled batches, without unpacking it to disk."""
    batches: dict[str, tuple[Images, Labels]] = {}
    try:
        for name, file in _files(archive, {*CIFAR10_BATCHES, CIFAR10_TEST_BATCH}):
            batches[name] = _batch(pickles.load(file, CIFAR10_GLOBALS, f"{archive}: {name}"))
        train_images, train_labels = zip(*(batches[name] for name in CIFAR10_BATCHES), strict=True)
        return Labelled(np.concatenate(train_images), np.concatenate(train_labels), *batches[CIFAR10_TEST_BATCH])
    except InputError:
        raise
    except Exception as error:  # a broken archive can raise anything: TarError, EOFError, zlib.error, KeyError...
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{archive}: not the archive of CIFAR-10 ({reason}); get the file again") from error


def cifar10() -> Labelled:
    """All 50,000 training and 10,000 test images."""
    return read_cifar10_archive(fetch(CIFAR10))


def cifar10_subset() -> Labelled:
    """The subset that only a mirror has."""
    with np.load(fetch(CIFAR10_SUBSET), allow_pickle=False) as arrays:
        train, test = _from_planes(arrays["train_x"]), _from_planes(arrays["test_x"])
        return Labelled(train, arrays["train_y"], test, arrays["test_y"])


# --- data sets by name --------------------------------------------------------------------------


def names(labels: bool) -> tuple[str, ...]:
    """The data sets that have labels, or all that images may be drawn of."""
    return (*DECLARATION["labelled"],) if labels else (*DECLARATION["unlabelled"], *DECLARATION["labelled"])


def labelled(kind: str) -> Labelled:
    """A labelled data set by its name in `DECLARATION`."""
    if kind not in names(labels=True):
        raise InputError(f"dataset: {kind!r} is unknown; choose one of {', '.join(names(labels=True))}")
    found: Labelled = globals()[kind]()
    return found


def unlabelled(kind: str, count: int, size: int, rng: np.random.Generator) -> Images:
    """Draw `count` images of a data set in `DECLARATION`, uint8 (count, size, size, 3).

    Of a labelled one, distinct training images. `darcy` and `emg` have a height and width of their own.
    """
    if kind in names(labels=True):
        return _training_images(kind, count, size, rng)
    if kind not in names(labels=False):
        raise InputError(f"kind: {kind!r} is unknown; choose one of {', '.join(names(labels=False))}")
    drawn: Images = globals()[kind](count, size, rng)
    return drawn


def photographs(count: int, size: int, rng: np.random.Generator) -> Images:
    """Crops of scikit-learn's two sample photographs."""
    from sklearn.datasets import load_sample_images

    whole = load_sample_images().images
    return np.stack([_crop(whole, size, rng) for _ in range(count)])


def noise(count: int, size: int, rng: np.random.Generator) -> Images:
    """Uniform bytes."""
    return rng.integers(256, size=(count, size, size, 3), dtype=np.uint8)


def darcy(count: int, _size: int, rng: np.random.Generator) -> Images:
    """The coefficient of Darcy flow, one of two values, beside the two coordinates: (count, 85, 85, 3).

    The sign of a Gaussian field N(0, (-Laplacian + 9)^-2), Neumann boundary: Li et al., "Fourier Neural Operator for
    Parametric Partial Differential Equations", ICLR 2021. Of 421x421 points every fifth, as in NAS-Bench-360.
    """
    across, down = np.meshgrid(np.linspace(0, 1, 85), np.linspace(0, 1, 85))
    fields = (_gaussian_field(421, rng)[::5, ::5] for _ in range(count))
    return np.stack([_bytes(np.stack([field >= 0, across, down], axis=-1)) for field in fields])


def _gaussian_field(side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A draw of N(0, (-Laplacian + 9)^-2), up to a factor: cosines, each with its standard deviation."""
    from scipy.fft import idctn

    squares = np.arange(side) ** 2
    deviations = 1 / (np.pi**2 * (squares[:, None] + squares) + 9)
    deviations[0, 0] = 0  # the released code leaves the mean out
    field: NDArray[np.float64] = idctn(deviations * rng.standard_normal((side, side)), norm="ortho")
    return field


def emg(count: int, _size: int, rng: np.random.Generator) -> Images:
    """Grey windows shaped like NinaPro DB5's surface electromyography: (count, 52, 16, 3), time by electrode.

    Synthetic, no recording: under each electrode is a source, noise of 20 to 90 Hz at 200 samples per second whose
    amplitude changes slowly; neighbours on an armband, of which there are two of eight electrodes, pick it up, too.
    Each window is scaled by its largest value.
    """
    from scipy.ndimage import gaussian_filter1d

    shape = count, 52, 2, 8
    spectrum, hertz = np.fft.rfft(rng.standard_normal(shape), axis=1), np.fft.rfftfreq(52, 1 / 200)
    spectrum[:, (hertz < 20) | (hertz > 90)] = 0
    amplitude = np.abs(gaussian_filter1d(rng.standard_normal(shape), sigma=8, axis=1))
    sources = amplitude * np.fft.irfft(spectrum, 52, axis=1)
    signal = gaussian_filter1d(sources, sigma=1, axis=3, mode="wrap").reshape(count, 52, 16, 1)  # armbands are rings
    peak = np.abs(signal).max(axis=(1, 2, 3), keepdims=True)
    return _bytes((1 + signal / peak) / 2).repeat(3, axis=3)


def _bytes(values: NDArray[np.float64]) -> Images:
    """From [0, 1] to 0..255."""
    return np.rint(255 * values).astype(np.uint8)


def none(_count: int, size: int, _rng: np.random.Generator) -> Images:
    """No images at all, for networks that read sequences."""
    return np.empty((0, size, size, 3), np.uint8)


def _training_images(kind: str, count: int, size: int, rng: np.random.Generator) -> Images:
    """Distinct training images of a labelled data set."""
    images = labelled(kind).train_images
    if count > len(images):
        raise InputError(f"count: {count} is more than the {len(images)} images of {kind}; lower it")
    return np.stack([_resized(image, size) for image in images[rng.permutation(len(images))[:count]]])


def _resized(image: Images, size: int) -> Images:
    """One image at size x size. Pillow filters in integers: the same bytes on every machine."""
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))


def _crop(photographs: list[Images], size: int, rng: np.random.Generator) -> Images:
    """A random square of a random photograph, its side uniform between `size` and the height."""
    photograph = photographs[rng.integers(len(photographs))]
    height, width, _ = photograph.shape
    side = int(rng.integers(min(size, height), height + 1))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    return _resized(photograph[top : top + side, left : left + side], size)


def to_tensor(images: Images, reference: Images | None = None) -> torch.Tensor:
    """Float32 (N, 3, H, W), each channel with the mean and deviation of `reference` made 0 and 1.

    `reference` defaults to the images themselves. A constant channel becomes 0.
    """
    import torch

    reference = images if reference is None else reference
    mean, deviation = reference.mean(axis=(0, 1, 2)), reference.std(axis=(0, 1, 2))
    standardised = (images - mean) / (deviation + 1e-5)
    return torch.from_numpy(np.ascontiguousarray(standardised.transpose(0, 3, 1, 2), dtype=np.float32))
