"""What must hold of settlements and reconciliation, each as one query that returns no row while it does.

L12's other half (no movement is settled twice) is a unique key; L13's other half (hash and signature) is in
`services.audit`, because PostgreSQL knows no Ed25519.
"""

INVARIANTS: dict[str, tuple[str, str]] = {
    "L5": (
        "应付商户款等于核销减撤销、退款，再减已结算",
        """
        select a.owner_id as merchant_id, -coalesce(sum(p.amount), 0) as payable,
               coalesce(-sum(p.amount) filter (where e.kind <> 'settlement'), 0) - coalesce(max(s.net), 0) as should_be
        from ledger_account a
        join posting p on p.account_id = a.id
        join entry e on e.id = p.entry_id
        left join (select merchant_id, sum(net_fen) as net from settlement group by 1) s on s.merchant_id = a.owner_id
        where a.code = '2001'
        group by a.owner_id
        having coalesce(sum(p.amount) filter (where e.kind = 'settlement'), 0) <> coalesce(max(s.net), 0)""",
    ),
    "L12": (
        "已结算日子里的每一分核销，恰在一张结算单里，或有理由暂缓",
        """
        with until as (select merchant_id, max(last_on) as last_on, sum(net_fen) as net from settlement group by 1),
        booked as (
          select u.merchant_id, -sum(p.amount) as fen
          from until u
          join ledger_account a on a.owner_id = u.merchant_id and a.code = '2001'
          join posting p on p.account_id = a.id
          join entry e on e.id = p.entry_id and e.kind in ('capture', 'reversal', 'refund') and e.business_date <= u.last_on
          group by 1),
        waiting as (
          select distinct on (id, type) * from (
            select merchant_id, redemption_id as id, type, business_date, net_fen from held_back
            union all
            select f.merchant_id, f.id, f.kind, f.business_date, -f.union_fen from refund f
            where f.kind in ('reversal', 'refund')
              and exists (select from held_back h where h.redemption_id = f.redemption_id and h.type = 'capture')) w
          order by id, type),
        held as (
          select h.merchant_id, sum(h.net_fen) as fen from waiting h join until u using (merchant_id)
          where h.business_date <= u.last_on
            and not exists (select from settlement_line l where l.redemption_id = h.id and l.type = h.type)
          group by 1)
        select u.merchant_id, b.fen as booked, u.net as settled, coalesce(h.fen, 0) as held_back
        from until u left join booked b using (merchant_id) left join held h using (merchant_id)
        where coalesce(b.fen, 0) <> u.net + coalesce(h.fen, 0)""",
    ),
    "L13": (
        "结算单的合计等于各行之和，前后相接，入账金额相同",
        """
        select s.number, s.net_fen, l.net as lines_net
        from settlement s
        cross join lateral (
          select count(*) as lines, sum(net_fen) as net, min(line_no) as first, max(line_no) as last,
                 coalesce(sum(union_fen) filter (where type = 'capture'), 0) as captured,
                 coalesce(sum(union_fen) filter (where type = 'reversal'), 0) as reversed,
                 coalesce(sum(union_fen) filter (where type = 'refund'), 0) as refunded,
                 max(business_date) as last_on
          from settlement_line where settlement_id = s.id) l
        left join settlement p on p.id = s.previous_id
        left join lateral (
          select -sum(amount) as fen from posting o join ledger_account a on a.id = o.account_id
          where o.entry_id = s.entry_id and a.code = '2002' and a.owner_id = s.merchant_id) posted on true
        where (l.lines, l.net, l.captured, l.reversed, l.refunded)
                is distinct from (s.lines, s.net_fen, s.captured_fen, s.reversed_fen, s.refunded_fen)
           or l.first <> 1 or l.last <> l.lines or l.last_on > s.last_on
           or p.id is not null and (p.merchant_id <> s.merchant_id or p.last_on <> s.first_on - 1)
           or s.previous_id is null and exists (
                select from settlement o where o.merchant_id = s.merchant_id and o.last_on < s.last_on)
           or coalesce(posted.fen, 0) <> s.net_fen""",
    ),
    "L14": (
        "一行至多在一个有效配对里，配对两边金额相等",
        """
        select m.run_id, m.match_no from reconciliation_match m join reconciliation_run r on r.id = m.run_id
        where m.live and r.superseded_by is not null
        union all
        select m.run_id, m.match_no
        from reconciliation_match m
        join reconciliation_run r on r.id = m.run_id and r.basis = 'union_fen'
        join settlement_line o on o.redemption_id = m.our_id and o.type = m.our_type
        join statement_line t on t.file_id = m.file_id and t.line = m.line
        where m.live
        group by 1, 2 having sum(o.union_fen) <> sum(t.amount_fen)""",
    ),
}
