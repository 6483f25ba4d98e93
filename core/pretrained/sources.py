"""Where a model comes from: a folder as `transformers` writes it, or a GGUF file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from core.files import RefusedFileError, expanded, parse_json, read_named
from core.language import Message
from core.pretrained import hub
from core.pretrained.tensors import Floats, PretrainedError, TensorFile, hash_of

MOST_JSON = 100 * 2**20
INDEX = "model.safetensors.index.json"
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "model.pth")


class Source(Protocol):
    """A model on the disk."""

    name: str
    config: Mapping[str, Any]  # as `config.json` of `transformers` has it
    tokenizer: bytes  # a `tokenizer.json`

    @property
    def names(self) -> list[str]:
        """Every tensor."""

    def read(self, name: str) -> Floats:
        """One tensor as float32."""

    def sha256(self) -> str:
        """Of the files that hold the weights."""


class Folder:
    """A folder of `transformers`: config.json, tokenizer.json and safetensors files.

    Raises PretrainedError where one is missing, or where the model needs code of its own.
    """

    def __init__(self, path: Path, name: str = "") -> None:
        self.path, self.name = path, name or path.resolve().name
        self.config: Mapping[str, Any] = self._json("config.json")
        for setting in ("auto_map", "quantization_config"):
            if self.config.get(setting):
                raise PretrainedError(
                    Message(
                        "its config.json has {setting}, and a model's own code or packed weights"
                        " are not read here", setting=setting,
                    )
                )  # fmt: skip
        self.files = [TensorFile(one) for one in self._weights()]
        self._where = {name: file for file in self.files for name in file.names}
        if not (path / "tokenizer.json").exists():
            raise PretrainedError(
                Message(
                    "{name} has no tokenizer.json, without which no text becomes its tokens; write"
                    " it there with AutoTokenizer.from_pretrained(MODEL).save_pretrained(FOLDER)",
                    name=self.name,
                )
            )
        self.tokenizer = self._content("tokenizer.json")

    def _weights(self) -> list[Path]:
        if (self.path / "model.safetensors").is_file():
            return [self.path / "model.safetensors"]
        if (self.path / INDEX).is_file():
            names = sorted(set(map(str, dict(self._json(INDEX).get("weight_map", {})).values())))
            if all(Path(name).name == name for name in names):
                return [self.path / name for name in names]
        pickles = [name for name in PICKLES if (self.path / name).is_file()]
        if pickles:
            raise PretrainedError(
                Message(
                    "{name} holds its weights as a pickle ({file}), which could run code when it is"
                    " read; save it with safe_serialization", name=self.name, file=pickles[0],
                )
            )  # fmt: skip
        raise PretrainedError(
            Message("{name} has no model.safetensors; name a folder that holds a model",
                    name=self.name)
        )  # fmt: skip

    def _content(self, name: str) -> bytes:
        try:
            return read_named(self.path / name, MOST_JSON)
        except RefusedFileError as error:
            raise PretrainedError(
                Message("{name} has no readable {file}: {reason}", name=self.name, file=name,
                        reason=error)
            ) from error  # fmt: skip

    def _json(self, name: str) -> dict[str, Any]:
        try:
            found = parse_json(self._content(name))
        except ValueError as error:
            if isinstance(error, PretrainedError):
                raise
            found = None
        if not isinstance(found, dict):
            raise PretrainedError(Message("{file} of {name} is no JSON object", file=name,
                                          name=self.name))  # fmt: skip
        return found

    @property
    def names(self) -> list[str]:
        """Every tensor."""
        return list(self._where)

    def read(self, name: str) -> Floats:
        """One tensor as float32."""
        return self._where[name].read(name)

    def sha256(self) -> str:
        """Of the files that hold the weights, one after the other."""
        return hash_of([file.path for file in self.files])


def opened(named: str, fetching: Callable[[Message], object] | None = None) -> Source:
    """What a user names: a folder, a .gguf file, or a model of the hub, which is fetched.

    `fetching` is told before that. Raises PretrainedError with a sentence.
    """
    path = expanded(named)
    if path.is_dir():
        return Folder(path)
    if path.is_file() and path.suffix == ".gguf":
        return _gguf(path)
    if hub.is_name(str(named)):
        if fetching is not None:
            fetching(Message("fetches {name} from the hub", name=str(named)))
        there, name = hub.fetched(str(named))
        return Folder(there, name) if there.is_dir() else _gguf(there)
    raise PretrainedError(
        Message(
            "{path} is no folder with a model and no .gguf file; a model of the hub is named as"
            " OWNER/NAME", path=str(named)[:200],
        )
    )  # fmt: skip


def _gguf(path: Path) -> Source:
    from core.pretrained.gguf_file import GGUFFile

    return GGUFFile(path)
