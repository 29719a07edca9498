"""The offline root: ceremony, signing by two people, rotation, revocation and its drill, by the commands themselves."""

import json
import sys

import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from cardnet.cli import main
from cardnet.credential import pack, root, store
from cardnet.credential.keys import KeyState, KeyUse
from cardnet.kernel.errors import InvalidInput
from cardnet.kernel.world import frozen_world, system_world
from tests.conftest import START

PHRASES = ["correct horse battery", "云间工会 二〇二六年 冬月初三"]


@pytest.fixture
def run(monkeypatch, tmp_path, fresh_database):
    """Run `cardnet WORDS` and type `said`; returns the output of a success, or the code of a refusal."""
    for name in ("CLOCK", "KEYRING"):
        monkeypatch.delenv(f"CARDNET_{name}", raising=False)
    monkeypatch.setenv("CARDNET_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CARDNET_DATABASE_URL", fresh_database)
    # What is tested is who opens a root, not how long one guess takes.
    monkeypatch.setattr(root, "_SCRYPT_COST", 1 << 10)

    def run(*words, said=()):
        monkeypatch.setattr(sys, "argv", ["cardnet", *map(str, words)])
        result = CliRunner().invoke(main, [str(word) for word in words], input="".join(f"{one}\n" for one in said))
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.stdout if result.exit_code == 0 else f"refused: {result.stderr}"

    return run


@pytest.fixture
def offline(run, tmp_path):
    """A union whose roots were made in a ceremony, before its first pack was signed by them."""
    stick = tmp_path / "stick"
    twice = [phrase for phrase in PHRASES for _ in range(2)]
    protocol = run("keys", "ceremony", "--out", stick, "--custodian", "周明", "--custodian", "吴芳", said=twice)
    assert "周明、吴芳" in protocol
    run("upgrade")
    adopted = run("keys", "adopt", stick / "roots.json")
    for line in protocol.splitlines():
        if "指纹" in line:
            assert line.split("指纹")[1].strip() in adopted
    return stick


def signed(run, stick, tmp_path, name="current"):
    run("keys", "sign-pack", "--out", tmp_path / "pack.tbs")
    words = ("keys", "sign-pack", "--sign", tmp_path / "pack.tbs", "--with", stick / f"root-{name}.json")
    shown = run(*words, "--out", tmp_path / "pack.signed", said=PHRASES)
    return shown, run("keys", "sign-pack", "--take", tmp_path / "pack.signed")


def newest(database):
    with psycopg.connect(database) as connection:
        return connection.execute("select content from trust_pack order by seq desc limit 1").fetchone()[0]


def test_a_pack_is_signed_by_two_people_on_another_machine_and_tills_read_it(run, offline, tmp_path, fresh_database):
    assert "待签名" in run("keys", "list")
    shown, taken = signed(run, offline, tmp_path)
    assert "新增" in shown
    assert "已公布" in taken
    pinned = {key.kid: key for key in root.read_public_document((offline / "roots.json").read_text())}
    opened = pack.open_pack(newest(fresh_database), pinned, int(system_world().now().timestamp()))
    assert {key.use for key in opened.keys.values()} >= {KeyUse.CARD, KeyUse.PRINT, KeyUse.STATUS}
    assert "待签名" not in run("keys", "list")
    # The private halves were never in the database.
    with psycopg.connect(fresh_database) as connection:
        assert connection.execute("select count(private_sealed) from issuer_key where use = 'root'").fetchone() == (0,)


def test_the_next_root_is_pinned_from_the_first_day(run, offline, tmp_path, fresh_database):
    assert "已公布" in signed(run, offline, tmp_path, "next")[1]
    pinned = {key.kid: key for key in root.read_public_document((offline / "roots.json").read_text())}
    assert pack.open_pack(newest(fresh_database), pinned, int(system_world().now().timestamp()))


def test_neither_custodian_opens_a_root_alone(run, offline, tmp_path):
    run("keys", "sign-pack", "--out", tmp_path / "pack.tbs")
    words = ("keys", "sign-pack", "--sign", tmp_path / "pack.tbs", "--with", offline / "root-current.json")
    for said in ([PHRASES[0], "guess guess guess"], [PHRASES[0], PHRASES[0]], PHRASES[::-1], ["x" * 12, PHRASES[1]]):
        assert "口令不对" in run(*words, "--out", tmp_path / "no.pack", said=said)
    assert not (tmp_path / "no.pack").exists()


def test_a_revocation_reaches_tills_only_signed_and_an_older_pack_cannot_undo_it(run, offline, tmp_path):
    signed(run, offline, tmp_path)
    kid = next(key["kid"] for key in json.loads(run("keys", "list", "--json"))["keys"] if key["use"] == "card")
    run("keys", "sign-pack", "--out", tmp_path / "before.tbs")
    words = ("keys", "sign-pack", "--with", offline / "root-current.json")
    run(*words, "--sign", tmp_path / "before.tbs", "--out", tmp_path / "before.signed", said=PHRASES)
    assert "吊销 1 把" in run("keys", "revoke", kid, "--reason", "失窃")
    assert "作废" in run("keys", "sign-pack", "--take", tmp_path / "before.signed")
    shown, taken = signed(run, offline, tmp_path)
    assert f"吊销：{kid}（发卡）" in shown
    assert "已公布" in taken
    listed = json.loads(run("keys", "list", "--json"))
    assert {key["state"] for key in listed["keys"] if key["kid"] == kid} == {"revoked"}
    assert "refused" in run("keys", "revoke", kid, "--reason", "又一次")


def test_the_custodians_machine_remembers_what_it_signed_last_and_does_not_go_back(run, offline, tmp_path):
    run("keys", "sign-pack", "--out", tmp_path / "first.tbs")
    signed(run, offline, tmp_path)
    kid = next(key["kid"] for key in json.loads(run("keys", "list", "--json"))["keys"] if key["use"] == "status")
    run("keys", "revoke", kid, "--reason", "演练")
    signed(run, offline, tmp_path)
    words = ("keys", "sign-pack", "--sign", tmp_path / "first.tbs", "--with", offline / "root-current.json")
    assert "旧的不能再签" in run(*words, "--out", tmp_path / "x", said=PHRASES)


def test_a_pack_signed_by_a_stranger_is_refused(run, offline, tmp_path):
    stranger = root.make_roots(frozen_world(START, b"stranger"))[0]
    run("keys", "sign-pack", "--out", tmp_path / "pack.tbs")
    asked = pack.decode_pack((tmp_path / "pack.tbs").read_bytes())
    (tmp_path / "forged").write_bytes(pack.seal_pack(asked, stranger))
    assert "不能用" in run("keys", "sign-pack", "--take", tmp_path / "forged")
    (tmp_path / "forged").write_bytes(b"\xd2\x84")
    assert "不能用" in run("keys", "sign-pack", "--take", tmp_path / "forged")


def test_a_drill_is_timed_from_the_alarm_to_the_signed_pack(run, offline, tmp_path):
    assert "refused" in run("keys", "drill")
    assert "没有已公布" in run("keys", "drill", "--start")
    signed(run, offline, tmp_path)
    run("keys", "drill", "--start")
    report = json.loads(run("keys", "drill", "--json"))
    assert (report["revoked_at"], report["reached"]) == (None, None)
    assert json.loads(run("keys", "drill", "--start", "--json"))["kid"] == report["kid"]
    run("keys", "revoke", report["kid"], "--reason", "演练")
    assert "sign-pack --out" in run("keys", "drill")
    signed(run, offline, tmp_path)
    report = json.loads(run("keys", "drill", "--json"))
    assert report["reached"] is True
    assert 0 <= report["took_seconds"] <= report["target_seconds"] == 14_400
    assert "达到四小时" in run("keys", "drill")


def test_ceremony_asks_for_two_different_people_and_long_passphrases(run, tmp_path):
    out = tmp_path / "stick"
    assert "两位不同的人" in run("keys", "ceremony", "--out", out, "--custodian", "周明", "--custodian", "周明")
    short = ["short"] * 2 + [PHRASES[1]] * 2
    words = ("keys", "ceremony", "--out", out, "--custodian", "周明", "--custodian", "吴芳")
    assert "至少 12 个字符" in run(*words, said=short)
    assert not out.exists()


def test_a_demonstration_signs_by_itself_and_the_doctor_says_that_it_should_not(run, tmp_path):
    run("upgrade")
    assert (tmp_path / "data" / "root.json").stat().st_mode & 0o077 == 0
    assert json.loads(run("keys", "list", "--json"))["root"] == "online"
    assert "正式启用前应离线" in run("doctor")
    run("keys", "drill", "--start")
    kid = json.loads(run("keys", "drill", "--json"))["kid"]
    run("keys", "revoke", kid, "--reason", "演练")
    assert json.loads(run("keys", "drill", "--json"))["reached"] is True


def test_the_key_ring_turns_in_two_steps_and_everything_sealed_before_still_opens(run, tmp_path):
    run("upgrade")
    assert "先只用于解读" in run("keys", "rotate", "--vault")
    assert "起用于加密" in run("keys", "rotate", "--vault")
    assert "21" not in run("keys", "rotate")
    assert "已重新封存 21 把" in run("keys", "reseal")
    ring = json.loads((tmp_path / "data" / "keyring.json").read_text())
    assert (ring["current"], sorted(ring["keys"])) == (2, ["1", "2"])
    assert "新建 4 把" in run("keys", "rotate", "--cards")


def test_a_kid_nobody_has_is_named(run):
    run("upgrade")
    for kid in ("", "zz", "01", "010203", "ffff", "0005"):
        assert run("keys", "revoke", "--reason", "x", "--", kid).startswith("refused")


# ---- the services behind


def test_print_keys_serve_one_printing_each_and_are_forgotten(session, world):
    store.ensure_keys(session, world)
    runs = [world.new_id() for _ in range(3)]
    keys = [store.take_print_key(session, world, run) for run in runs]
    assert len({key.issuer.kid for key in keys}) == 3
    lines = {line.key.kid: line for line in store.key_lines(session, world.now())}
    for run, key in zip(runs, keys, strict=True):
        assert (lines[key.issuer.kid].print_run_id, lines[key.issuer.kid].signs) == (run, False)
        assert lines[key.issuer.kid].published


def test_the_stock_of_print_keys_is_filled_up_when_half_of_it_is_used(session, world):
    store.ensure_keys(session, world)
    for _ in range(store.PRINT_STOCK // 2 - 1):
        store.take_print_key(session, world, world.new_id())
    assert store.ensure_keys(session, world) == ()
    store.take_print_key(session, world, world.new_id())
    assert [key.use for key in store.ensure_keys(session, world)] == [KeyUse.PRINT] * 4
    for _ in range(store.PRINT_STOCK):
        store.take_print_key(session, world, world.new_id())
    beyond = store.take_print_key(session, world, world.new_id())
    assert store.trust_pack(session, world.now()).keys[beyond.issuer.kid].state is KeyState.ACTIVE
    assert not {line.key.kid: line for line in store.key_lines(session, world.now())}[beyond.issuer.kid].published


def test_a_key_never_changes_what_it_is(session, world):
    store.ensure_keys(session, world)
    for change in (
        "use = 'status', shard = null",
        "alg = -7, public = public || '\\x00'",
        "nbf = nbf - interval '1 day'",
    ):
        with pytest.raises(DBAPIError, match="never changes"), session.begin_nested():
            session.execute(text(f"update issuer_key set {change} where use = 'card'"))
    session.execute(text("update issuer_key set state = 'revoked', revoked_at = now() where use = 'card'"))
    with pytest.raises(DBAPIError, match="stays revoked"), session.begin_nested():
        session.execute(text("update issuer_key set state = 'active', revoked_at = null where use = 'card'"))


def test_a_sealed_root_that_was_tampered_with_does_not_open(monkeypatch):
    monkeypatch.setattr(root, "_SCRYPT_COST", 1 << 10)
    world = frozen_world(START)
    sealed = json.loads(root.sealed_document(root.make_roots(world)[0], PHRASES, world))
    assert root.open_document(json.dumps(sealed), PHRASES).issuer.use is KeyUse.ROOT
    later = {**sealed, "root": {**sealed["root"], "exp": sealed["root"]["exp"] + 1}}
    with pytest.raises(InvalidInput, match="passphrase_wrong"):
        root.open_document(json.dumps(later), PHRASES)
    for broken in ("", "[]", "{}", json.dumps({**sealed, "kdf": {**sealed["kdf"], "n": 1 << 30}})):
        with pytest.raises(InvalidInput, match="bad_root"):
            root.open_document(broken, PHRASES)
