"""Bad codes in a row: a terminal that sends too many in a minute has to wait one."""

import uuid

from sqlalchemy.orm import Session

from cardnet.kernel.world import World
from cardnet.merchants.rules import LOCKOUT
from cardnet.merchants.services.callers import forget_terminal

_COUNT = """
insert into terminal_lockout as l (terminal_id, since, failed) values (%(terminal_id)s, %(at)s, 1)
on conflict (terminal_id) do update set
  since = case when l.since <= %(at)s - %(window)s then %(at)s else l.since end,
  failed = case when l.since <= %(at)s - %(window)s then 1 else l.failed + 1 end,
  locked_until = case when l.since > %(at)s - %(window)s and l.failed + 1 >= %(most)s then %(at)s + %(window)s
                      else l.locked_until end
returning failed >= %(most)s"""


def count_bad_code(session: Session, world: World, terminal_id: uuid.UUID, most: int) -> bool:
    """Count a code nobody's card can have shown; the `most`-th within a minute locks the terminal. Says whether it did."""
    given = {"terminal_id": terminal_id, "at": world.now(), "window": LOCKOUT, "most": most}
    locked = bool(session.connection().exec_driver_sql(_COUNT, given).scalar_one())
    if locked:
        forget_terminal(session, terminal_id)
    return locked
