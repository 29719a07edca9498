"""What must hold of the ledger, each as one query that returns no row while it does."""

INVARIANTS: dict[str, tuple[str, str]] = {
    "L1": (
        "每笔分录至少两行、没有零额、各账簿借贷相抵",
        """
        select e.id, p.ledger, sum(p.amount) as off, count(*) as lines from entry e left join posting p on p.entry_id = e.id
        group by e.id, p.ledger
        having sum(p.amount) is distinct from 0 or bool_or(p.amount = 0)
        union all
        select e.id, null, null, count(p.line) from entry e left join posting p on p.entry_id = e.id
        group by e.id having count(p.line) < 2""",
    ),
    "L2": (
        "分录不可改、不可删：两张表的触发器都在且启用",
        """
        select t as "table" from unnest(array['entry', 'posting']) t
        where not exists (select from pg_trigger where tgrelid = t::regclass and tgname = t || '_append_only'
          and tgenabled in ('O', 'A')
          and tgtype & 56 = 56 and tgtype & 2 = 2)  -- before; insert is 4, delete 8, update 16, truncate 32
        """,
    ),
    "L3": (
        "每个业务日、每本账簿的全部分录合计为零",
        """
        select e.business_date, p.ledger, sum(p.amount) as off from entry e join posting p on p.entry_id = e.id
        group by 1, 2 having sum(p.amount) <> 0""",
    ),
    "L7": (
        "每个资金池各片之和等于可用数，下达、可用、预留、已用四户相抵，没有负片",
        """
        select p.code, s.available, b.available as booked, b.total as off
        from pool p
        cross join lateral (select coalesce(sum(available), 0) as available, min(available) as least
                            from pool_slice where pool_id = p.id) s
        cross join lateral (select coalesce(-sum(o.amount) filter (where a.code = '8002'), 0) as available,
                                   coalesce(sum(o.amount), 0) as total
                            from ledger_account a join posting o on o.account_id = a.id
                            where a.owner_id = p.id and a.code in ('8001', '8002', '8003', '8004')) b
        where s.available <> b.available or b.total <> 0 or s.least < 0""",
    ),
    "L11": (
        "业务日是受理时刻的北京日期，已结的日子里没有后来的分录",
        """
        select e.id, e.business_date from entry e left join business_day d on d.day = e.business_date and d.state = 'closed'
        where e.business_date is distinct from (e.accepted_at at time zone 'Asia/Shanghai')::date
           or not pg_visible_in_snapshot(e.xact::text::xid8, d.sealed_snapshot::pg_snapshot)""",
    ),
    "ledger_account": (
        "每行分录都记在会计科目表里的户头上，账簿一致",
        """
        select p.entry_id, p.line from posting p left join ledger_account a on a.id = p.account_id
        where a.ledger is distinct from p.ledger
        union all
        select p.entry_id, p.line from posting p where not exists (select from entry e where e.id = p.entry_id)""",
    ),
}
