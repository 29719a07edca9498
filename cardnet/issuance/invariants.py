"""What must hold of quota, applications and cards at any moment, as SQL that finds the breaches.

`cardnet audit` runs every statement; each returns no row when its sentence is true.
"""

INVARIANTS: dict[str, tuple[str, str]] = {
    "Q1": (
        "名额不为负，已占用、已使用、已下达之和不超过收到的名额",
        """
        select id, received, passed_down, held, used from quota_node
         where received < 0 or passed_down < 0 or held < 0 or used < 0 or held + used + passed_down > received
        """,
    ),
    "Q2": (
        "全树收到减下达之和等于核定给根的名额",
        """
        select n.year, n.kind, sum(n.received - n.passed_down) as in_tree, g.granted
          from quota_node n
          left join (select r.year, r.kind, sum(e.received) as granted
                  from quota_entry e join quota_node r on r.id = e.node_id
                 where e.kind = 'grant' group by r.year, r.kind) g using (year, kind)
         group by n.year, n.kind, g.granted having sum(n.received - n.passed_down) <> coalesce(g.granted, 0)
        """,
    ),
    "Q3": (
        "每个节点下达的名额等于直属下级收到的名额之和",
        """
        select p.id, p.passed_down, coalesce(sum(c.received), 0) as received_below
          from quota_node p left join quota_node c on c.parent_id = p.id
         group by p.id having p.passed_down <> coalesce(sum(c.received), 0)
        """,
    ),
    "Q4": (
        "已使用的名额等于用它发出的新卡数",
        """
        select n.id, n.used, count(c.id) as cards
          from quota_node n
          left join application a on a.quota_node_id = n.id and a.state = 'issued'
          left join card c on c.application_id = a.id and c.quota_year = n.year
         where n.kind = 'new_card'
         group by n.id having n.used <> count(c.id)
        union all
        select a.quota_node_id, null, null from application a
         where a.state = 'issued' and a.kind = 'new' and a.quota_node_id is null
        union all
        select c.id, null, null from card c join application a on a.id = c.application_id
         where a.kind = 'new' and (a.state <> 'issued' or c.quota_year is distinct from a.quota_year)
        """,
    ),
    "Q5": (
        "每个占用的名额恰有一份未办结的申请",
        """
        select n.id, n.held, count(a.id) as applications
          from quota_node n
          left join application a on a.quota_node_id = n.id
               and (a.state in ('submitted', 'in_review', 'returned', 'approved')
                    or (a.state = 'waitlisted' and a.offer_until is not null))
         where n.kind = 'new_card'
         group by n.id having n.held <> count(a.id)
        union all
        select a.id, null, null from application a
         where a.quota_node_id is not null and a.state in ('draft', 'rejected', 'withdrawn', 'lapsed')
        union all
        select a.id, null, null from application a
         where a.quota_node_id is null and a.kind = 'new' and a.state in ('submitted', 'in_review', 'approved')
        union all
        select a.id, null, null from application a join quota_node n on n.id = a.quota_node_id
         where n.union_id <> a.union_id or n.year <> a.quota_year or n.kind <> 'new_card'
        union all
        select a.id, null, null from application a
         where (a.offer_until is not null) <> (a.state = 'waitlisted' and a.quota_node_id is not null)
        """,
    ),
    "Q6": (
        "有空闲名额时没有人在候补",
        """
        select n.id, n.received - n.passed_down - n.held - n.used as free, count(a.id) as waiting
          from quota_node n
          join application a on a.union_id = n.union_id and a.quota_year = n.year
               and a.state = 'waitlisted' and a.offer_until is null
         where n.kind = 'new_card' and n.received - n.passed_down - n.held - n.used > 0 and not n.closed
         group by n.id
        union all
        select a.id, 0, 1 from application a
          join quota_year y on y.year = a.quota_year and y.kind = 'new_card' and y.state = 'closed'
         where a.kind = 'new' and a.state in ('submitted', 'in_review', 'returned', 'approved', 'waitlisted')
        """,
    ),
    "Q7": (
        "每个名额计数等于其明细之和",
        """
        select n.id from quota_node n left join quota_entry e on e.node_id = n.id
         group by n.id
        having (n.received, n.passed_down, n.held, n.used) is distinct from
               (coalesce(sum(e.received), 0), coalesce(sum(e.passed_down), 0), coalesce(sum(e.held), 0),
                coalesce(sum(e.used), 0))
        """,
    ),
    "K1": (
        "同一人在任何一天至多有一张可用的卡",
        """
        select a.person_id, a.id, b.id as other from card a
          join card b on b.person_id = a.person_id and b.id > a.id
               and daterange(a.valid_from, a.valid_to, '[]') && daterange(b.valid_from, b.valid_to, '[]')
         where a.state not in ('replaced', 'cancelled') and b.state not in ('replaced', 'cancelled')
        """,
    ),
    "K2": (
        "补换卡是一条不分叉的链，前后同属一人，被补换的卡不再可用",
        """
        select replaces_id as id from card where replaces_id is not null group by replaces_id having count(*) > 1
        union all
        select n.id from card n join card o on o.id = n.replaces_id
         where n.person_id <> o.person_id or n.issued_at < o.issued_at
            or (o.state not in ('replaced', 'cancelled') and n.valid_from <= o.valid_to)
        union all
        select o.id from card o where o.state = 'replaced' and not exists (select from card n where n.replaces_id = o.id)
        """,
    ),
    "K3": (
        "补卡和换卡不占用名额",
        """
        select id from application where kind <> 'new' and quota_node_id is not null
        union all
        select id from card where replaces_id is not null and quota_year is not null
        """,
    ),
    "K4": (
        "每张卡至多绑定一部手机（工会定为两部的至多两部）、一张实体卡，只有可用的卡才有有效绑定，状态名单与绑定一致",
        """
        select card_id from binding where state <> 'revoked' group by card_id, kind
        having count(*) > case kind when 'device' then coalesce((select phones from phone_policy), 1) else 1 end
        union all
        select b.card_id from binding b left join card_status s on s.card_index = b.card_index
         where b.recycled_at is null
           and coalesce(s.status, 0) <> case b.state when 'live' then 0 when 'revoked' then 1 else 2 end
        union all
        select b.card_id from binding b join card c on c.id = b.card_id
         where (b.state = 'live' and c.state not in ('ordered', 'produced', 'delivered', 'active'))
            or (b.state = 'suspended' and c.state <> 'suspended')
        """,
    ),
    "R1": (
        "每个批次的行完整：表内人数、可提交、暂不办、需改正与保存的行一致，没有一行只存了一半",
        """
        select b.id from batch b left join roster_row r on r.batch_id = b.id
         group by b.id
        having count(r.row) <> b.rows
            or count(r.row) filter (where r.state in ('valid', 'warning')) <> b.valid
            or count(r.row) filter (where r.state = 'declined') <> b.declined
            or count(r.row) filter (where r.state = 'invalid') <> b.invalid
        union all
        select r.batch_id from roster_row r where r.state <> 'invalid' and r.person_id is null
        union all
        select j.id from roster_job j where (j.state = 'submitted') <> (j.batch_id is not null)
        """,
    ),
    "K5": (
        "补卡不动会员的次数和额度：前后同属一人，末日不变；换发的新卡从旧卡之后或提前启用之日起",
        """
        select n.id from card n join card o on o.id = n.replaces_id
          join card_event e on e.card_id = n.id and e.seq = 1
         where n.person_id <> o.person_id
            or (e.action = 'replace' and n.valid_to <> o.valid_to)
            or (e.action = 'renew' and n.valid_from <= o.valid_to and o.state not in ('replaced', 'cancelled'))
            or e.action not in ('replace', 'renew')
        """,
    ),
    "K6": (
        "激活过的卡记有方式和单位，使用中的卡都激活过；打印记录与实体卡码相符",
        """
        select id from card
         where (state = 'active' and activated_at is null)
            or (activated_at is not null and (activated_channel is null or activated_union_id is null))
        union all
        select r.id from print_run r left join binding b on b.print_run_id = r.id
         group by r.id having count(b.id) <> r.cards
        """,
    ),
    "K7": (
        "发放名单里签领过的卡都记有发放",
        """
        select l.handout_id as id from handout_line l join card c on c.id = l.card_id
         where l.signed_at is not null and c.delivered_at is null
        """,
    ),
    "K8": (
        "激活以后没有还等着的激活通知和激活单提醒",
        """
        select n.id from notice n join card c on c.id = n.subject_id
         where n.kind in ('activation_reminder', 'card_issued') and c.activated_at is not null
           and n.created_at < c.activated_at
           and (n.state = 'waiting' or (n.state = 'printed' and n.handed_out_at is null))
        """,
    ),
    "K9": (
        "补卡、换卡的申请一张卡至多一份在办，发出的新卡正是接替它的那张",
        """
        select a.replaces_card_id as id from application a
         where a.replaces_card_id is not null and a.state = any('{draft,submitted,in_review,returned,waitlisted,approved}')
         group by a.replaces_card_id having count(*) > 1
        union all
        select a.id from application a left join card c on c.application_id = a.id
         where a.kind <> 'new' and a.state = 'issued' and c.replaces_id is distinct from a.replaces_card_id
        union all
        select a.id from application a where (a.kind = 'new') <> (a.replaces_card_id is null)
        """,
    ),
    "V1": (
        "同一人对一份申请只在一级办理，提交人不审核，受托代办也一样",
        """
        select e.application_id as id, e.seq, f.seq as other
          from application_event e join application_event f using (application_id)
         where f.action in ('pass_on', 'approve', 'return', 'reject') and f.review_path is not null and e.seq < f.seq
           and e.review_path is distinct from f.review_path
           and e.action in ('submit', 'queue', 'resubmit', 'pass_on', 'approve', 'return', 'reject')
           and (e.actor_id in (f.actor_id, f.on_behalf_of) or e.on_behalf_of in (f.actor_id, f.on_behalf_of))
        """,
    ),
    "V2": (
        "等审核的申请都在某一级，其余都不在任何一级；期限和提醒只属于等审核的",
        """
        select id from application
         where (review_path is not null) <> (state in ('submitted', 'in_review'))
            or (review_path is not null and not starts_with(path, review_path))
            or (escalated_at is not null and review_path is null)
            or (state = 'returned') <> (hold_until is not null)
        """,
    ),
    "H1": (
        "每份申请和每张卡的记录连续无缺，末条即现状",
        """
        select a.id from application a left join application_event e on e.application_id = a.id
         group by a.id
        having count(e.seq) <> a.events or coalesce(max(e.seq), 0) <> a.events
            or (array_agg(e.to_state order by e.seq desc))[1] is distinct from a.state
        union all
        select c.id from card c left join card_event e on e.card_id = c.id
         group by c.id
        having count(e.seq) <> c.events or coalesce(max(e.seq), 0) <> c.events
            or (array_agg(e.to_state order by e.seq desc))[1] is distinct from c.state
        """,
    ),
}
