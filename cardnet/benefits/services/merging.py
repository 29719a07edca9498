"""Two files of one person become one: what the other file has used counts against the limits of the one that stays.

Redemptions stay under the file they were made with; counters move, by entries of their own, so that what is given back
later goes back to whoever carries it now (`changes`, `past_uses`: the latest entry says who).
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

from cardnet.issuance import services as issuance
from cardnet.kernel.world import World
from cardnet.membership.services import MergePeople, ids_of_person

# Whoever gives something back of these locks the redemption first, and then reads who carries it.
_LOCK = text("select id from redemption where person_id = any(:everyone) order by id for update")
_LOCK_PAST = text("select pg_advisory_xact_lock(hashtextextended('cardnet.past_uses', 0))")

_MOVE = text("""
    with taken as materialized (
        select * from usage where person_id = :other
           and (used_n, held_n, used_fen, held_fen) is distinct from (0, 0, 0, 0)
         order by program_id, limit_code, period for update
    ), emptied as (
        update usage u set used_n = 0, held_n = 0, used_fen = 0, held_fen = 0
          from taken t
         where (u.person_id, u.program_id, u.limit_code, u.period) = (t.person_id, t.program_id, t.limit_code, t.period)
    ), given as (
        insert into usage as k (person_id, program_id, limit_code, period, used_n, held_n, used_fen, held_fen, max_n, max_fen)
        select :keep, program_id, limit_code, period, used_n, held_n, used_fen, held_fen, max_n, max_fen from taken
         order by program_id, limit_code, period
            on conflict (person_id, program_id, limit_code, period) do update set
               used_n = k.used_n + excluded.used_n, held_n = k.held_n + excluded.held_n,
               used_fen = k.used_fen + excluded.used_fen, held_fen = k.held_fen + excluded.held_fen,
               -- Together they may have had more than one of them could: that stands, and nothing more is given.
               max_n = case when k.max_n is not null
                       then greatest(k.max_n, k.used_n + k.held_n + excluded.used_n + excluded.held_n) end,
               max_fen = case when k.max_fen is not null
                         then greatest(k.max_fen, k.used_fen + k.held_fen + excluded.used_fen + excluded.held_fen) end
    ), carried as (
        select e.redemption_id, e.program_id, e.limit_code, e.period, max(e.scope_key) as scope_key, max(e.act) as act,
               sum(e.used_n) as used_n, sum(e.held_n) as held_n, sum(e.used_fen) as used_fen, sum(e.held_fen) as held_fen
          from usage_entry e
         where e.scope = 'person' and e.person_id = :other
           and e.redemption_id in (select id from redemption where person_id = any(:people)
                                   union all select id from past_use where person_id = any(:people))
         group by 1, 2, 3, 4
    )
    insert into usage_entry (redemption_id, act, program_id, limit_code, person_id, scope, scope_key, period,
                             used_n, held_n, used_fen, held_fen)
    select redemption_id, act + step, program_id, limit_code, person_id, 'person', scope_key, period,
           used_n * sign, held_n * sign, used_fen * sign, held_fen * sign
      from carried cross join (values (1, cast(:other as uuid), -1), (2, cast(:keep as uuid), 1)) as t(step, person_id, sign)
     where (used_n, held_n, used_fen, held_fen) is distinct from (0, 0, 0, 0)""")


_JOIN = text("""
    with left_behind as (delete from family_member where person_id = :other returning family_id)
    insert into family_member (person_id, family_id) select :keep, family_id from left_behind
    on conflict (person_id) do nothing""")

# What a person used with a family goes where the person counts now; what the others of that family used stays.
_MOVE_FAMILY = text("""
    with target as (
        select coalesce((select family_id from family_member where person_id = :keep), cast(:keep as uuid))::text as key
    ), carried as materialized (
        select e.redemption_id, e.program_id, e.limit_code, e.period, e.scope_key, e.person_id, max(e.act) as act,
               sum(e.used_n) as used_n, sum(e.held_n) as held_n, sum(e.used_fen) as used_fen, sum(e.held_fen) as held_fen
          from usage_entry e
         where e.scope = 'family' and e.scope_key <> (select key from target)
           and e.redemption_id in (select id from redemption where person_id = any(:everyone)
                                   union all select id from past_use where person_id = any(:everyone))
         group by 1, 2, 3, 4, 5, 6
        having (sum(e.used_n), sum(e.held_n), sum(e.used_fen), sum(e.held_fen)) is distinct from (0, 0, 0, 0)
    ), sums as materialized (
        select program_id, limit_code, period, scope_key, sum(used_n) as used_n, sum(held_n) as held_n,
               sum(used_fen) as used_fen, sum(held_fen) as held_fen
          from carried group by 1, 2, 3, 4
    ), locked as materialized (
        select c.* from shared_counter c
         where c.scope = 'family' and (c.program_id, c.limit_code, c.period) in (select program_id, limit_code, period from sums)
           and c.scope_key in (select scope_key from sums union all select key from target)
         order by c.program_id, c.limit_code, c.period, c.scope, c.scope_key for update
    ), taken as (
        update shared_counter c set used_n = c.used_n - s.used_n, held_n = c.held_n - s.held_n,
               used_fen = c.used_fen - s.used_fen, held_fen = c.held_fen - s.held_fen
          from sums s join locked l using (program_id, limit_code, period, scope_key)
         where c.scope = 'family' and (c.program_id, c.limit_code, c.period, c.scope_key)
                                    = (s.program_id, s.limit_code, s.period, s.scope_key)
    ), given as (
        insert into shared_counter as k (program_id, limit_code, period, scope, scope_key, used_n, held_n, used_fen, held_fen,
                                         max_n, max_fen)
        select s.program_id, s.limit_code, s.period, 'family', (select key from target), sum(s.used_n), sum(s.held_n),
               sum(s.used_fen), sum(s.held_fen),
               case when max(l.max_n) is not null then greatest(max(l.max_n), sum(s.used_n + s.held_n)) end,
               case when max(l.max_fen) is not null then greatest(max(l.max_fen), sum(s.used_fen + s.held_fen)) end
          from sums s join locked l using (program_id, limit_code, period, scope_key)
         group by 1, 2, 3 order by 1, 2, 3
            on conflict (program_id, limit_code, period, scope, scope_key) do update set
               used_n = k.used_n + excluded.used_n, held_n = k.held_n + excluded.held_n,
               used_fen = k.used_fen + excluded.used_fen, held_fen = k.held_fen + excluded.held_fen,
               max_n = case when k.max_n is not null
                       then greatest(k.max_n, k.used_n + k.held_n + excluded.used_n + excluded.held_n) end,
               max_fen = case when k.max_fen is not null
                         then greatest(k.max_fen, k.used_fen + k.held_fen + excluded.used_fen + excluded.held_fen) end
    )
    insert into usage_entry (redemption_id, act, program_id, limit_code, person_id, scope, scope_key, period,
                             used_n, held_n, used_fen, held_fen)
    select c.redemption_id, c.act + step, c.program_id, c.limit_code, case step when 1 then c.person_id else :keep end,
           'family', case step when 1 then c.scope_key else (select key from target) end, c.period,
           c.used_n * sign, c.held_n * sign, c.used_fen * sign, c.held_fen * sign
      from carried c cross join (values (1, -1), (2, 1)) as t(step, sign)""")


def merge_people(session: Session, world: World, command: MergePeople) -> None:
    """One file from now on, with one count of each limit: who has had the year's health check in either file has had it.

    Of a limit per family the same: the person counts with the family of the file that stays, or else with the other's.
    Raises what `issuance.merge_people` raises.
    """
    issuance.merge_people(session, world, command)
    people = [one for one in ids_of_person(session, command.keep_id) if one != command.keep_id]
    given = {
        "keep": command.keep_id,
        "other": command.other_id,
        "people": people,
        "everyone": [command.keep_id, *people],
    }
    for statement in (_LOCK, _LOCK_PAST, _MOVE, _JOIN, _MOVE_FAMILY):
        session.execute(statement, given)
