"""What must hold of stored outcomes, as queries that return no row."""

INVARIANTS: dict[str, tuple[str, str]] = {
    "L10": (
        "每个商户的每个请求键只有一个已存结果，且一笔核销只属于一个请求键",
        "select merchant_id::text, key, 'no answer' as why from idempotency_key where status is null "
        "union all "
        "select merchant_id::text, min(key), 'one redemption, several keys' from idempotency_key "
        "where call = 'POST /redemptions' and subject_id is not null "
        "group by merchant_id, subject_id having count(*) > 1",
    ),
}
