"""What pyproject.toml declares and what requirements.txt pins are one set."""

from __future__ import annotations

import importlib
import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINS = {
    pin.name: pin
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    if (text := line.partition("#")[0].strip())
    for pin in [Requirement(text)]
}
DECLARED = {one.name: one for one in map(Requirement, PROJECT["dependencies"])}
# What a user installs besides for one thing more; imported where it is needed.
EXTRAS = {
    Requirement(one).name.replace("_", "-")
    for some in PROJECT["optional-dependencies"].values()
    for one in some
}


def test_the_same_packages_are_declared_and_pinned():
    assert set(DECLARED) == set(PINS)


@pytest.mark.parametrize("name", sorted(PINS))
def test_a_pin_is_exact_and_lies_in_the_declared_range(name: str):
    (pin,) = PINS[name].specifier
    assert pin.operator == "=="
    assert DECLARED[name].specifier.contains(pin.version)


def test_every_package_that_the_product_imports_is_declared_and_none_besides():
    provided = packages_distributions()
    imported = {
        provided[word][0].lower().replace("_", "-")
        for folder in ("core", "dashboard")
        for path in (ROOT / folder).rglob("*.py")
        for word in re.findall(r"^\s*(?:from|import) (\w+)", path.read_text("utf-8"), re.M)
        if word in provided and word not in ("core", "dashboard")
    }
    # Streamlit's own server, whose routes the dashboard adds to, and the inside of pydantic.
    brought = {"starlette", "pydantic-core"}
    # Exports are read with pandas, and Streamlit and scikit-learn work with it.
    assert (imported - brought - EXTRAS) | {"pandas"} == set(DECLARED)


def test_the_entry_points_exist():
    for target in PROJECT["scripts"].values():
        module, _, function = target.partition(":")
        assert callable(getattr(importlib.import_module(module), function))
