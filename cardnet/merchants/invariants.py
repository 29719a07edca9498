"""What must hold of merchants, as queries that return no row."""

INVARIANTS: dict[str, tuple[str, str]] = {
    "M-TOKENS": (
        "每台终端至多有两个有效令牌",
        "select terminal_id, count(*) from terminal_token where revoked_at is null group by terminal_id having count(*) > 2",
    ),
    "M-TERMINAL": (
        "终端所属商户与其门店所属商户一致",
        "select t.id from terminal t join store s on s.id = t.store_id where s.merchant_id <> t.merchant_id",
    ),
    "M-AGREEMENT": (
        "商户的合同栏与最后一份合作协议一致",
        "select m.id from merchant m join lateral (select * from merchant_agreement a where a.merchant_id = m.id "
        "order by a.from_on desc limit 1) a on true where (m.contract_number, m.contract_signed_on, m.contract_from) "
        "is distinct from (a.number, a.signed_on, a.from_on) or m.contract_until is distinct from a.until_on",
    ),
    "M-BLACKLIST": (
        "黑名单里的信用代码没有正在合作的商户",
        "select m.id from merchant m join merchant_blacklist b on b.credit_code = m.credit_code "
        "where b.lifted_at is null and m.state = 'active'",
    ),
    "M-PAYEE": (
        "收款账户由填报以外的人通过",
        "select id from settlement_account where state = 'approved' and (decided_by is null or decided_by = proposed_by)",
    ),
}
