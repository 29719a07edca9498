"""The rule document as JSON Schema 2020-12, generated from the marshmallow classes that check it.

What only a program can say (shares add up, steps rise, ids differ) stays with `document.check`: whatever that accepts is
valid here, not the other way round.
"""

import inspect
from typing import Any

from marshmallow import Schema, fields, validate
from marshmallow_oneofschema.one_of_schema import OneOfSchema

from cardnet.benefits import document

_CODE = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
_PARAMETER = {
    "type": "object",
    "properties": {"param": {"type": "string", "pattern": _CODE}},
    "required": ["param"],
    "additionalProperties": False,
}


def json_schema() -> dict[str, Any]:
    """The schema of `cardnet.rule/1`."""
    known: dict[str, Any] = {}
    root = _reference(document.RuleDocument, known)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "/api/v1/schemas/rule/1",
        "title": document.SCHEMA,
        **root,
        "$defs": known,
    }


def _reference(kind: type[Schema], known: dict[str, Any]) -> dict[str, Any]:
    name = kind.__name__
    if name not in known:
        known[name] = {}  # a place, so that conditions within conditions come back to it
        known[name] = _choice(kind, known) if issubclass(kind, OneOfSchema) else _object(kind(), known)
        known[name]["description"] = " ".join(inspect.cleandoc(kind.__doc__ or "").split())
    return {"$ref": f"#/$defs/{name}"}


def _choice(kind: type[OneOfSchema], known: dict[str, Any]) -> dict[str, Any]:
    """One of several shapes, told apart by a word: each stands whole, because all of them refuse what they do not know."""
    shapes = []
    for word, chosen in kind.type_schemas.items():
        shape = _object((chosen if isinstance(chosen, type) else type(chosen))(), known)
        shape["properties"] = {kind.type_field: {"const": word}, **shape["properties"]}
        shape["required"] = [kind.type_field, *shape["required"]]
        shapes.append(shape)
    return {"oneOf": shapes}


def _object(schema: Schema, known: dict[str, Any]) -> dict[str, Any]:
    members = {field.data_key or name: field for name, field in schema.fields.items()}
    return {
        "type": "object",
        "properties": {name: _field(field, known) for name, field in members.items()},
        "required": [name for name, field in members.items() if field.required],
        "additionalProperties": False,
    }


def _field(field: fields.Field[Any], known: dict[str, Any]) -> dict[str, Any]:
    if isinstance(field, document.Whole):
        return {"anyOf": [{"type": "integer", "minimum": field.low, "maximum": field.high}, _PARAMETER]}
    if isinstance(field, document.Day):
        return {"type": "string", "format": "date"}
    if isinstance(field, document.Always):
        return {"const": True}
    if isinstance(field, fields.Nested):
        return _reference(type(field.schema), known)
    if isinstance(field, fields.List):
        return {"type": "array", "items": _field(field.inner, known), **_bounds(field, "Items")}
    longest = {"minLength": 1, "maxLength": 200} if isinstance(field, document.Text) else {}
    return {"type": "string", **longest, **_bounds(field, "Length")}


def _bounds(field: fields.Field[Any], what: str) -> dict[str, Any]:
    """What marshmallow's validators say, in the words of JSON Schema."""
    said: dict[str, Any] = {}
    for rule in field.validators:
        if isinstance(rule, validate.Length):
            said |= {f"min{what}": rule.min} if rule.min is not None else {}
            said |= {f"max{what}": rule.max} if rule.max is not None else {}
        elif isinstance(rule, validate.OneOf):
            said["enum"] = list(rule.choices)
        elif isinstance(rule, validate.Equal):
            said["const"] = rule.comparable
        elif isinstance(rule, validate.Regexp):
            said["pattern"] = rule.regex.pattern
    return said
