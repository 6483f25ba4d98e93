"""Images with their classes: digits from scikit-learn, Fashion-MNIST and CIFAR-10 from the network.

Whatever is downloaded is checked by SHA-256 before it is read, kept in the cache under that hash,
and taken from the folder `ADDNORM_DATA` where it lies there under any name. Pixels stay bytes; a
batch is standardised when it is made. No pickle is read: CIFAR-10 is its authors' binary version.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.config import IMAGES, Shape
from core.data.downloads import CorpusError, Download
from core.data.tokenizers import counted, cross_entropy
from core.language import Message

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]
DIGITS_TRAINING = 1437  # of 1,797, in their order: writers of the last fifth are seen in no batch

_FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
# Hashes and sizes as TensorFlow Datasets publishes them (url_checksums/*.txt); the MD5 beside each
# on the data's own pages belong to the same files.
FASHION = (
    Download(
        "fashion-mnist",
        _FASHION + "train-images-idx3-ubyte.gz",
        26_421_880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    Download(
        "fashion-mnist",
        _FASHION + "train-labels-idx1-ubyte.gz",
        29_515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    Download(
        "fashion-mnist",
        _FASHION + "t10k-images-idx3-ubyte.gz",
        4_422_102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    Download(
        "fashion-mnist",
        _FASHION + "t10k-labels-idx1-ubyte.gz",
        5_148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
)
CIFAR = Download(
    "cifar-10",
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    170_052_171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)


@dataclass(frozen=True)
class Images:
    """A corpus of images, with what is known of it before any training.

    Entropies are in nats per image: `unigram_entropy` that of the training part's classes, where a
    network that ignores its input ends up; `unigram_validation` the cross-entropy of the validation
    part's classes under the training part's frequencies.
    """

    name: str
    sha256: str
    training: Pixels  # (N, C, H, W)
    training_labels: Labels  # (N,)
    validation: Pixels
    validation_labels: Labels
    vocabulary: int
    unigram_entropy: float
    unigram_validation: float
    mean: NDArray[np.float32]  # (C, 1, 1), of the training part's pixels
    std: NDArray[np.float32]

    unit = "image"

    @property
    def length(self) -> int:
        """Images in all."""
        return len(self.training) + len(self.validation)

    def standardised(self, pixels: Pixels) -> NDArray[np.float32]:
        """(B, C, H, W) bytes as numbers with mean 0 and variance 1 over the training part."""
        return (pixels.astype(np.float32) - self.mean) / self.std


@functools.lru_cache(maxsize=2)
def load_images(corpus: str) -> Images:
    """The images of a corpus. Raises :class:`CorpusError`."""
    sha, train, train_labels, test, test_labels = READERS[corpus]()
    classes = int(max(train_labels.max(), test_labels.max())) + 1
    counts = counted(train_labels, classes)
    of_channel = (0, 2, 3)
    mean = train.mean(of_channel, dtype=np.float64)
    # One channel at a time: 50,000 colour images as float64 would be a gigabyte.
    std = np.array([train[:, c].std(dtype=np.float64) for c in range(train.shape[1])])
    return Images(
        corpus,
        sha,
        train,
        train_labels,
        test,
        test_labels,
        classes,
        cross_entropy(counts, counts),
        cross_entropy(counted(test_labels, classes), counts),
        mean.astype(np.float32)[:, None, None],
        std.astype(np.float32)[:, None, None],
    )


Parts = tuple[str, Pixels, Labels, Pixels, Labels]


def _digits() -> Parts:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise CorpusError(
            Message(
                "digits are part of scikit-learn, which is missing; install it with `pip"
                " install -r requirements.txt`"
            )
        ) from error
    found = load_digits()
    pixels = found.images.astype(np.uint8)[:, None]  # (N, 1, 8, 8)
    labels = found.target.astype(np.int64)
    sha = hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest()
    n = DIGITS_TRAINING
    return sha, pixels[:n], labels[:n], pixels[n:], labels[n:]


def _fashion() -> Parts:
    contents = [download.content() for download in FASHION]
    train, train_labels, test, test_labels = (_idx(content) for content in contents)
    sha = hashlib.sha256("".join(d.sha256 for d in FASHION).encode()).hexdigest()
    return (
        sha,
        train[:, None],
        train_labels.astype(np.int64),
        test[:, None],
        test_labels.astype(np.int64),
    )


def _cifar() -> Parts:
    pixels, labels = [], []
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    try:
        with tarfile.open(fileobj=io.BytesIO(CIFAR.content()), mode="r:gz") as archive:
            for name in names:
                member = archive.extractfile(f"cifar-10-batches-bin/{name}")
                assert member is not None, "the hash says which archive this is"
                batch, classes = cifar_records(member.read())
                pixels.append(batch)
                labels.append(classes)
    except (tarfile.TarError, KeyError, EOFError, OSError, zlib.error) as error:
        raise CorpusError(Message("cifar-10 can't be unpacked: {why}", why=error)) from error
    train, train_labels = np.concatenate(pixels[:5]), np.concatenate(labels[:5])
    return CIFAR.sha256, train, train_labels, pixels[5], labels[5]


READERS: dict[str, Callable[[], Parts]] = {
    "digits": _digits,
    "fashion-mnist": _fashion,
    "cifar-10": _cifar,
}
assert READERS.keys() == IMAGES.keys()


def _idx(content: bytes) -> Pixels:
    try:
        return idx_array(gzip.decompress(content))
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise CorpusError(Message("fashion-mnist can't be unpacked: {why}", why=error)) from error


def idx_array(content: bytes) -> Pixels:
    """An IDX file of bytes (LeCun's format): 0 0 8 n, n big-endian sizes, the values."""
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise ValueError(Message("it is no IDX file of bytes"))
    start = 4 + 4 * content[3]
    sizes = [int(n) for n in np.frombuffer(content[4:start], dtype=">u4")]
    values = np.frombuffer(content, dtype=np.uint8, offset=start)
    if len(values) != np.prod(sizes):
        raise ValueError(
            Message(
                "its header promises {sizes}, it holds {n} values",
                sizes=sizes,
                n=len(values),
            )
        )
    return values.reshape(sizes)


def cifar_records(content: bytes) -> tuple[Pixels, Labels]:
    """CIFAR-10's binary records: a class, then 1024 red, 1024 green and 1024 blue pixels."""
    shape: Shape = IMAGES["cifar-10"]
    size = 1 + int(np.prod(shape))
    if not content or len(content) % size:
        raise OSError(
            Message(
                "{n} bytes are not a whole number of records of {size}",
                n=len(content),
                size=size,
            )
        )
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, size)
    return records[:, 1:].reshape(-1, *shape), records[:, 0].astype(np.int64)
