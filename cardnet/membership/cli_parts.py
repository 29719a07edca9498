"""What commands share: options, who acts, one JSON document or one sentence, the reader's language."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from sqlalchemy.orm import Session

from cardnet.access.rules import Principal, Role, in_scope
from cardnet.access.services import principal_of_username
from cardnet.kernel.db import transaction
from cardnet.kernel.errors import InvalidInput, NotAllowed, NotFound
from cardnet.kernel.phrasebook import Phrasebook
from cardnet.kernel.world import World
from cardnet.membership.english import Say, as_written
from cardnet.membership.rules import UnionNode
from cardnet.membership.services.unions import union_of_code, union_of_id
from cardnet.wiring import current_world

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
OUT = click.Path(dir_okay=False, writable=True, path_type=Path)


class _Site(click.ParamType[str]):
    """The address of this site as others open it, without what comes after the host."""

    name = "site"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Without a scheme or a host nobody could open what is made of it."""
        parts = urlsplit(value.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            self.fail("网址要写完整，例如 https://card.example.org。", param, ctx)
        return value.strip().rstrip("/")


SITE = _Site()
DAY = click.DateTime(["%Y-%m-%d"])
json_option = click.option("--json", "as_json", is_flag=True, help="只输出一份 JSON。")
officer_option = click.option("--as", "username", required=True, help="经办人员的账号。")
unit_option = click.option("--unit", "unit_code", default=None, help="工会编码；不写为账号所在的工会。")
words_option = click.option("--words", default="", help="说明，会记录在案。")


def language_option(*books: Phrasebook) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--language`, which hands the command a `Say`: what the check of a file found, in English by the first book that has it."""

    def in_english(sentence: str) -> str:
        return next((said for book in books if (said := book.english(sentence))), sentence)

    return click.option(
        "--language",
        "say",
        type=click.Choice(["zh", "en"]),
        default="zh",
        callback=lambda _ctx, _option, chosen: in_english if chosen == "en" else as_written,
        help="检查结果的语言：zh 中文（默认），en 英文；表里的列名和填法仍是中文。",
    )


@dataclass(frozen=True)
class Desk:
    """Who acts, and in what: the transaction ends with the block."""

    session: Session
    world: World
    officer: Principal

    def unit(self, code: str | None) -> UnionNode:
        """The union with this code inside the account's scope; without one, the account's own.

        Raises NotFound("unit_unknown"), also for one outside: nobody learns which.
        """
        if code is None:
            return union_of_id(self.session, self.officer.union_id)
        found = union_of_code(self.session, code)
        if not in_scope(self.officer.scope_path, found.path):
            raise NotFound("unit_unknown", f"您的管理范围内没有编码为“{code}”的工会，请核对编码。")
        return found


@contextmanager
def acting(username: str, *roles: Role) -> Iterator[Desk]:
    """The account a command names, in a transaction; with `roles`, one that has one of them.

    Raises NotFound("account_unknown"), NotAllowed("role_missing").
    """
    with transaction() as session:
        officer = principal_of_username(session, username)
        if roles and not officer.has(*roles):
            raise NotAllowed("role_missing", f"账号 {officer.username} 没有办理这件事的角色，请换有权限的账号。")
        yield Desk(session, current_world(), officer)


def say(document: object) -> None:
    """The one JSON document of a command."""
    click.echo(json.dumps(document, ensure_ascii=False, default=_plain))


def tell(document: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    """What a command did: the document for a program, the sentence for a person."""
    if as_json:
        say(document)
    else:
        click.echo(sentence)


@contextmanager
def refused_in(say: Say) -> Iterator[None]:
    """Why a file cannot be read at all, in the reader's language."""
    try:
        yield
    except InvalidInput as error:
        error.message = say(error.message)
        raise


def typed_id(text: str, code: str, what: str) -> uuid.UUID:
    """A number of ours as typed. Raises NotFound(`code`) with what there is none of."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound(code, f"没有{what}“{text[:40]}”，请核对。") from None


def typed_day(at: datetime | None) -> date | None:
    """The day of a date option."""
    return at.date() if at else None


@contextmanager
def written_whole(out: Path) -> Iterator[Path]:
    """A file beside `out` that takes its place when the block ends, and never exists half."""
    unfinished = out.with_name(out.name + ".part")
    try:
        yield unfinished
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)


def _plain(value: object) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    raise TypeError(f"{type(value)} does not belong into a document.")
