"""The demonstration's phone in the place of an SMS gateway: messages land in a table, and `/phone` shows them.

Set up by CARDNET_SIMULATED_PHONE only. Like a good gateway it takes a message sent again under the same key once.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.kernel.db import transaction
from cardnet.kernel.vault import vault_of
from cardnet.kernel.world import World
from cardnet.membership.notices.rules import Accepted, Message, Outcome, RefusedForGood

_PHONE, _WORDS = "simulated.phone", "simulated.words"
_MOST = 50


@dataclass(frozen=True)
class SimulatedPhone:
    """A phone somewhere; `sign` stands before the words as an operator puts it there."""

    world: World
    sign: str

    def send(self, message: Message) -> Outcome:
        """It arrives at once."""
        with transaction() as session:
            vault = vault_of(session)
            given = {
                "id": message.key,
                "phone": vault.seal(_PHONE, message.address),
                "index": vault.index(_PHONE, message.address),
                "words": vault.seal(_WORDS, f"【{self.sign}】{message.words}"),
                "at": self.world.now(),
            }
            session.execute(_RECEIVE, given)
        return Accepted(f"simulated-{message.key}")


ACCOUNT_OF = "demo-"
"""How an openid of the demonstration begins; the number of the phone follows."""


@dataclass(frozen=True)
class SimulatedAccount:
    """The official account on that phone: what it sends lies among the messages, by its own name."""

    phone: SimulatedPhone

    def send(self, message: Message) -> Outcome:
        """It arrives at once; an openid that is not of the demonstration follows no account."""
        if not message.address.startswith(ACCOUNT_OF):
            return RefusedForGood("wechat_43004")
        return self.phone.send(replace(message, address=message.address.removeprefix(ACCOUNT_OF)))


@dataclass(frozen=True)
class Received:
    """One message on a phone."""

    words: str
    at: datetime


def messages_on(session: Session, phone: str) -> tuple[Received, ...]:
    """What a number received, oldest first as a phone shows it; the last fifty."""
    vault = vault_of(session)
    rows = session.execute(_ON_PHONE, {"index": vault.index(_PHONE, phone), "most": _MOST}).all()
    return tuple(Received(vault.open(_WORDS, row.words), row.received_at) for row in reversed(rows))


def phones_with_messages(session: Session) -> tuple[tuple[str, Received], ...]:
    """The numbers that received something, the latest first, each with its last message."""
    vault = vault_of(session)
    return tuple(
        (vault.open(_PHONE, row.phone), Received(vault.open(_WORDS, row.words), row.received_at))
        for row in session.execute(_PHONES, {"most": _MOST})
    )


_RECEIVE = text("""
    insert into simulated_message (id, phone, phone_index, words, received_at)
    values (cast(:id as uuid), :phone, :index, :words, :at) on conflict (id) do nothing""")

_ON_PHONE = text("""
    select words, received_at from simulated_message where phone_index = :index
     order by received_at desc, id desc limit :most""")

_PHONES = text("""
    select phone, words, received_at
      from (select distinct on (phone_index) * from simulated_message order by phone_index, received_at desc, id desc) one
     order by received_at desc limit :most""")
