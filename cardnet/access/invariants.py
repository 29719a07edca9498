"""What always holds in the access tables: a sentence, and a statement that returns no row while it does."""

INVARIANTS: dict[str, tuple[str, str]] = {
    "A-DISABLED": (
        "停用的账号在停用之后没有再使用过任何会话或令牌",
        "select s.id from staff_session s join account a on a.id = s.account_id "
        "join (select subject_id, max(at) as at from audit_event where action = 'account.disable' group by subject_id) d "
        "on d.subject_id = a.id::text where a.state = 'disabled' and s.seen_at > d.at",
    ),
}
