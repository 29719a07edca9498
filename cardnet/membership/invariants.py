"""What must always hold of unions, people and answers: each query returns no row when it does."""

INVARIANTS: dict[str, tuple[str, str]] = {
    "U1": (
        "每个工会的路径等于上级的路径加自己的编码",
        "select u.code from union_node u left join union_node p on p.id = u.parent_id "
        "where u.path <> coalesce(p.path, '/') || u.code || '/'",
    ),
    "U2": (
        "一个人同一天只在一个工会",
        "select a.person_id from membership a join membership b on a.person_id = b.person_id and a.id < b.id "
        'and daterange(a."from", a."to") && daterange(b."from", b."to")',
    ),
    "U3": (
        "同一事项每人只有一个有效答复",
        "select person_id from consent where superseded_at is null group by person_id, purpose having count(*) > 1",
    ),
    "U4": (
        "经本人验证的手机号只属于一个人",
        "select phone_index from person where phone_verified_at is not null group by phone_index having count(*) > 1",
    ),
    "U5": (
        "会籍结束有原因，或由同一单位的下一段会籍接续",
        'select m.id from membership m where m."to" is not null and m.ended_as is null and not exists '
        '(select from membership n where n.person_id = m.person_id and n.union_id = m.union_id and n."from" = m."to" '
        "and n.id <> m.id)",
    ),
    "U6": (
        "身故的人没有会籍",
        'select p.id from person p join membership m on m.person_id = p.id and m."to" is null '
        "where p.deceased_on is not null",
    ),
    "U7": (
        "放行的转接在原单位结束会籍，当天在新单位开始",
        "select t.id from transfer_proposal t where t.state = 'released' and not exists "
        '(select from membership o join membership n on n.person_id = o.person_id and n."from" = o."to" '
        "where o.person_id = t.person_id and o.union_id = t.from_union_id and o.ended_as = 'transferred' "
        "and n.union_id = t.to_union_id)",
    ),
    "N1": (
        "每条通知恰有一个去向：等待的有时间或在纸上，发出的有回执，没发出的有原因，印出的只在纸上",
        "select id from notice where (state = 'sent' and (way = 'paper' or provider_id is null)) "
        "or (state = 'failed' and reason is null) or (state = 'printed' and printed_at is null) "
        "or (printed_at is not null and way <> 'paper') or (state = 'waiting' and way = 'paper' and printed_at is not null) "
        "or (handed_out_at is not null and state <> 'printed')",
    ),
    "N2": (
        "一天里同一个人只提醒一次；已故的人没有等着发的通知",
        "select min(id::text) from notice where kind = 'activation_reminder' group by person_id, day having count(*) > 1 "
        "union all select n.id::text from notice n join person p on p.id = n.person_id "
        "where n.next_try_at is not null and p.deceased_on is not null and n.created_at > p.deceased_on + 1",
    ),
    "N3": (
        "验证码和链接发出或过时以后，内容不再保存；每条恰有一个去向",
        "select id from direct_message where (state = 'waiting') <> (words is not null) "
        "or (state = 'sent' and provider_id is null) or (state = 'failed' and error is null)",
    ),
    "U8": (
        "并入的档案只指向一份还在用的档案，自己没有会籍",
        "select p.id from person p join person k on k.id = p.merged_into_id where k.merged_into_id is not null "
        'or exists (select from membership m where m.person_id = p.id and m."to" is null)',
    ),
}
