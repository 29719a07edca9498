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
}
