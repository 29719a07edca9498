"""Posting entries. Everything here is set-based: any number of drafts is three statements."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from cardnet.kernel.calendar import day_of
from cardnet.kernel.errors import Unavailable
from cardnet.kernel.values import values_parameters, values_text
from cardnet.kernel.world import World
from cardnet.ledger.rules import OWNER_OF, Account, DayState, EntryKind, PostingLine, balanced


@dataclass(frozen=True, slots=True)
class EntryDraft:
    """An entry to be posted now. `source` names the kind of thing it comes from, `source_id` which one."""

    kind: EntryKind
    source: str
    source_id: uuid.UUID
    lines: Sequence[PostingLine]
    person_id: uuid.UUID | None = None
    memo: str | None = None
    maker_id: uuid.UUID | None = None
    checker_id: uuid.UUID | None = None


_ACCOUNTS = """
insert into ledger_account (id, code, ledger, owner_kind, owner_id)
select * from unnest(%(ids)s::uuid[], %(codes)s::text[], %(ledgers)s::text[], %(kinds)s::text[], %(owners)s::uuid[])
on conflict (id) do nothing"""

_ENTRIES = """
insert into entry (id, person_id, kind, source, source_id, memo, maker_id, checker_id, accepted_at)
select *, %(at)s from unnest(%(ids)s::uuid[], %(persons)s::uuid[], %(kinds)s::text[], %(sources)s::text[],
  %(source_ids)s::uuid[], %(memos)s::text[], %(makers)s::uuid[], %(checkers)s::uuid[])"""

_POSTINGS = """
insert into posting (entry_id, line, account_id, ledger, amount)
select * from unnest(%(entries)s::uuid[], %(lines)s::smallint[], %(accounts)s::uuid[], %(ledgers)s::text[],
  %(amounts)s::bigint[])"""

_DAY = "select state from business_day where day = %(day)s"


def post_entry(when: str) -> str:
    """One entry of a redemption as part of a larger statement; `when` is the condition it hangs on."""
    return f"""
  insert into entry (id, person_id, kind, source, source_id, accepted_at)
  select %(entry_id)s, %(person_id)s::uuid, %(entry_kind)s, 'redemption', %(id)s, %(at)s {when}"""


_LINE_TYPES = ("smallint", "uuid", "text", "bigint")


def post_lines(count: int, when: str) -> str:
    """Its `count` postings, as another part; the parameters of both come from `entry_parameters`."""
    return f"""
  insert into posting (entry_id, line, account_id, ledger, amount)
  select %(entry_id)s, line, account_id, ledger, amount
  from ({values_text("o", _LINE_TYPES, count)}) as o(line, account_id, ledger, amount) {when}"""  # noqa: S608


def entry_parameters(entry_id: uuid.UUID, kind: EntryKind, lines: Sequence[PostingLine]) -> dict[str, Any]:
    """Parameters of `post_entry` and `post_lines`. Raises ValueError when the lines do not balance."""
    if lines and not balanced(lines):
        raise ValueError("an entry has at least two lines, none zero, and balances in each ledger")
    postings = [
        (number, line.account.id, line.account.ledger.value, line.amount) for number, line in enumerate(lines, 1)
    ]
    return {"entry_id": entry_id, "entry_kind": kind.value} | values_parameters("o", postings)


def ensure_accounts(session: Session, accounts: Iterable[Account]) -> None:
    """Write the rows of accounts that are not there yet, in the order of their ids so that two writers cannot cross."""
    wanted = sorted({account.id: account for account in accounts}.items())
    if not wanted:
        return
    session.connection().exec_driver_sql(
        _ACCOUNTS,
        {
            "ids": [key for key, _ in wanted],
            "codes": [account.code.value for _, account in wanted],
            "ledgers": [account.ledger.value for _, account in wanted],
            "kinds": [str(OWNER_OF[account.code]) if account.owner_id else None for _, account in wanted],
            "owners": [account.owner_id for _, account in wanted],
        },
    )


def post(session: Session, world: World, *drafts: EntryDraft) -> list[uuid.UUID]:
    """Post entries in this transaction, dated now, and say their ids.

    Raises ValueError when one does not balance, and Unavailable("day_closing") when today is being closed.
    """
    if not drafts:
        return []
    for draft in drafts:
        if not balanced(draft.lines):
            raise ValueError(f"the {draft.kind} entry of {draft.source} {draft.source_id} does not balance")
    at = world.now()
    ids = [world.new_id() for _ in drafts]
    ensure_accounts(session, (line.account for draft in drafts for line in draft.lines))
    connection = session.connection()
    connection.exec_driver_sql(
        _ENTRIES,
        {
            "at": at,
            "ids": ids,
            "persons": [draft.person_id for draft in drafts],
            "kinds": [draft.kind.value for draft in drafts],
            "sources": [draft.source for draft in drafts],
            "source_ids": [draft.source_id for draft in drafts],
            "memos": [draft.memo for draft in drafts],
            "makers": [draft.maker_id for draft in drafts],
            "checkers": [draft.checker_id for draft in drafts],
        },
    )
    flat = [
        (entry_id, number, line)
        for entry_id, draft in zip(ids, drafts, strict=True)
        for number, line in enumerate(draft.lines, 1)
    ]
    connection.exec_driver_sql(
        _POSTINGS,
        {
            "entries": [entry_id for entry_id, _, _ in flat],
            "lines": [number for _, number, _ in flat],
            "accounts": [line.account.id for _, _, line in flat],
            "ledgers": [line.account.ledger.value for _, _, line in flat],
            "amounts": [line.amount for _, _, line in flat],
        },
    )
    # Asked after our first write: the close waits for every transaction that wrote before it looked.
    state = connection.exec_driver_sql(_DAY, {"day": day_of(at)}).scalar()
    if state not in (None, DayState.OPEN):
        raise day_is_closing()
    return ids


def day_is_closing() -> Unavailable:
    """A moment was taken on a day that has been closed meanwhile: sent again, it lands on the next day."""
    return Unavailable("day_closing", "正在日结，请稍候用同一请求再试一次。")
