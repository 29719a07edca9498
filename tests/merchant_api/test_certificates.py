"""Certificates of terminals' keys, and a record made offline that proves itself with nothing but the pinned roots."""

import base64
import json
from datetime import timedelta

import cwt
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cwt import COSEKey
from sqlalchemy import text

from cardnet.cli import main
from cardnet.credential import pack, store
from cardnet.credential.keys import Alg, IssuerKey, KeyUse
from cardnet.credential.keys import SigningKey as IssuerSigningKey
from cardnet.credential.terminals import TerminalKeyClaims, certify, open_certificate
from cardnet.kernel import calendar
from cardnet.kernel.errors import CardnetError
from cardnet.merchant_api import evidence, services
from cardnet.merchant_api.signatures import record_bytes
from cardnet.merchants.services import AddKey, MakePairingCode, RevokeKey, add_key, make_pairing_code, revoke_key
from tests.make.credential import NOW, Issuer, make_key
from tests.make.redemptions import BASE, new_key
from tests.make.signing import SigningKey


def newest(shop) -> pack.TrustPack:
    return pack.peek_pack(store.signed_trust_pack(shop.session, shop.world).content)


def bytes_in(text64: str) -> bytes:
    return base64.urlsafe_b64decode(text64 + "=" * (-len(text64) % 4))


@pytest.mark.parametrize("kind", ["ed25519", "es256"])
def test_a_key_is_certified_when_a_till_is_paired_and_when_it_takes_the_next(shop, client, kind):
    code = make_pairing_code(shop.session, shop.world, MakePairingCode(shop.tills["T02"].venue.terminal_id))
    shop.session.execute(
        text("delete from terminal_token where terminal_id = :id"), {"id": shop.tills["T02"].venue.terminal_id}
    )
    first, second = SigningKey(kind), SigningKey(kind)
    body = {"pairing_code": code, "name": "前台", "public_key": first.public_text}
    enrolled = client.post(f"{BASE}/terminals/enrol", json=body)
    assert enrolled.status_code == 201, enrolled.json
    token = {"Authorization": f"Bearer {enrolled.json['token']}", "Idempotency-Key": new_key()}
    rotated = client.post(f"{BASE}/terminals/keys", json={"public_key": second.public_text}, headers=token)
    assert rotated.status_code == 201
    keys = newest(shop).keys
    for answer, key in ((enrolled, first), (rotated, second)):
        said = open_certificate(bytes_in(answer.json["certificate"]), keys)
        assert (said.merchant, said.terminal, said.public) == ("M1001", "T02", key.public)
        assert said.alg == (Alg.EDDSA if kind == "ed25519" else Alg.ES256)


def test_a_plain_library_reads_it(shop, client, session, world):
    key = SigningKey("es256")
    add_key(session, world, AddKey(shop.tills["T01"].venue.terminal_id, key.public_text))
    assert services.certify_terminals(session, world) >= 1
    assert services.certify_terminals(session, world) == 0
    content = session.scalar(text("select content from terminal_certificate where key_id = :k"), {"k": key.key_id})
    (ca,) = (one for one in newest(shop).keys.values() if one.use is KeyUse.TERMINAL_CA)
    plain = COSEKey.new({1: 1, 3: -8, -1: 6, -2: ca.public, 2: ca.kid})
    claims = cwt.decode(content, plain)
    assert claims[2] == "M1001/T01"
    assert claims[8][1][-2] == key.public[1:]


def test_the_pack_says_which_key_was_stopped_and_not_which_was_replaced(shop, session, world, clock):
    old, stolen = SigningKey(), SigningKey("es256")
    for key in (old, stolen):
        add_key(session, world, AddKey(shop.tills["T01"].venue.terminal_id, key.public_text))
    services.certify_terminals(session, world)
    before = newest(shop)
    assert not {old.key_id, stolen.key_id} & before.stopped.keys()
    clock.advance(timedelta(days=8))
    revoke_key(session, world, RevokeKey(stolen.key_id))
    services.certify_terminals(session, world)
    after = newest(shop)
    assert (after.seq, after.stopped.get(stolen.key_id)) == (before.seq + 1, int(world.now().timestamp()))
    assert old.key_id not in after.stopped
    # Once said it is not said anew.
    services.certify_terminals(session, world)
    assert newest(shop).seq == after.seq
    assert pack.decode_pack(pack.encode_pack(after)) == after


def test_keys_under_a_stolen_ca_are_certified_anew(shop, session, world):
    key = SigningKey()
    add_key(session, world, AddKey(shop.tills["T01"].venue.terminal_id, key.public_text))
    services.certify_terminals(session, world)
    (ca,) = (one for one in newest(shop).keys.values() if one.use is KeyUse.TERMINAL_CA)
    store.revoke_key(session, world, store.RevokeKey(ca.kid, None, "被盗"))
    assert services.certify_terminals(session, world) >= 1
    content = session.scalar(text("select content from terminal_certificate where key_id = :k"), {"k": key.key_id})
    assert open_certificate(content, newest(shop).keys).public == key.public


def test_a_whole_district_is_certified_at_once(session, world):
    many = [store.TerminalKeyName(f"k{n}", "M1001", f"T{n}", Alg.EDDSA, n.to_bytes(32, "big")) for n in range(16_400)]
    made = store.certify_keys(session, world, many)
    assert len(made) == 16_400
    keys = store.trust_pack(session, world.now()).keys
    assert open_certificate(made["k16399"], keys).terminal == "T16399"
    # The first certificate counts, whoever asks again.
    assert store.certify_keys(session, world, many[998:1_002]) == {f"k{n}": made[f"k{n}"] for n in range(998, 1_002)}


def test_nothing_to_certify_asks_for_no_key(session, world, clock):
    clock.advance(timedelta(days=400))
    before = session.scalar(text("select count(*) from issuer_key"))
    assert store.certify_keys(session, world, []) == {}
    assert session.scalar(text("select count(*) from issuer_key")) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: content[:20],
        lambda content: content + b"\0",
        lambda content: b"",
    ],
)
def test_what_is_no_certificate_is_refused(change):
    ca = make_key(Issuer().world, b"\5\1", KeyUse.TERMINAL_CA)
    content = certify(ca, TerminalKeyClaims("M1", "T1", Alg.EDDSA, bytes(32), NOW))
    assert open_certificate(content, {ca.issuer.kid: ca.issuer}).terminal == "T1"
    with pytest.raises(ValueError, match=r"not|fit"):
        open_certificate(change(content), {ca.issuer.kid: ca.issuer})


def test_a_key_of_another_use_certifies_no_terminal():
    other = make_key(Issuer().world, b"\5\1", KeyUse.OFFERS)
    with pytest.raises(CardnetError, match="key_use"):
        certify(other, TerminalKeyClaims("M1", "T1", Alg.EDDSA, bytes(32), NOW))
    claimed = IssuerKey(b"\5\1", Alg.EDDSA, KeyUse.TERMINAL_CA, other.issuer.public, 0, 2**31)
    content = certify(
        IssuerSigningKey(claimed, other.private), TerminalKeyClaims("M1", "T1", Alg.EDDSA, bytes(32), NOW)
    )
    with pytest.raises(ValueError, match="may not sign"):
        open_certificate(content, {other.issuer.kid: other.issuer})


# ---- the evidence file


@pytest.fixture
def sold(shop, client, session, world, clock):
    """A record of T01, signed, sold an hour ago and sent now; its key and what was sent."""
    key = SigningKey("es256")
    add_key(session, world, AddKey(shop.tills["T01"].venue.terminal_id, key.public_text))
    record = {
        "terminal_seq": 1,
        "occurred_at": calendar.local(world.now()).isoformat(timespec="seconds"),
        "merchant_ref": "OFF-1",
        "code": shop.phones[0].code(world),
        "purchase": {"amount_fen": 4_500, "service_code": "health_check"},
        "key_id": key.key_id,
    }
    r, s = decode_dss_signature(key.private.sign(record_bytes("M1001", "T01", record), ECDSA(SHA256())))
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    record["signature"] = base64.urlsafe_b64encode(signature).decode().rstrip("=")
    clock.advance(timedelta(hours=1))
    answer = shop.post(client, "/advices", {"records": [record]})
    assert answer.json["results"][0]["code"] != "signature_invalid", answer.json
    return key


@pytest.fixture
def roots(shop):
    return store.roots(shop.session)


def test_years_later_the_file_proves_the_record_by_the_roots_alone(shop, session, world, clock, sold, roots):
    clock.advance(timedelta(days=200))
    exported = services.offline_evidence(session, world, "M1001", "OFF-1")
    found = evidence.check(exported, roots)
    assert (found.merchant, found.terminal, found.merchant_ref, found.faults) == ("M1001", "T01", "OFF-1", ())
    # A key stopped after the sale does not unmake it; one stopped before does.
    revoke_key(session, world, RevokeKey(sold.key_id))
    services.certify_terminals(session, world)
    assert evidence.check(services.offline_evidence(session, world, "M1001", "OFF-1"), roots).faults == ()
    session.execute(text("update terminal_key set revoked_at = revoked_at - interval '300 days'"))
    session.execute(text("update terminal_certificate set stopped_at = stopped_at - interval '300 days'"))
    store.rotate_card_keys(session, world)
    assert evidence.check(services.offline_evidence(session, world, "M1001", "OFF-1"), roots).faults == ("key_revoked",)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda one: one["record"]["purchase"].update(amount_fen=45_000), "signature_invalid"),
        (lambda one: one["record"].pop("signature"), "signature_invalid"),
        (lambda one: one.update(terminal="T02"), "certificate_of_another_terminal"),
        (lambda one: one.update(certificate=""), "certificate_invalid"),
        (lambda one: one["record"].update(occurred_at="2026-11-21T10:30:00+08:00"), "stale_proof"),
    ],
)
def test_a_file_somebody_changed_is_found_out(shop, session, world, sold, roots, change, fault):
    said = json.loads(services.offline_evidence(session, world, "M1001", "OFF-1"))
    change(said)
    assert fault in evidence.check(json.dumps(said), roots).faults


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": "cardnet-offline-evidence/1"}', '"x"', "null"])
def test_what_is_no_evidence_is_said_to_be_none(roots, content):
    with pytest.raises(ValueError, match=r".+"):
        evidence.check(content, roots)


def test_the_command_checks_without_a_database(shop, session, world, sold, roots, tmp_path, monkeypatch):
    file, pinned, others = tmp_path / "e.json", tmp_path / "roots.json", tmp_path / "others.json"
    file.write_text(services.offline_evidence(session, world, "M1001", "OFF-1"))

    def document(keys):
        listed = [{"kid": k.kid.hex(), "public": k.public.hex(), "nbf": k.nbf, "exp": k.exp} for k in keys]
        return json.dumps({"roots": listed})

    pinned.write_text(document(roots.values()))
    strange = [make_key(Issuer().world, kid, KeyUse.ROOT).issuer for kid in roots]
    others.write_text(document(strange))
    monkeypatch.setenv("CARDNET_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")

    def run(*words):
        monkeypatch.setattr("sys.argv", ["cardnet", "evidence", "check", *map(str, words)])
        return CliRunner().invoke(main, ["evidence", "check", *map(str, words)])

    good = run(file, "--roots", pinned)
    assert (good.exit_code, "✓ 是这台终端签名的记录" in good.output) == (0, True), good.output
    assert run(file, "--roots", others).exit_code == 1
    said = json.loads(file.read_text())
    said["record"]["merchant_ref"] = "OFF-2"
    file.write_text(json.dumps(said))
    changed = run(file, "--roots", pinned, "--json")
    assert (changed.exit_code, json.loads(changed.output)["faults"]) == (1, ["signature_invalid"])


def test_what_was_not_signed_proves_nothing(shop, client, session, world, clock):
    record = {
        "terminal_seq": 1, "occurred_at": calendar.local(world.now()).isoformat(timespec="seconds"), "merchant_ref": "OFF-9",
        "code": shop.phones[0].code(world), "purchase": {"amount_fen": 4_500, "service_code": "health_check"},
    }  # fmt: skip
    shop.post(client, "/advices", {"records": [record]})
    with pytest.raises(CardnetError, match="record_unsigned"):
        services.offline_evidence(session, world, "M1001", "OFF-9")
    for names in (("M1001", "NONE"), ("M9999", "OFF-9")):
        with pytest.raises(CardnetError, match="unknown"):
            services.offline_evidence(session, world, *names)
