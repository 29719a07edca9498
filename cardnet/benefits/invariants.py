"""What must hold of benefits, each as one query that returns no row while it does."""

INVARIANTS: dict[str, tuple[str, str]] = {
    "L6": (
        "每笔核销：核销不超预留，撤销加退款不超核销，状态与明细和分录一致",
        """
        select r.id, r.state from redemption r
        left join lateral (select coalesce(sum(b.benefit_fen), 0) as fen, coalesce(sum(b.union_fen), 0) as union_fen,
                                  coalesce(sum(b.refunded_fen), 0) as refunded, coalesce(sum(b.refunded_union_fen), 0) as back
                           from redemption_benefit b where b.redemption_id = r.id) b on true
        left join lateral (select coalesce(sum(f.fen), 0) as fen, coalesce(sum(f.union_fen), 0) as union_fen,
                                  count(*) filter (where f.kind = 'reversal') as reversals
                           from refund f where f.redemption_id = r.id and f.kind <> 'release') f on true
        left join lateral (select coalesce(-sum(p.amount), 0) as owed
                           from entry e join posting p on p.entry_id = e.id join ledger_account a on a.id = p.account_id
                           where e.source_id = r.id and a.code = '2001') e on true
        where r.captured_fen > r.held_fen or r.refunded_fen > r.captured_fen
           or r.refunded_fen <> f.fen or r.refunded_fen <> b.refunded or f.union_fen <> b.back
           or (r.state in ('captured', 'partly_refunded', 'refunded') and r.captured_fen <> b.fen)
           or r.state <> case when r.state in ('held', 'expired', 'refused') then r.state
                              when r.captured_fen = 0 then 'reversed'
                              when f.reversals > 0 then 'reversed'
                              when r.refunded_fen = 0 then 'captured'
                              when r.refunded_fen < r.captured_fen then 'partly_refunded' else 'refunded' end
           or (r.captured_fen > 0 and e.owed <> b.union_fen - b.back) or (r.captured_fen = 0 and e.owed <> 0)""",
    ),
    "L8": (
        "每个限额：计数等于各笔用量之和，每次使用对应一笔有效核销，不超过限额",
        """
        with entries as (
          select e.person_id, e.program_id, e.limit_code, e.period, e.scope, e.scope_key,
                 sum(e.used_n) as used_n, sum(e.held_n) as held_n, sum(e.used_fen) as used_fen, sum(e.held_fen) as held_fen
          from usage_entry e group by 1, 2, 3, 4, 5, 6),
        people as (
          select program_id, limit_code, period, scope, scope_key, person_id, used_n, held_n, used_fen, held_fen
          from entries where scope = 'person'),
        groups as (
          select program_id, limit_code, period, scope, scope_key, sum(used_n) as used_n, sum(held_n) as held_n,
                 sum(used_fen) as used_fen, sum(held_fen) as held_fen
          from entries where scope <> 'person' group by 1, 2, 3, 4, 5)
        select coalesce(u.program_id, p.program_id) as program, coalesce(u.limit_code, p.limit_code) as limit_code
        from usage u full join people p using (person_id, program_id, limit_code, period)
        where (u.used_n, u.held_n, u.used_fen, u.held_fen) is distinct from (p.used_n, p.held_n, p.used_fen, p.held_fen)
           or u.used_n + u.held_n > u.max_n or u.used_fen + u.held_fen > u.max_fen
        union all
        select coalesce(u.program_id, p.program_id), coalesce(u.limit_code, p.limit_code)
        from shared_counter u full join groups p using (program_id, limit_code, period, scope, scope_key)
        where (u.used_n, u.held_n, u.used_fen, u.held_fen) is distinct from (p.used_n, p.held_n, p.used_fen, p.held_fen)
           or u.used_n + u.held_n > u.max_n or u.used_fen + u.held_fen > u.max_fen
        union all
        select e.program_id, e.limit_code from (
          select redemption_id, program_id, limit_code, sum(used_n) as used_n, sum(held_n) as held_n
          from usage_entry group by 1, 2, 3) e
        left join redemption r on r.id = e.redemption_id
        left join (past_use p join past_use_import i on i.id = p.import_id) on p.id = e.redemption_id
        where case when p.id is null
                   then (e.held_n <> 0) <> (r.state is not distinct from 'held')
                        or e.used_n not in (0, 1) or (e.used_n = 1 and r.state not in ('captured', 'partly_refunded'))
                        or r.id is null
                   else e.held_n <> 0 or e.used_n <> case when i.taken_back_at is null then p.times else 0 end end""",
    ),
    "B1": (
        "每个资金池：预留与已用不为负，合计不超过下达",
        """
        select p.code, b.held, b.used, b.granted from pool p
        cross join lateral (
          select coalesce(sum(o.amount) filter (where a.code = '8001'), 0) as granted,
                 coalesce(-sum(o.amount) filter (where a.code = '8003'), 0) as held,
                 coalesce(-sum(o.amount) filter (where a.code = '8004'), 0) as used
          from ledger_account a join posting o on o.account_id = a.id where a.owner_id = p.id) b
        where b.held < 0 or b.used < 0 or b.held + b.used > b.granted""",
    ),
    "B4": (
        "每笔核销：各项优惠之和等于优惠总额，分摊到明细的不超过该行金额",
        """
        select r.id from redemption r
        join lateral (select coalesce(sum(b.benefit_fen), 0) as fen, coalesce(sum(b.union_fen), 0) as union_fen
                      from redemption_benefit b where b.redemption_id = r.id) b on true
        left join lateral (select sum(l.benefit_fen) as fen, sum(l.amount_fen) as amount, count(*) as lines
                           from redemption_line l where l.redemption_id = r.id) l on true
        where r.discount_fen + r.subsidy_fen <> b.fen or r.union_fen <> b.union_fen
           or (l.lines > 0 and (l.fen <> b.fen or l.amount <> r.amount_fen))""",
    ),
    "B8": (
        "不能享受的都有原因，享受的都写明执行标准版次与摘要",
        """
        select r.id from redemption r where r.state = 'refused' and coalesce(jsonb_array_length(r.reasons), 0) = 0
        union all
        select r.id from redemption r where r.state <> 'refused'
          and not exists (select from redemption_benefit b join rule_version v on v.id = b.rule_version_id
                          where b.redemption_id = r.id and v.status in ('approved', 'retired'))
        union all
        select r.id from redemption r where not exists (select from decision d where d.redemption_id = r.id)""",
    ),
    "proof": (
        "每个动态码最多成就一笔核销，在别处用过而由工会承担的除外",
        """
        select r.card_index, r.proof_id from redemption r where r.state <> 'refused' and r.proof_id is not null
          and not r.borne
        group by 1, 2 having count(*) > 1
        union all
        select r.card_index, r.proof_id from redemption r where r.state <> 'refused' and r.proof_id is not null
        group by 1, 2, r.merchant_id having count(*) > 1
        union all
        select r.card_index, r.proof_id from redemption r left join proof_used p
          on p.card_index = r.card_index and p.proof_id = r.proof_id
        where r.state <> 'refused' and r.proof_id is not null
          and (p.card_index is null or p.redemption_id is distinct from r.id and not r.borne)""",
    ),
    "printed": (
        "每人的实体卡每天至多一笔有效核销，试错不超过五次",
        """
        select r.person_id, (r.event_at at time zone 'Asia/Shanghai')::date as day, count(*)
        from redemption r where r.assurance = 'printed' and r.state not in ('refused', 'reversed', 'expired')
        group by 1, 2 having count(*) > 1
        union all
        select r.person_id, (r.event_at at time zone 'Asia/Shanghai')::date, null
        from redemption r left join printed_day d
          on d.person_id = r.person_id and d.day = (r.event_at at time zone 'Asia/Shanghai')::date
        where r.assurance = 'printed' and r.state not in ('refused', 'reversed', 'expired')
          and d.redemption_id is distinct from r.id
        union all
        select d.person_id, d.day, d.wrong from printed_day d left join redemption r on r.id = d.redemption_id
        where d.redemption_id is not null and (r.id is null or r.state in ('refused', 'reversed', 'expired'))""",
    ),
    "merchant_reference": (
        "商户单号在有效核销中不重复",
        """
        select r.merchant_id, r.merchant_ref from redemption r
        where r.merchant_ref is not null and r.state not in ('refused', 'reversed', 'expired')
        group by 1, 2 having count(*) > 1""",
    ),
    "A1": (
        "每条离线记录：接受的恰有一笔核销，由会员码、商户与金额对应；超限的都立了差异；待核定的最多一个结论",
        """
        with settled as (
          select a.id, a.merchant_id, a.merchant_ref, a.terminal_id, a.terminal_seq, a.outcome, a.code, a.redemption_id,
                 a.occurred_at as at
          from advice a where a.outcome in ('captured', 'captured_with_exception')
          union all
          select a.id, a.merchant_id, a.merchant_ref, a.terminal_id, a.terminal_seq, v.outcome, v.code, v.redemption_id,
                 v.happened_at
          from advice_review v join advice a on a.id = v.advice_id where v.kind = 'accept' and v.state = 'done')
        select s.id, 'redemption' as why from settled s left join redemption r on r.id = s.redemption_id
        where r.id is null or r.merchant_id <> s.merchant_id or r.merchant_ref <> s.merchant_ref
           or r.state in ('refused', 'held', 'expired') or r.event_at <> s.at
        union all
        select s.id, 'exception' from settled s where s.outcome = 'captured_with_exception'
          and not exists (select from advice_exception x where x.advice_id = s.id and x.code = 'E11' and x.fen > 0)
        union all
        select min(s.id::text)::uuid, 'twice' from settled s group by s.redemption_id having count(*) > 1
        union all
        select v.advice_id, 'review' from advice_review v join advice a on a.id = v.advice_id
        where a.outcome <> 'held_for_review' or v.state <> 'declined' and v.maker_id = v.checker_id
        union all
        select r.id, 'borne' from redemption r where r.borne
          and not exists (select from settled s where s.redemption_id = r.id and s.outcome = 'captured_with_exception')""",
    ),
    "A2": (
        "终端的离线序号：缺号都立了差异，立了差异的确实缺号；由人关闭的写明姓名和理由",
        """
        with numbers as (select distinct terminal_id, terminal_seq as n from advice
                          where code is distinct from 'signature_invalid'),
        holes as (select terminal_id, n + 1 as first, next - 1 as last from (
            select terminal_id, n, lead(n) over (partition by terminal_id order by n) as next from numbers) t
          where next > n + 1)
        select h.terminal_id, h.first, 'no exception' as why from holes h where not exists (
          select from advice_exception x where x.terminal_id = h.terminal_id and x.why = 'gap'
            and (x.closed_at is null or x.closed_by is not null) and x.first_seq <= h.first and x.last_seq >= h.last)
        union all
        select x.terminal_id, x.first_seq, 'nothing missing' from advice_exception x
        where x.why = 'gap' and x.closed_at is null and exists (
          select from numbers n where n.terminal_id = x.terminal_id and n.n between x.first_seq and x.last_seq)
        union all
        select x.terminal_id, x.first_seq, 'closed by nobody' from advice_exception x
        where x.why <> 'gap' and x.closed_at is not null and x.closed_by is null""",
    ),
    "rule_version": (
        "已批准的执行标准由另一人审批，触发器保护其内容",
        """
        select v.id::text from rule_version v
        where v.status in ('approved', 'retired') and (v.approver_id is null or v.approver_id = v.author_id)
        union all
        select 'trigger' where not exists (select from pg_trigger where tgrelid = 'rule_version'::regclass
          and tgname = 'rule_version_immutable' and tgenabled in ('O', 'A'))""",
    ),
    "bulletin": (
        "每期通报与发出时的散列值一致，更正是同一工会同一期的下一份，触发器保护其内容",
        """
        select b.id::text from bulletin_issue b left join bulletin_issue c on c.id = b.corrects_id
        where b.sha256 <> sha256(convert_to(b.content, 'UTF8'))
           or (c.id is not null
               and (c.union_id, c.year, c.number, c.edition + 1) <> (b.union_id, b.year, b.number, b.edition))
        union all
        select 'trigger' where not exists (select from pg_trigger where tgrelid = 'bulletin_issue'::regclass
          and tgname = 'bulletin_issue_append_only' and tgenabled in ('O', 'A'))""",
    ),
}
