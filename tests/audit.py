"""Are the pinned packages what was published, and is anything known against them? ``make audit``.

Every file of every pinned package is compared with the SHA-256 that its wheel has for it, without a
network. Advisories are pip-audit's; where it can't reach them, that is said and is no failure.

So a file that was changed since it was installed is found. A wheel that was another one from the
start, with a RECORD to match, is not. Against that pip knows hashes in the requirements, and there
are none of them here: pip takes them only where every package has one, those that others need too,
and torch's builds for a processor and for each CUDA are other files that need other packages
(`nvidia-*`), under one version. A list that is right on one machine refuses the next, and no marker
in it tells a GPU. Whoever needs one makes that of their own machine: `pip download -r
requirements.txt -d wheels`, `pip hash wheels/*`, and installs with `--require-hashes`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PINS = ("requirements.txt", "tests/requirements.txt")
PIN = re.compile(r"([A-Za-z0-9._-]+)==([^\s#;]+)")
# A release against which advisories are known: who knows none has not reached them.
KNOWN = "urllib3==1.24"
CHUNK = 2**20


def pins() -> dict[str, str]:
    """Versions by names, of both lists."""
    lines = (line for name in PINS for line in (ROOT / name).read_text("utf-8").splitlines())
    return dict(found.groups() for line in lines if (found := PIN.match(line)))


def problems_of(name: str, version: str) -> Iterator[str]:
    """A sentence for each thing that is not as it was published."""
    try:
        installed = distribution(name)
    except PackageNotFoundError:
        yield f"{name} is not installed; run `make test` first"
        return
    if installed.version.partition("+")[0] != version:  # +cpu, +cu128: the same release
        yield f"{name} is {installed.version}, pinned is {version}"
    yield from changed(installed)


def changed(installed: Distribution) -> Iterator[str]:
    """The files whose content is not the one that the wheel's RECORD has."""
    for file in installed.files or ():
        if file.hash is None or file.hash.mode != "sha256":
            continue
        try:
            found = sha256(Path(str(file.locate())))
        except OSError as error:
            yield f"{file} of {installed.name} can't be read: {error.strerror}"
            continue
        if found != file.hash.value:
            yield f"{file} of {installed.name} was changed; delete .venv and set it up anew"


def sha256(path: Path) -> str:
    """As RECORD writes it: URL-safe base64 without padding."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=")


def advisories(command: Sequence[str], wanted: dict[str, str]) -> list[str] | None:
    """What pip-audit knows against packages; None where it reaches no advisories."""
    known = _asked(command, [KNOWN])
    if not known:
        return None
    return _asked(command, [f"{name}=={version}" for name, version in wanted.items()])


def _asked(command: Sequence[str], wanted: Sequence[str]) -> list[str] | None:
    asked = [*command, "--no-deps", "--disable-pip", "--format=json", "-r", "/dev/stdin"]
    try:
        ran = subprocess.run(asked, input="\n".join(wanted), capture_output=True, text=True)
        told = json.loads(ran.stdout)["dependencies"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return [
        f"{one['name']} {one.get('version', '')}: {known['id']}"
        f" (mended in {', '.join(known['fix_versions']) or 'no release yet'})"
        for one in told
        for known in one.get("vulns", ())
    ]


def main(command: Sequence[str]) -> int:
    """Print what is wrong; 1 where something is."""
    wanted = pins()
    wrong = [sentence for pin in wanted.items() for sentence in problems_of(*pin)]
    print(f"{len(wanted)} pinned packages: {len(wrong) or 'nothing'} changed since published")
    known = advisories(command, wanted) if command else None
    if known is None:
        print("advisories: skipped, pip-audit reaches no database of them from here")
    else:
        print(f"advisories: {len(known) or 'none'} known")
    print("\n".join([*wrong, *(known or ())]), end="\n" if wrong or known else "")
    return 1 if wrong or known else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
