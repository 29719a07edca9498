"""What always holds in the credential's tables: a sentence, and a statement that returns no row while it does."""

INVARIANTS: dict[str, tuple[str, str]] = {
    "C-INDEX": (
        "发布过状态的卡序号都属于已启用的序号段",
        "select card_index from card_status s where not exists "
        "(select from card_index_block b where b.block = s.card_index / 65536)",
    ),
    "C-PACK": (
        "信任包的序号连续，签发时间不倒退",
        "select seq from (select seq, issued_at, lag(seq) over w as before, lag(issued_at) over w as earlier "
        "from trust_pack window w as (order by seq)) p "
        "where seq <> coalesce(before, 0) + 1 or issued_at < earlier",
    ),
    "C-REVOKED": (
        "吊销的签发密钥都在吊销之后重新发布过信任包",
        "select encode(kid, 'hex') as kid from issuer_key where use <> 'root' and revoked_at > "
        "coalesce((select max(issued_at) from trust_pack), '-infinity')",
    ),
    "C-FREE": (
        "空出来可以再发的卡序号没有人持有，状态表里也不作废",
        "select card_index from card_index_free f where exists (select from binding b "
        "where b.card_index = f.card_index and b.recycled_at is null) "
        "or exists (select from card_status s where s.card_index = f.card_index and s.status <> 0)",
    ),
}
