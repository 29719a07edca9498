"""What the acts of the trail were about, as people call it: a card's number, a union's name, a member's masked name."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping

from sqlalchemy.orm import Session

from cardnet.access import services as access
from cardnet.access.services import TrailLine
from cardnet.issuance import services as issuance
from cardnet.kernel.masking import name_for_list
from cardnet.membership import services as membership
from cardnet.membership.rules import code_of
from cardnet.merchants import services as merchants
from cardnet.web.changes import references

_Ids = Collection[uuid.UUID]

_MERCHANTS = "~"
"""How the scope of a merchant's accounts ends: `/YJ/~0199…/`."""


def names_in_words(session: Session, lines: Iterable[TrailLine]) -> Mapping[tuple[str, str], str]:
    """What the acts were about and what they name: by kind and id; what has no name of its own is left out.

    One question for each kind, not for each line.
    """
    wanted: dict[str, set[uuid.UUID]] = defaultdict(set)
    codes: dict[str, str] = {}
    for kind, text in _named(lines):
        if kind in _NAMES and (key := _id(text)):
            wanted[kind].add(key)
        elif kind == "union":
            codes[text] = code_of(text) if text.startswith("/") else text
            if codes[text].startswith(_MERCHANTS) and (key := _id(codes[text].removeprefix(_MERCHANTS))):
                wanted["merchant"].add(key)
    named = {(kind, str(key)): name for kind, ids in wanted.items() for key, name in _NAMES[kind](session, ids).items()}
    unions = membership.unions_of_codes(session, set(codes.values()))
    for text, code in codes.items():
        name = named.get(("merchant", code.removeprefix(_MERCHANTS))) if code not in unions else unions[code].name
        if name:
            named["union", text] = name
    return named


def _named(lines: Iterable[TrailLine]) -> Iterable[tuple[str, str]]:
    for line in lines:
        yield line.subject_kind, line.subject_id
        yield from references(line.action, line.before)
        yield from references(line.action, line.after)


def _id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _people(session: Session, ids: _Ids) -> Mapping[uuid.UUID, str]:
    return {key: name_for_list(person.name) for key, person in membership.people(session, ids).items()}


def _unions(session: Session, ids: _Ids) -> Mapping[uuid.UUID, str]:
    return {key: union.name for key, union in membership.unions_of_ids(session, ids).items()}


def _merchants(session: Session, ids: _Ids) -> Mapping[uuid.UUID, str]:
    return {one.id: one.name for one in merchants.merchants(session) if one.id in ids}


def _terminals(session: Session, ids: _Ids) -> Mapping[uuid.UUID, str]:
    found = merchants.venues_of_terminals(session, ids)
    return {key: f"{venue.merchant_name} {venue.terminal_code}" for key, venue in found.items()}


_NAMES: Mapping[str, Callable[[Session, _Ids], Mapping[uuid.UUID, str]]] = {
    "account": lambda session, ids: access.display_names(session, list(ids)),
    "batch": issuance.names_of_batches,
    "card": issuance.numbers_of_cards,
    "merchant": _merchants,
    "person": _people,
    "terminal": _terminals,
    "union": _unions,
}
