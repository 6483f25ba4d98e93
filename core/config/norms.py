"""The norms that there are, read from the modules of `core/models/norms` without importing them.

A norm is one module there. Its first docstring line and a few constants say what needs no torch:

LABEL    what equations and drawings call it: "LN"
SUMMARY  the norm in a few words, shown in the help of `model.norm`
VECTORS  its trained vectors, one number for each feature; `bias` exists only with `model.bias`
SCALARS  its trained single numbers
KEEPS    tensors of its input's size that the backward pass needs (optional, 2 by default)
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "models" / "norms"
FIRST = ("layer", "rms", "dyt")  # the order in which a page offers them; others follow by name


@dataclass(frozen=True)
class NormWords:
    """What is known of a norm without torch."""

    label: str
    summary: str
    vectors: tuple[str, ...] = ()
    scalars: tuple[str, ...] = ()
    keeps: int = 2

    def parameters(self, size: int, bias: bool) -> int:
        """Trained numbers of this norm over `size` features."""
        vectors = sum(bias or name != "bias" for name in self.vectors)
        return size * vectors + len(self.scalars)


def _read(path: Path) -> NormWords:
    constants = {
        target.id: node.value
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id.isupper()
    }
    try:
        values = {
            name: ast.literal_eval(constants[name])
            for name in ("LABEL", "SUMMARY", "VECTORS", "SCALARS", "KEEPS")
            if name in constants or name != "KEEPS"
        }
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path}: a norm needs the plain constant {error}") from error
    return NormWords(
        values["LABEL"],
        values["SUMMARY"],
        tuple(values["VECTORS"]),
        tuple(values["SCALARS"]),
        values.get("KEEPS", 2),
    )


def _all() -> dict[str, NormWords]:
    names = sorted(p.stem for p in FOLDER.glob("[!_]*.py"))
    names.sort(key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    found = {name: _read(FOLDER / f"{name}.py") for name in names}
    return {**found, "none": NormWords("", "no normalisation", keeps=0)}


NORMS = _all()
