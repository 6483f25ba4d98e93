"""Formulas of lessons: numbers, names, calls of facts and comparisons, in Python's own grammar.

Read with :mod:`ast` and computed node by node, so a lesson's file can't do anything else.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any


class FormulaError(ValueError):
    """A formula that can't be read; the sentence says what stands there."""


class UnknownError(ValueError):
    """What a formula asks for is not known (yet): a run that has not ended, a metric it lacks."""


Value = float | int | str | bool
Functions = Mapping[str, Callable[..., Value]]

LONGEST, DEEPEST = 500, 25  # letters; parts inside of one another
BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda one, several: one in several,
    ast.NotIn: lambda one, several: one not in several,
}
MATHS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "exp": math.exp,
    "log": math.log,
    "max": max,
    "min": min,
    "round": round,
    "sqrt": math.sqrt,
}
CONSTANTS = {"inf": math.inf}


class Formula:
    """A formula as it was written. Raises FormulaError where it can't be read."""

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > LONGEST:
            raise FormulaError(f"{text[:40]!r}... is longer than {LONGEST} letters")
        try:
            self.tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            said = error.msg if isinstance(error, SyntaxError) else error
            raise FormulaError(f"{text!r} is not a formula: {said}") from error
        self.names: set[str] = set()
        self.calls: set[str] = set()
        self._check(self.tree, 0)

    def _check(self, node: ast.expr, depth: int) -> None:
        """Refuse what is not of the grammar, and collect names and calls."""
        if depth > DEEPEST:
            raise FormulaError(f"{self.text[:40]!r}... is more than {DEEPEST} levels deep")
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
            return
        if isinstance(node, ast.Name):
            self.names.add(node.id)
            return
        parts: list[ast.expr]
        if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
            parts = [node.left, node.right]
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
            parts = [node.operand]
        elif isinstance(node, ast.BoolOp):
            parts = node.values
        elif isinstance(node, ast.Compare) and all(type(op) in COMPARISONS for op in node.ops):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.Tuple | ast.List):
            parts = node.elts
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            self.calls.add(node.func.id)
            parts = [*node.args, *(one.value for one in node.keywords)]
        else:
            said = ast.get_source_segment(self.text.strip(), node) or self.text
            raise FormulaError(f"{said!r} is not of a lesson's formulas")
        for part in parts:
            self._check(part, depth + 1)

    def value(self, names: Mapping[str, Any], functions: Functions) -> Any:
        """What it comes to. Raises UnknownError where something that it needs is not known."""
        try:
            return self._value(self.tree, names, functions)
        except UnknownError:
            raise
        except (ArithmeticError, TypeError, ValueError, LookupError) as error:
            raise UnknownError(f"{self.text}: {error}") from error

    def _value(self, node: ast.expr, names: Mapping[str, Any], functions: Functions) -> Any:
        def of(part: ast.expr) -> Any:
            return self._value(part, names, functions)

        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                if node.id in CONSTANTS:
                    return CONSTANTS[node.id]
                if node.id not in names:
                    raise UnknownError(f"{node.id} is not known")
                return names[node.id]
            case ast.BinOp():
                # As floats: whole numbers can grow until the memory is full.
                one, other = _number(of(node.left)), _number(of(node.right))
                found = BINARY[type(node.op)](one, other)
                if isinstance(found, complex):
                    raise UnknownError(f"{self.text}: it is not a real number")
                return found
            case ast.UnaryOp():
                return not of(node.operand) if isinstance(node.op, ast.Not) else -of(node.operand)
            case ast.BoolOp():
                parts = (bool(of(part)) for part in node.values)
                return all(parts) if isinstance(node.op, ast.And) else any(parts)
            case ast.Compare():
                values = [of(part) for part in (node.left, *node.comparators)]
                pairs = zip(values, node.ops, values[1:], strict=False)
                return all(COMPARISONS[type(op)](one, other) for one, op, other in pairs)
            case ast.Tuple() | ast.List():
                return [of(part) for part in node.elts]
            case ast.Call(func=ast.Name(id=name)):
                call = functions.get(name) or MATHS[name]
                given = {str(one.arg): of(one.value) for one in node.keywords}
                return call(*(of(part) for part in node.args), **given)
        raise AssertionError(node)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnknownError(f"{value} is not a number")
    return float(value)
