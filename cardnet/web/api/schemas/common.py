"""Pieces of the wire formats: unions, people with their numbers masked, pages of lists."""

import enum
from typing import Any

from marshmallow import Schema, fields, validate

from cardnet.http.wire import Id, Moment, Open, Several, Strict, Text, Word
from cardnet.kernel import masking
from cardnet.web.finding_words import in_readers_language

Fen = fields.Integer
"""An amount of an answer, whole fen."""


class Told(fields.String):
    """A sentence of the check of a file, in the language asked for by `Accept-Language`."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **more: Any) -> str | None:
        return super()._serialize(value if value is None else in_readers_language(value), attr, obj, **more)


def said(kind: type[fields.Field[Any]] = fields.String, **more: Any) -> fields.Field[Any]:
    """A member every answer has."""
    return kind(required=True, **more)


def perhaps(kind: type[fields.Field[Any]] = fields.String, **more: Any) -> fields.Field[Any]:
    """A member that may be null."""
    return kind(required=True, allow_none=True, **more)


def nested(schema: type[Schema], **more: Any) -> fields.Field[Any]:
    """An object every answer has."""
    return fields.Nested(schema, required=True, **more)


def maybe(schema: type[Schema]) -> fields.Field[Any]:
    """An object or null."""
    return fields.Nested(schema, required=True, allow_none=True)


def several(inner: type[Schema] | fields.Field[Any]) -> fields.Field[Any]:
    """A list."""
    return fields.List(inner if isinstance(inner, fields.Field) else fields.Nested(inner), required=True)


def one_of(words: type[enum.StrEnum], **more: Any) -> Text:
    """One word of an enum, of a body."""
    names = [str(word) for word in words]
    return Text(64, validate=validate.OneOf(names, error=f"应为 {'、'.join(names)} 之一。"), **more)


def unit(**more: Any) -> Word:
    """A union's code, of a body or a query."""
    return Word(metadata={"description": "A union's code within your scope."}, **more)


def ids(**more: Any) -> Several:
    """Up to 10,000 ids."""
    return Several(Id(), validate=validate.Length(max=10_000, error="最多 10000 个。"), **more)


def texts(longest: int, most: int = 10_000, **more: Any) -> Several:
    """Several short texts."""
    return Several(Text(longest), validate=validate.Length(max=most, error=f"最多 {most} 个。"), **more)


class Union(Open):
    """A union of the tree; `path` is its codes from the top, as scopes and filters name it."""

    id = said(fields.UUID)
    code = said()
    name = said()
    tier = said()
    path = said()


class UnionName(Open):
    """A union where it is mentioned."""

    code = said()
    name = said()


class PersonName(Open):
    """A person where they are mentioned."""

    id = said(fields.UUID)
    name = said()


class Person(PersonName):
    """A person as an officer's lists show them: the document's number and the phone are masked."""

    id_type = said()
    id_number = fields.Function(lambda one: masking.id_number_for_office(one.id_number), required=True)
    phone = fields.Function(lambda one: masking.phone_for_office(one.phone) if one.phone else "", required=True)
    unit = maybe(UnionName)
    membership_kind = perhaps()
    department = said()
    employment = perhaps()


class Count(Open):
    """How many were touched; a repeat touches none."""

    count = said(fields.Integer)


class Made(Open):
    """What was made."""

    id = said(fields.UUID)


class Empty(Open):
    """Done; there is nothing to tell."""


class NoBody(Strict):
    """`{}`: the call needs no member."""


class PageQuery(Strict):
    """Where in a list: `cursor` is the `next_cursor` of the page before, with the same filter."""

    limit = fields.Integer(
        load_default=50,
        validate=validate.Range(1, 200, error="应为 1 到 200。"),
        error_messages={"invalid": "应为 1 到 200 的整数。"},
    )
    cursor = Text(400, load_default=None)


def listing(name: str, item: type[Schema]) -> type[Schema]:
    """A page of a list; `total` where it is counted."""
    members = {
        "items": several(item),
        "next_cursor": perhaps(),
        "total": fields.Integer(),
        "__doc__": f"A page of a list; `next_cursor` is null on the last one. Items: {item.__name__}.",
    }
    return type(name, (Open,), members)


def whole(name: str, item: type[Schema]) -> type[Schema]:
    """A list that comes whole."""
    return type(name, (Open,), {"items": several(item), "__doc__": f"The whole list. Items: {item.__name__}."})


__all__ = [
    "Count",
    "Empty",
    "Fen",
    "Made",
    "Moment",
    "NoBody",
    "PageQuery",
    "Person",
    "PersonName",
    "Union",
    "UnionName",
    "ids",
    "listing",
    "maybe",
    "nested",
    "one_of",
    "perhaps",
    "said",
    "several",
    "texts",
    "unit",
    "whole",
]
