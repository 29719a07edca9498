"""A union that stands elsewhere keeps what it has used of limits per unit: counters are named by the union's path."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.benefits.services.past_uses import one_list_at_a_time
from cardnet.issuance import services as issuance
from cardnet.kernel.world import World
from cardnet.membership import services as membership

_ANY = text("""
    select exists (select from shared_counter where scope = 'org_unit' and starts_with(scope_key, :old)
                      and (used_n, held_n, used_fen, held_fen) is distinct from (0, 0, 0, 0))""")

# Whoever gives something back of these locks the redemption first, and then reads under which key it counts.
_LOCK = text("""
    select id from redemption
     where id in (select redemption_id from usage_entry where scope = 'org_unit' and starts_with(scope_key, :old))
     order by id for update""")

_RENAME_KEYS = text("""
    with carried as materialized (
        select e.redemption_id, e.program_id, e.limit_code, e.period, e.scope_key, e.person_id, max(e.act) as act,
               :new || substr(e.scope_key, length(:old) + 1) as new_key,
               sum(e.used_n) as used_n, sum(e.held_n) as held_n, sum(e.used_fen) as used_fen, sum(e.held_fen) as held_fen
          from usage_entry e where e.scope = 'org_unit' and starts_with(e.scope_key, :old)
         group by 1, 2, 3, 4, 5, 6
        having (sum(e.used_n), sum(e.held_n), sum(e.used_fen), sum(e.held_fen)) is distinct from (0, 0, 0, 0)
    ), locked as materialized (
        select * from shared_counter
         where scope = 'org_unit' and starts_with(scope_key, :old)
           and (used_n, held_n, used_fen, held_fen) is distinct from (0, 0, 0, 0)
         order by program_id, limit_code, period, scope, scope_key for update
    ), emptied as (
        update shared_counter c set used_n = 0, held_n = 0, used_fen = 0, held_fen = 0
          from locked l
         where (c.program_id, c.limit_code, c.period, c.scope, c.scope_key)
             = (l.program_id, l.limit_code, l.period, l.scope, l.scope_key)
    ), given as (
        insert into shared_counter as k (program_id, limit_code, period, scope, scope_key, used_n, held_n, used_fen, held_fen,
                                         max_n, max_fen)
        select program_id, limit_code, period, scope, :new || substr(scope_key, length(:old) + 1), used_n, held_n, used_fen,
               held_fen, max_n, max_fen
          from locked order by program_id, limit_code, period, scope_key
            on conflict (program_id, limit_code, period, scope, scope_key) do update set
               used_n = k.used_n + excluded.used_n, held_n = k.held_n + excluded.held_n,
               used_fen = k.used_fen + excluded.used_fen, held_fen = k.held_fen + excluded.held_fen
    )
    insert into usage_entry (redemption_id, act, program_id, limit_code, person_id, scope, scope_key, period,
                             used_n, held_n, used_fen, held_fen)
    select redemption_id, act + step, program_id, limit_code, person_id, 'org_unit',
           case step when 1 then scope_key else new_key end, period,
           used_n * sign, held_n * sign, used_fen * sign, held_fen * sign
      from carried cross join (values (1, -1), (2, 1)) as t(step, sign)""")


def move_union(session: Session, world: World, command: membership.MoveUnion) -> issuance.Moved:
    """Put a union below another one; what it has used of limits per unit stays used (`issuance.move_union`).

    A merger carries nothing of this: the successor's limit is its own, counted as before, and its new members use what
    is left of it; what the merged union had used stays under its name and can still be given back.
    """
    moved = issuance.move_union(session, world, command)
    given = {"old": moved.was, "new": moved.union.path}
    # A list of uses from before that is taken in or back writes entries of the same uses.
    one_list_at_a_time(session)
    if session.scalar(_ANY, given):
        for statement in (_LOCK, _RENAME_KEYS):
            session.execute(statement, given)
    return moved
