"""Images: parsed without pickle, checked by hash, and every way to lack them has its sentence."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import sys
import tarfile
import urllib.error
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.config import RunConfig
from core.data import corpora, downloads, images
from core.data.batches import ImageBatches


@pytest.fixture(autouse=True)
def _anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ADDNORM_DATA", "")
    monkeypatch.setenv("ADDNORM_CACHE", str(tmp_path / "cache"))
    images.load_images.cache_clear()
    yield
    images.load_images.cache_clear()


def test_digits_are_at_hand() -> None:
    found = corpora.load_corpus(RunConfig.from_flat({"model.family": "resnet"}))
    assert isinstance(found, images.Images)
    assert (found.name, found.length, found.vocabulary) == ("digits", 1797, 10)
    assert found.training.shape == (1437, 1, 8, 8)
    assert found.validation.shape == (360, 1, 8, 8)
    assert found.unigram_entropy == pytest.approx(np.log(10), abs=1e-3)
    standard = found.standardised(found.training)
    assert standard.dtype == np.float32
    assert standard.mean() == pytest.approx(0, abs=1e-5)
    assert standard.std() == pytest.approx(1, abs=1e-5)


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(downloads.CorpusError, match="scikit-learn"):
        images.load_images("digits")


def idx(array: np.ndarray) -> bytes:
    header = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes())


def offered(folder: Path, content: bytes, like: downloads.Download) -> downloads.Download:
    """A download that a file in `folder` answers."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / like.url.rpartition("/")[2]
    source.write_bytes(content)
    sha = hashlib.sha256(content).hexdigest()
    return replace(like, url=source.as_uri(), size=len(content), sha256=sha)


def test_fashion_mnist_is_parsed_checked_and_cached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (n, 28, 28)) for n in (6, 4)]
    labels = [np.array([0, 1, 2, 0, 1, 2]), np.array([3, 0, 1, 2])]
    parts = [pictures[0], labels[0], pictures[1], labels[1]]
    fake = [
        offered(tmp_path / "web", idx(part), like)
        for part, like in zip(parts, images.FASHION, strict=True)
    ]
    monkeypatch.setattr(images, "FASHION", tuple(fake))
    found = images.load_images("fashion-mnist")
    np.testing.assert_array_equal(found.training[:, 0], pictures[0])
    np.testing.assert_array_equal(found.validation_labels, labels[1])
    assert found.vocabulary == 4
    for file in (tmp_path / "web").iterdir():
        file.unlink()
    images.load_images.cache_clear()
    assert images.load_images("fashion-mnist").sha256 == found.sha256  # from the cache


def archive(batches: list[bytes]) -> bytes:
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in zip(names, batches, strict=False):
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_cifar_is_found_by_hash_in_the_named_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (12, 3, 32, 32)).astype(np.uint8)
    labels = np.arange(12) % 10
    records = [
        b"".join(bytes([labels[i]]) + pixels[i].tobytes() for i in (2 * b, 2 * b + 1))
        for b in range(6)
    ]
    fake = offered(tmp_path / "data", archive(records), images.CIFAR)
    (tmp_path / "data" / "cifar-10-binary.tar.gz").rename(tmp_path / "data" / "any name")
    monkeypatch.setenv("ADDNORM_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(images, "CIFAR", fake)
    found = images.load_images("cifar-10")
    np.testing.assert_array_equal(found.training, pixels[:10])
    np.testing.assert_array_equal(found.validation_labels, labels[10:])
    assert found.mean.shape == (3, 1, 1)

    monkeypatch.setattr(
        images, "CIFAR", offered(tmp_path / "data", archive(records[:3]), images.CIFAR)
    )
    images.load_images.cache_clear()
    with pytest.raises(downloads.CorpusError, match="can't be unpacked"):
        images.load_images("cifar-10")


@pytest.mark.parametrize("corpus", ["fashion-mnist", "cifar-10"])
def test_offline_says_what_to_do_in_one_sentence(
    corpus: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    with pytest.raises(downloads.CorpusError, match=r"ADDNORM_DATA.*digits") as refusal:
        images.load_images(corpus)
    assert corpus in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_damaged_download_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("<html>")
    monkeypatch.setattr(images, "CIFAR", replace(images.CIFAR, url=wrong.as_uri()))
    with pytest.raises(downloads.CorpusError, match="damaged"):
        images.load_images("cifar-10")
    assert not list(tmp_path.glob("cache/corpora/*"))


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "no IDX"), (b"\0\0\x0d\1", "no IDX"), (b"\0\0\x08\1\0\0\0\x05abc", "promises")],
)
def test_damaged_idx_files(content: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        images.idx_array(content)


def test_batches_depend_on_seed_and_step_alone() -> None:
    one, other = ImageBatches(100, 8, seed=3), ImageBatches(100, 8, seed=3)
    other.at(7)
    np.testing.assert_array_equal(one.at(50), other.at(50))
    assert (one.at(50) != one.at(51)).any()
    assert (one.at(50) != ImageBatches(100, 8, seed=4).at(50)).any()
    assert set(ImageBatches(3, 64, seed=0).at(0)) == {0, 1, 2}
