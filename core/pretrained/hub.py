"""Models by their name on the Hugging Face hub: fetched into its own cache, data alone.

Only JSON and safetensors files, or one GGUF file, are asked for: no pickle and no code comes with
them. The library `huggingface_hub` is an extra; what its cache has it finds without a network.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from core.language import Message
from core.pretrained.tensors import PretrainedError

# owner/name or name, perhaps with a file of it, perhaps at a revision.
NAME = re.compile(
    r"(?P<repo>[A-Za-z0-9][\w.-]{0,95}(?:/[A-Za-z0-9][\w.-]{0,95})?)"
    r"(?:/(?P<file>[\w./-]{1,200}\.gguf))?(?:@(?P<revision>[\w./-]{1,100}))?"
)
FILES = (
    "config.json", "tokenizer.json", "model.safetensors", "model.safetensors.index.json",
    "model-*-of-*.safetensors",
)  # fmt: skip


def is_name(named: str) -> bool:
    """Whether a text may name a model of the hub; a path of a disk that is not there does not."""
    return NAME.fullmatch(named) is not None and (
        not named.endswith(".gguf") or named.count("/") >= 2
    )


def fetched(named: str) -> tuple[Path, str]:
    """The folder or .gguf file of a model of the hub, and what it is called.

    Raises PretrainedError with a sentence.
    """
    found = NAME.fullmatch(named)
    assert found is not None, named
    repo, file, revision = found.group("repo", "file", "revision")
    try:
        import huggingface_hub as hub
    except ImportError as error:
        raise PretrainedError(
            Message(
                "{name} is no folder here, and a model of the hub needs the library"
                " `huggingface_hub`; install it with `pip install huggingface_hub`", name=named,
            )
        ) from error  # fmt: skip
    name = repo.rpartition("/")[2]
    try:
        if file:
            path = hub.hf_hub_download(repo, file, revision=revision)
            return Path(path), Path(file).stem
        path = hub.snapshot_download(repo, revision=revision, allow_patterns=list(FILES))
    except Exception as error:  # of the network, of the disk and of the hub's answers, many kinds
        raise PretrainedError(_why(hub.errors, named, error)) from error
    return Path(path), name


def _why(errors: Any, named: str, error: Exception) -> Message:
    if isinstance(error, errors.GatedRepoError):
        return Message(
            "{name} is given only to who accepted its terms: accept them on its page of the hub and"
            " sign in with `hf auth login`", name=named,
        )  # fmt: skip
    if isinstance(error, errors.LocalEntryNotFoundError):
        return Message(
            "{name} is no folder here, and the hub can't be reached; fetch it where there is a"
            " network, as by `hf download NAME --local-dir FOLDER`, and name the folder",
            name=named,
        )  # fmt: skip
    if isinstance(error, errors.RevisionNotFoundError):
        return Message("the hub has no revision {name}; leave it out", name=named)
    if isinstance(error, (errors.EntryNotFoundError, errors.RepositoryNotFoundError)):
        return Message(
            "{name} is no folder here and the hub has no such model; name a folder, a .gguf file or"
            " a model as OWNER/NAME", name=named,
        )  # fmt: skip
    return Message(
        "{name} can't be fetched from the hub: {reason}; name a folder instead", name=named,
        reason=(str(error).strip().splitlines() or [type(error).__name__])[0][:200],
    )  # fmt: skip
