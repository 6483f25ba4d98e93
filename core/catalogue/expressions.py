"""Conditions on a run's values, from nodes of :mod:`ast` that are on a whitelist."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.catalogue.filter_fields import OWN, FieldKind, is_group, kinds, meant, near, words_of
from core.config.base import did_you_mean
from core.language import Message, joined
from core.verdicts.labels import STATE_ALIASES

Values = Mapping[str, Any]
DEEPEST = 25  # expressions inside of one another
# `shown`: what a page calls the run beside the others, where it says so.
SEARCHED = ("name", "shown", "id", "state", "words", "tags", "note")
ACCEPTED = Message(
    "accepted: a name, one of == != < <= > >= in, a value, joined by and, or, not, as in"
    ' depth >= 12 and placement == "post"'
)
OPERATORS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


class FilterError(ValueError):
    """A filter that can't be read: one sentence, with what is accepted; `column` counts from 1."""

    def __init__(self, sentence: str, column: int, accepted: str = ACCEPTED) -> None:
        super().__init__(
            Message(
                "column {column}: {sentence}; {accepted}",
                column=column,
                sentence=sentence,
                accepted=accepted,
            )
        )
        self.sentence, self.column = sentence, column


# Searching


def holds(values: Values, needles: list[str]) -> bool:
    """Whether a run's name, id, state, tags, note and settings contain every needle."""
    rest = needles
    for text in _searchable(values):
        rest = [needle for needle in rest if needle not in text]
        if not rest:
            return True
    return not rest


def _searchable(values: Values) -> Iterator[str]:
    own = [values.get(name) or "" for name in SEARCHED]
    words = " ".join(" ".join(map(str, w)) if isinstance(w, list | tuple) else str(w) for w in own)
    yield words.lower()
    yield " ".join(f"{name}={value}" for name, value in values.items() if "." in name).lower()


# Parsing


@dataclass(frozen=True)
class _Operand:
    """A value to compare: what gives it, of which kind, and as what it was written."""

    kind: FieldKind
    get: Callable[[Values], Any]
    node: ast.expr
    name: str = ""  # of a setting or of OWN
    word: str | None = None  # a text that was written without quotes
    many: bool = False  # a tuple or list


class Conditions:
    """Turns checked nodes into functions of a run's values, and collects the names they ask for.

    `lead` is how many characters stand before the text, for the columns of refusals; `own` are
    settings that runs from elsewhere brought.
    """

    def __init__(self, text: str, lead: int, own: Collection[str] = ()) -> None:
        self.text, self.lead, self.own = text, lead, own
        self.names: set[str] = set()

    def refuse(self, sentence: str, node: ast.AST, accepted: str = ACCEPTED) -> FilterError:
        # ast counts bytes of UTF-8.
        before = self.text.encode()[: getattr(node, "col_offset", 0)].decode(errors="ignore")
        return FilterError(sentence, len(before) + 1 + self.lead, accepted)

    def source(self, node: ast.expr) -> str:
        return ast.get_source_segment(self.text, node) or ""

    # Conditions

    def condition(self, node: ast.expr, depth: int) -> Callable[[Values], bool]:
        """A function that says of a run's values whether this part of the filter holds."""
        if depth > DEEPEST:
            raise self.refuse(
                Message("more than {n} levels deep", n=DEEPEST),
                node,
                Message("accepted: fewer levels"),
            )
        if isinstance(node, ast.BoolOp):
            parts = [self.condition(part, depth + 1) for part in node.values]
            if isinstance(node.op, ast.And):
                return lambda values: all(part(values) for part in parts)
            return lambda values: any(part(values) for part in parts)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.condition(node.operand, depth + 1)
            return lambda values: not inner(values)
        if isinstance(node, ast.Compare):
            return self.comparison(node)
        return self.alone(node)

    def alone(self, node: ast.expr) -> Callable[[Values], bool]:
        """A name by itself is asked whether it has a value, a word is searched for."""
        operand = self.operand(node)
        if operand.name:
            self.names.add(operand.name)
            off: tuple[Any, ...] = (None, False, "", "none", "off", [])
            return lambda values: _clean(operand.get(values)) not in off
        if operand.kind == "bool":
            return operand.get
        if operand.kind != "text":
            raise self.refuse(Message("{text} is not a condition", text=self.source(node)), node)
        needle = [str(operand.get({})).lower()]
        return lambda values: holds(values, needle)

    def comparison(self, node: ast.Compare) -> Callable[[Values], bool]:
        nodes = [node.left, *node.comparators]
        operands = [self.operand(one) for one in nodes]
        if not any(one.name for one in operands):
            raise self.refuse(
                Message(
                    "{text} is not a name{hint}",
                    text=self._odd(operands),
                    hint=self._hint(operands),
                ),
                node,
            )
        tests = []
        for left, sign, right in zip(operands, node.ops, operands[1:], strict=False):
            left, right = self._as_choice(left, right), self._as_choice(right, left)
            self._check(left, sign, right)
            self.names.update(one.name for one in (left, right) if one.name)
            tests.append(_test(type(sign), left, right))
        return lambda values: all(test(values) for test in tests)

    def _odd(self, operands: list[_Operand]) -> str:
        words = [self.source(one.node) for one in operands if one.word]
        return words[0] if words else self.source(operands[0].node)

    def _hint(self, operands: list[_Operand]) -> str:
        return next(
            (hint for one in operands if one.word and (hint := near(one.word, self.own))), ""
        )

    # Operands

    def operand(self, node: ast.expr) -> _Operand:
        """A name, a value, or several values in parentheses or brackets."""
        if isinstance(node, ast.Constant):
            return self.constant(node)
        if isinstance(node, ast.Tuple | ast.List):
            return self.several(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
            inner = self.constant(node.operand)
            if inner.kind == "number" and isinstance(node.op, ast.USub | ast.UAdd):
                value = inner.get({}) * (-1 if isinstance(node.op, ast.USub) else 1)
                return _Operand("number", lambda values: value, node)
        word = self.source(node)
        if isinstance(node, ast.Name | ast.Attribute) or re.fullmatch(r"\w[\w.-]*", word):
            return self.named(node, word)
        raise self.refuse(Message("{text!r} is neither a name nor a value", text=word[:40]), node)

    def constant(self, node: ast.Constant) -> _Operand:
        value = node.value
        if value is None:
            return _Operand("none", lambda values: None, node, word="none")
        if isinstance(value, bool):
            return _Operand("bool", lambda values: value, node, word=str(value).lower())
        if isinstance(value, int | float):
            return _Operand("number", lambda values: value, node)
        if isinstance(value, str):
            text = value.lower()
            return _Operand("text", lambda values: text, node)
        raise self.refuse(
            Message("{text} is neither a name nor a value", text=self.source(node)[:40]), node
        )

    def several(self, node: ast.Tuple | ast.List) -> _Operand:
        parts = [self.operand(part) for part in node.elts]
        if any(part.many for part in parts):
            raise self.refuse(Message("a list inside of a list compares nothing"), node)
        return _Operand(
            "any",
            lambda values: [_clean(part.get(values)) for part in parts],
            node,
            many=True,
        )

    def named(self, node: ast.expr, word: str) -> _Operand:
        literal = {"true": True, "false": False, "none": None}
        if word.lower() in literal:
            return self.constant(ast.copy_location(ast.Constant(literal[word.lower()]), node))
        names = meant(word, self.own)
        if len(names) > 1:
            raise self.refuse(
                Message("{text} may be {names}", text=word, names=joined(names, " or ")),
                node,
                Message("accepted: one of them"),
            )
        if names:
            name = names[0]
            return _Operand(
                kinds().get(name, "any"), lambda values: values.get(name), node, name, word.lower()
            )
        if isinstance(node, ast.Attribute) and is_group(word.partition(".")[0]):
            raise self.refuse(
                Message("there is no setting {text}{hint}", text=word, hint=near(word, self.own)),
                node,
            )
        text = word.lower()
        return _Operand("text", lambda values: text, node, word=text)

    # Comparing

    def _as_choice(self, one: _Operand, other: _Operand) -> _Operand:
        """`one` as a word of the other's choices, where it is one: residual == attention.

        Several are looked at each.
        """
        words = words_of(other.name)
        if not words or one.name in OWN or one.name == other.name:
            return one
        if one.many and isinstance(one.node, ast.Tuple | ast.List):
            parts = [self._as_choice(self.operand(part), other) for part in one.node.elts]
            for part in parts:
                self._check(other, ast.Eq(), part)
            return _Operand(
                "any", lambda values: [_clean(p.get(values)) for p in parts], one.node, many=True
            )
        text = str(one.word if one.word is not None else one.get({}))
        switch = {"true": "on", "false": "off"}.get(text, text)
        text = switch if switch in words else text
        if text not in words:
            return one
        return _Operand("text", lambda values: STATE_ALIASES.get(text, text), one.node)

    def _check(self, left: _Operand, sign: ast.cmpop, right: _Operand) -> None:
        """Refuse what could never be true, in a sentence."""
        if isinstance(sign, ast.Is | ast.IsNot):
            raise self.refuse(Message("write == or != for is"), right.node)
        if isinstance(sign, ast.In | ast.NotIn):
            self._check_in(left, right)
            return
        if left.many or right.many:
            raise self.refuse(
                Message("several values at once want in"),
                (right if right.many else left).node,
                Message("accepted: in and not in, as in depth in (6, 12)"),
            )
        for name, value in ((left, right), (right, left)):
            if name.name and not value.name:
                self._check_value(name, sign, value)
        numbers = {left.kind, right.kind}
        if left.name and right.name and "number" in numbers and numbers & {"text", "texts"}:
            raise self.refuse(
                Message(
                    "{name} and {other} are of different kinds", name=left.name, other=right.name
                ),
                right.node,
            )

    def _check_value(self, name: _Operand, sign: ast.cmpop, value: _Operand) -> None:
        said, words = self.source(value.node), words_of(name.name)
        if value.kind == "none":
            if isinstance(sign, ORDERS):
                raise self.refuse(Message("none is neither less nor more"), value.node)
            return
        if name.kind == "number" and value.kind != "number":
            hint = near(value.word, self.own) if value.word else ""
            sentence = Message(
                "{name} is a number, which {text} is not{hint}",
                name=name.name,
                text=said,
                hint=hint,
            )
            raise self.refuse(sentence, value.node)
        if name.kind == "bool" and value.kind != "bool":
            raise self.refuse(
                Message("{name} is true or false, not {text}", name=name.name, text=said),
                value.node,
                Message("accepted: true, false"),
            )
        if name.kind == "texts":
            raise self.refuse(
                Message("tags are several"), name.node, Message('accepted: "baseline" in tags')
            )
        if name.kind == "text" and value.kind != "text":
            raise self.refuse(
                Message("{name} is text, which {text} is not", name=name.name, text=said),
                value.node,
            )
        if words and isinstance(sign, ast.Eq | ast.NotEq) and value.get({}) not in words:
            hint = did_you_mean(str(value.get({})), words)
            raise self.refuse(
                Message("{name} is never {text}{hint}", name=name.name, text=said, hint=hint),
                value.node,
                Message("accepted: {known}", known=", ".join(words)),
            )

    def _check_in(self, left: _Operand, right: _Operand) -> None:
        if left.many:
            raise self.refuse(Message("one value at a time can be in something"), left.node)
        if right.many and left.name and isinstance(right.node, ast.Tuple | ast.List):
            for part in right.node.elts:
                inner = self._as_choice(self.operand(part), left)
                if not inner.name:
                    self._check_value(left, ast.Eq(), inner)
        if not right.many and right.kind not in ("text", "texts", "any"):
            raise self.refuse(
                Message("nothing can be in {text}", text=self.source(right.node)),
                right.node,
                Message('accepted: a list, a text or tags, as in "baseline" in tags'),
            )


def _clean(value: Any) -> Any:
    """As values are compared: text without case, NaN as nothing."""
    if isinstance(value, str):
        return value.lower()
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, list | tuple):
        return [_clean(one) for one in value]
    return value


def _test(sign: type[ast.cmpop], left: _Operand, right: _Operand) -> Callable[[Values], bool]:
    compare = OPERATORS[sign]
    if sign in (ast.Eq, ast.NotEq) and "none" in (left.kind, right.kind):
        one = right if left.kind == "none" else left
        empty: tuple[Any, ...] = (None, "", "none", [])
        return lambda values: compare(_clean(one.get(values)) in empty, True)

    def test(values: Values) -> bool:
        a, b = _clean(left.get(values)), _clean(right.get(values))
        if a is None or b is None:
            return False
        try:
            if isinstance(a, list) and left.name == "grid":  # known by its id and by its name
                found = (bool(compare(one, b)) for one in a)
                return all(found) if sign in (ast.NotEq, ast.NotIn) else any(found)
            return bool(compare(a, b))
        except TypeError:
            return False  # a setting that may be a word or a number: auto > 3

    return test
