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
}
