"""The browser's types of what the routes answer, written from the JSON schema of these.

`python -m dashboard.api.types` writes `frontend/src/protocol/replies.d.ts`; a test holds the two
together.
"""

from __future__ import annotations

import json
import textwrap
from typing import Any

from pydantic import TypeAdapter

from dashboard.api.replies import REPLIES, Problem
from dashboard.web.assets import SOURCES

TYPES = SOURCES / "protocol" / "replies.d.ts"
HEAD = """// What the routes of `dashboard/api` answer. Written from `dashboard/api/replies.py` by
// `python -m dashboard.api.types`; a test holds the two together.
"""
NAMES = {"integer": "number", "number": "number", "string": "string", "boolean": "boolean"}
NAMES["null"] = "null"


def declarations() -> str:
    """The text of `replies.d.ts`."""
    kinds = {**REPLIES, "": Problem}
    _, schema = TypeAdapter.json_schemas(
        [(route, "serialization", TypeAdapter(kind)) for route, kind in kinds.items()]
    )
    found = schema["$defs"]
    return HEAD + "".join(f"\n{_declared(name, found[name])}\n" for name in sorted(found))


def _declared(name: str, schema: dict[str, Any]) -> str:
    said = _comment(schema.get("description", ""), "")
    if "properties" not in schema:
        return f"{said}export type {name} = {_type(schema)}"
    needed = schema.get("required", [])
    lines = [
        _comment(field.get("description", ""), "  ")
        + f"  {key}{'' if key in needed else '?'}: {_type(field)}"
        for key, field in schema["properties"].items()
    ]
    return "\n".join([f"{said}export interface {name} {{", *lines, "}"])


def _comment(text: str, indent: str) -> str:
    if not text:
        return ""
    lines = textwrap.wrap(" ".join(text.split()), 96)
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    inner = "".join(f"{indent} * {line}\n" for line in lines)
    return f"{indent}/**\n{inner}{indent} */\n"


def _type(schema: dict[str, Any]) -> str:
    """A schema as a type. Raises ValueError for what no reply has used yet."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(_type(one) for one in schema["anyOf"])
    kind = schema.get("type")
    if kind == "array" and "prefixItems" in schema:
        return f"[{', '.join(_type(one) for one in schema['prefixItems'])}]"
    if kind == "array":
        inner = _type(schema["items"])
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if kind == "object":
        more = schema.get("additionalProperties", True)
        return f"Record<string, {_type(more) if isinstance(more, dict) else 'unknown'}>"
    if kind in NAMES:
        return NAMES[kind]
    if not schema.keys() - {"title", "description"}:
        return "unknown"
    raise ValueError(f"no type is written for the schema {schema}")


if __name__ == "__main__":
    TYPES.write_text(declarations(), encoding="utf-8")
