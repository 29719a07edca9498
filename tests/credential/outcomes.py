"""One set of vectors for the two verifiers: `python -m tests.credential.outcomes` writes cn1-outcomes.json anew.

Every attack of the acceptance table as it is judged in test_attacks.py, every outcome of the design's table, the order of
the steps, and what an offline till may decide alone. Python and TypeScript must both say what the file says.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from cardnet.credential import codec, cose, document, pack, status
from cardnet.credential.device import DeviceKey, bound_nonce, challenge_nonce
from cardnet.credential.keys import Alg, IssuerKey, KeyUse, SigningKey
from cardnet.credential.limits import OfflineUse
from cardnet.credential.pack import Policy, TrustPack
from cardnet.credential.root import public_document
from cardnet.credential.signing import code_text
from cardnet.credential.status import Status, StatusList
from cardnet.credential.verify import Accepted, Rejected, VerifyContext, Window, replay_id, verify
from tests.credential.forge import issued
from tests.make.credential import DAY, NOW, Issuer, make_key, moment

FILE = Path(__file__).with_name("cn1-outcomes.json")
INDEX = 1_234_567
HOUR = 3600


@dataclass
class Recorder(Issuer):
    """An issuer that writes down what it is asked and what it answered."""

    recorded: list[dict[str, Any]] = field(default_factory=list)
    lists: dict[str, str] = field(default_factory=dict)
    names: dict[StatusList, str] = field(default_factory=dict)
    name: str = ""
    packs: dict[str, TrustPack] = field(default_factory=dict)
    pack_name: str = ""

    def judge(
        self, text: str, seconds: float = NOW, status: StatusList | None = None, **context: Any
    ) -> Accepted | Rejected:
        judged = super().judge(text, seconds, status, **context)
        given = {"window": "offline", **context}
        challenge, use = given.get("challenge"), given.get("use")
        self.recorded.append(
            {
                "name": self.name,
                "text": text,
                "at": seconds,
                "list": self.kept(status) if status else None,
                "window": str(given["window"]),
                "audiences": sorted(given.get("audiences", ())),
                "challenge": challenge.hex() if challenge else None,
                "seen": sorted(rid.hex() for rid in given.get("seen", ())),
                "use": asdict(use) if use else None,
                "says": says(judged),
            }
            | ({"pack": self.pack_name} if self.pack_name else {})
        )
        return judged

    def kept(self, listed: StatusList) -> str:
        """The signed list, once for all cases that use it."""
        if listed not in self.names:
            self.names[listed] = name = f"list {len(self.lists) + 1}"
            self.lists[name] = status.seal_list(listed, "/merchant/v1/status-list", self.status).hex()
        return self.names[listed]


def says(judged: Accepted | Rejected) -> str:
    """A judgement in one line; the TypeScript harness writes the same."""
    if isinstance(judged, Rejected):
        return judged.outcome if judged.delta_seconds is None else f"{judged.outcome} {judged.delta_seconds}"
    group = "-" if judged.group is None else judged.group
    audience = judged.audience or "-"
    return (
        f"accepted {judged.assurance} {judged.index} {judged.tier} {group} {judged.rid.hex()} {judged.kid.hex()} "
        f"{audience} {judged.status}"
    )


def context_of(case: dict[str, Any]) -> VerifyContext:
    """The context a case asks for."""
    return VerifyContext(
        frozenset(case["audiences"]),
        bytes.fromhex(case["challenge"]) if case["challenge"] else None,
        Window(case["window"]),
        frozenset(bytes.fromhex(rid) for rid in case["seen"]),
        OfflineUse(**case["use"]) if case["use"] else None,
    )


def judged_by_python(given: dict[str, Any]) -> list[str]:
    """What the Python verifier says of each case of a document, in order."""
    roots = _roots_of(given)
    opened = pack.open_pack(bytes.fromhex(given["pack"]), roots, NOW)
    packs = {name: pack.open_pack(bytes.fromhex(one), roots, NOW) for name, one in given.get("packs", {}).items()}
    lists = {name: status.open_list(bytes.fromhex(one), opened.keys) for name, one in given["lists"].items()}
    return [
        says(
            verify(
                case["text"],
                packs.get(case.get("pack"), opened),
                lists.get(case["list"]),
                moment(case["at"]),
                context_of(case),
            )
        )
        for case in given["cases"]
    ]


def opened_by_python(given: dict[str, Any]) -> dict[str, str]:
    """What the Python verifier reads in each trust pack of a document: keys and their uses, and stopped ones; or its no."""
    roots = _roots_of(given)

    def read(content: str) -> str:
        try:
            opened = pack.open_pack(bytes.fromhex(content), roots, NOW)
        except ValueError:
            return "refused"
        keys = sorted(f"{kid.hex()}:{key.use}" for kid, key in opened.keys.items())
        return " ".join([*keys, *sorted(f"{key_id}-{at}" for key_id, at in opened.stopped.items())])

    return {name: read(case["pack"]) for name, case in given["openings"].items()}


def _roots_of(given: dict[str, Any]) -> dict[bytes, IssuerKey]:
    return {
        bytes.fromhex(one["kid"]): IssuerKey(
            bytes.fromhex(one["kid"]), Alg.EDDSA, KeyUse.ROOT, bytes.fromhex(one["public"]), one["nbf"], one["exp"]
        )
        for one in given["roots"]["roots"]
    }


def document_of(issuer: Recorder) -> dict[str, Any]:
    """The recorded cases with the signed pack and lists they were judged by."""
    root = make_key(issuer.world, b"\0\x80", KeyUse.ROOT)
    sealed = pack.seal_pack(issuer.pack, root)
    written = {
        "note": "made by tests/credential/outcomes.py; keys are published, never use",
        "now": NOW,
        "roots": json.loads(public_document([root])),
        "pack": sealed.hex(),
        "packs": {name: pack.seal_pack(one, root).hex() for name, one in issuer.packs.items()},
        "lists": issuer.lists,
        "changes": _changes(issuer),
        "openings": {name: {"pack": content} for name, content in _openings(issuer, root).items()},
        "cases": issuer.recorded,
    }
    for name, keys in opened_by_python(written).items():
        written["openings"][name]["keys"] = keys
    return written


def _openings(issuer: Issuer, root: SigningKey) -> dict[str, str]:
    """Packs with keys of uses that came later, as they are written and as they might be."""
    later = (make_key(issuer.world, b"\5\1", KeyUse.TERMINAL_CA), make_key(issuer.world, b"\6\1", KeyUse.RECEIPT))
    full = replace(issuer.pack, keys={**issuer.pack.keys, **{key.issuer.kid: key.issuer for key in later}})
    claims = cbor2.loads(pack.encode_pack(full))
    first, more = claims[-70003], claims[-70009]
    strange = {**more[0], "kid": b"\7\1", "use": "of-tomorrow"}
    unlike = {"kid": b"\7\2", "use": "of-tomorrow", "alg": -48, "what": [1, 2]}

    def without(entry: dict[str, Any], name: str) -> dict[str, Any]:
        return {key: value for key, value in entry.items() if key != name}

    changed: dict[str, dict[int, Any]] = {
        "as it is written": {},
        "all uses in the first claim": {-70003: [*first, *more], -70009: []},
        "no later uses": {-70009: []},
        "a claim nobody knows": {-70099: [strange]},
        "a use nobody knows in the first claim": {-70003: [strange, *first]},
        "a use nobody knows in the later claim": {-70009: [*more, strange]},
        "a use nobody knows, of an algorithm and with fields nobody knows": {-70009: [unlike, *more]},
        "a kid twice, once of a use nobody knows": {-70009: [*more, {**strange, "kid": first[0]["kid"]}]},
        "a kid twice, both of a use nobody knows": {-70009: [*more, strange, strange]},
        "a kid in both claims": {-70009: [*more, first[0]]},
        "a kid of three bytes, of a use nobody knows": {-70009: [{**strange, "kid": b"\7\1\1"}]},
        "a kid that is text, of a use nobody knows": {-70009: [{**strange, "kid": "07"}]},
        "a use that is a number": {-70009: [{**strange, "use": 7}]},
        "no use": {-70009: [without(strange, "use")]},
        "a known use of an algorithm nobody knows": {-70003: [{**first[0], "alg": -48}, *first[1:]]},
        "a known use in a state nobody knows": {-70003: [{**first[0], "state": "asleep"}, *first[1:]]},
        "a known use with a field too many": {-70009: [{**more[0], "what": 1}]},
        "later uses that are no array": {-70009: {}},
        "later uses that are null": {-70009: None},
        "keys of terminals that were stopped": {-70006: {"lqQVNlL": 1_790_000_000, "Gp6TJAb": 1_790_000_001}},
        "no stopped keys": {-70006: {}},
        "stopped keys that are an array": {-70006: ["lqQVNlL"]},
        "a stopped key that is a number": {-70006: {7: 1_790_000_000}},
        "a key stopped at a half second": {-70006: {"lqQVNlL": 1_790_000_000.5}},
        "a key stopped at no time": {-70006: {"lqQVNlL": None}},
    }
    sealed = {
        name: document.seal(root, KeyUse.ROOT, full.issued_at, cbor2.dumps({**claims, **change}, canonical=True))
        for name, change in changed.items()
    }
    return {name: content.hex() for name, content in sealed.items()}


def _changes(issuer: Issuer) -> dict[str, str]:
    """A list, a later and longer one, and what leads from the one to the other."""
    before = status.make_list({5: 1, 9: 2, 70: 1}, 400, NOW - HOUR, 7)
    after = status.make_list({5: 1, 9: 1, 71: 2, 799: 1}, 800, NOW, 9)
    uri = "/merchant/v1/status-list"
    return {
        "before": status.seal_list(before, uri, issuer.status).hex(),
        "after": status.seal_list(after, uri, issuer.status).hex(),
        "change": status.seal_change(after, before, uri, issuer.status).hex(),
    }


def sale(**members: Any) -> OfflineUse:
    """A small sale at a till that was heard an hour ago."""
    return replace(OfflineUse(3_000, 300, 0, 0, 0, NOW - HOUR), **members)


def record_all(issuer: Recorder, attacks: dict[str, Any]) -> None:
    """Every case, named."""
    for name, attack in attacks.items():
        issuer.name = f"attack: {name}"
        attack(issuer)
    _record_ages(issuer)
    _record_challenges(issuer)
    _record_order(issuer)
    _record_texts(issuer)
    _record_limits(issuer)
    _record_odd(issuer)
    _record_as_printed(issuer)


def _record_ages(issuer: Recorder) -> None:
    for window in Window:
        for age in (-601, -600, -31, -30, -16, -15, 0, 35, 36, 60, 61, 600, 601):
            issuer.name = f"{window}, {age} s old"
            issuer.judge(issuer.code(), NOW + age, window=window)
            issuer.name = f"{window}, {age} s old, answering a challenge"
            digits = challenge_nonce("4711")
            issuer.judge(issuer.code(nonce=digits), NOW + age, window=window, challenge=digits)
    issuer.name = "half a second counts for nothing"
    issuer.judge(issuer.code(), NOW + 60.9)


def _record_challenges(issuer: Recorder) -> None:
    nonce = bound_nonce("M-17", "T01", 38_000, b"\x01\x02\x03\x04")
    for shown in (None, b"4711", b"4712", nonce):
        for asked in (None, b"4711", nonce):
            for audience in (None, "M-17", "M-99", "é"):
                issuer.name = f"shows {shown!r} for {audience}, asked {asked!r}"
                issuer.judge(
                    issuer.code(nonce=shown, audience=audience), challenge=asked, audiences=frozenset({"M-17", "T01"})
                )


def _record_order(issuer: Recorder) -> None:
    """Everything after a step is wrong too: the first one gives the outcome."""
    stranger = make_key(issuer.world, b"\x66\x66", KeyUse.CARD)
    early = codec.encode_claims(issuer.claims(issued_at=issuer.card.issuer.nbf - 1, expires_at=NOW - 1))
    late = {"issued_at": NOW - 601, "audience": "M-99", "nonce": b"9999"}
    bad = {
        "status": issuer.listing({INDEX: Status.INVALID}),
        "seen": {replay_id(INDEX, issuer.proof().proof_id)},
        "use": sale(synced_at=0),
    }
    forged = SigningKey(issuer.card.issuer, stranger.private)
    expired = issued(issuer.card, codec.encode_claims(issuer.claims(expires_at=NOW - 1)))
    ahead = issued(issuer.card, codec.encode_claims(issuer.claims(issued_at=NOW + 301, expires_at=NOW - 1)))
    steps: list[tuple[str, str, dict[str, Any]]] = [
        ("2 malformed", issuer.code(**late)[:-3], bad),
        ("4 unknown_key", issuer.code(issued(stranger, early), **late), bad),
        ("4 revoked_key", issuer.code(issued(issuer.revoked, early), **late), bad),
        ("5 bad_signature", issuer.code(issued(forged, early), **late), bad),
        ("6 key_out_of_period", issuer.code(issued(issuer.card, early), **late), bad),
        ("7 proof_missing", code_text(ahead), bad),
        ("8 clock_error", issuer.code(ahead, DeviceKey.make(issuer.world), **late), bad),
        ("9 expired_credential", issuer.code(expired, DeviceKey.make(issuer.world), **late), bad),
        ("10 bad_signature", issuer.code(None, DeviceKey.make(issuer.world), **late), bad),
        ("11 stale_proof", issuer.code(**late), bad),
        ("11 future_proof", issuer.code(**{**late, "issued_at": NOW + 601}), bad),
        ("12 wrong_audience", issuer.code(**{**late, "issued_at": NOW}), bad),
        ("12 wrong_challenge", issuer.code(nonce=b"9999"), bad),
        ("13 revoked", issuer.code(), bad),
        ("13 suspended", issuer.code(), {**bad, "status": issuer.listing({INDEX: Status.SUSPENDED})}),
        ("13 a status nobody gives out", issuer.code(), {**bad, "status": issuer.listing({INDEX: 3})}),
        ("14 replayed", issuer.code(), {**bad, "status": issuer.listing({})}),
        ("15 online_required", issuer.code(), {"status": issuer.listing({}), "use": sale(synced_at=0)}),
        ("16 accepted", issuer.code(), {"status": issuer.listing({}), "use": sale()}),
    ]
    for name, text, context in steps:
        issuer.name = f"step {name}"
        issuer.judge(text, **context)


def _record_texts(issuer: Recorder) -> None:
    code = issuer.code()
    texts = [
        "", "CN1:", "CN1:0", "CN1:00", "CN1:::", "CN1:GGW", "CN1:" + "0" * 696, "CN1:" + "0" * 697, "CN10:ABC", "cn2:abc",
        "CN1000:A", "CNX:ABC", "CN1:é", "\x00", "CN１：A", "ｃｎ２：", "CN1:" + "ß" * 300, f"\t{code[:100]}\r\n{code[100:]}",
        "\n" * 2_000 + code, "\n" * 2_427 + code, "\n" * 2_428 + code, code + " ", " " + code, code.replace("CN1:", "CN1: "),
        "𝟎" * 1_400, "ﷺ" * 2_000, code.lower(), "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else "\u3000" for one in code),
    ]  # fmt: skip
    for number, text in enumerate(texts, 1):
        issuer.name = f"text {number}"
        issuer.judge(text)


def _record_limits(issuer: Recorder) -> None:
    names = frozenset({"M-17"})
    nonce = bound_nonce("M-17", "T01", 38_000, bytes(8))
    plain, bound = issuer.code(), issuer.code(audience="M-17", nonce=nonce)
    printed, digits = issuer.printed(), issuer.code(audience="M-17", nonce=b"4711")
    lists = {
        "fresh": issuer.listing({}),
        "72 h old": issuer.listing({}, NOW - 72 * HOUR),
        "older": issuer.listing({}, NOW - 72 * HOUR - 1),
        "expired": issuer.listing({}, NOW - 7 * DAY - 1),
        "no": None,
    }
    sales = {
        "small": sale(),
        "at the floor": sale(purchase_fen=5_000),
        "above the floor": sale(purchase_fen=5_001),
        "at half the floor": sale(purchase_fen=2_500),
        "above half the floor": sale(purchase_fen=2_501),
        "at the program's floor": sale(purchase_fen=20_000, floor_fen=20_000),
        "second of the card": sale(card_uses=1),
        "third of the card": sale(card_uses=2),
        "twentieth since the sync": sale(uses=19),
        "twenty-first since the sync": sale(uses=20),
        "fortieth since the sync": sale(uses=39),
        "forty-first since the sync": sale(uses=40),
        "up to what may be given": sale(given_fen=99_700),
        "beyond what may be given": sale(given_fen=99_701),
        "heard 72 h ago": sale(synced_at=NOW - 72 * HOUR),
        "not heard for longer": sale(synced_at=NOW - 72 * HOUR - 1),
        "paper, small": sale(purchase_fen=1_000, confirmed=True),
        "paper, above its floor": sale(purchase_fen=1_001, confirmed=True),
        "paper, half its floor": sale(purchase_fen=500, confirmed=True),
        "paper, nobody looked": sale(purchase_fen=400),
    }
    for how_old, listed in lists.items():
        for what, use in sales.items():
            kinds = [("phone", plain, None), ("paper", printed, None)]
            if what in ("small", "above the floor"):
                kinds += [("bound phone", bound, nonce), ("digits", digits, b"4711")]
            for kind, text, challenge in kinds:
                issuer.name = f"{kind}: {what}, {how_old} list"
                issuer.judge(text, status=listed, use=use, challenge=challenge, audiences=names)


def _record_odd(issuer: Recorder) -> None:
    """Numbers at the edge of what a program can count with."""
    for tier, group in ((0, None), (2**53 - 1, 2**53), (2**64 - 1, 2**64 - 1), (23, 24), (255, 256), (65_535, 65_536)):
        issuer.name = f"tier {tier}, group {group}"
        issuer.judge(issuer.code(issuer.credential(tier=tier, group=group)))
    for index in (0, 2**31, 2**32 - 1):
        issuer.name = f"index {index}"
        issuer.judge(issuer.code(issuer.credential(index=index)), status=issuer.listing({}))
    issuer.name = "under an ES256 key of the union"
    issuer.judge(issuer.code(issued(issuer.es256, codec.encode_claims(issuer.claims()))))
    for point in (b"\2" + b"\xff" * 32, b"\3" + bytes(32), b"\2" + (5).to_bytes(32, "big")):
        issuer.name = f"a phone's key that is {point.hex()[:8]}…"
        claims = codec.encode_claims(issuer.claims(device_key=point))
        issuer.judge(issuer.code(issued(issuer.card, claims)))
    issuer.name = "a static card as of its last second, and the one after"
    for at in (NOW + 13 * DAY, NOW + 13 * DAY + 1):
        issuer.judge(issuer.printed(), at)


def _record_as_printed(issuer: Recorder) -> None:
    """A district that lets a code whose time is off pass offline by the printed card's limits."""
    issuer.policy, issuer.pack_name = Policy(as_printed=600), "as printed"
    issuer.packs[issuer.pack_name] = issuer.pack
    listed, digits = issuer.listing({}), challenge_nonce("4711")
    for age in (-601, -600, -31, -30, 0, 60, 61, 600, 601):
        for window in Window:
            issuer.name = f"as printed: {window}, {age} s old"
            issuer.judge(issuer.code(), NOW + age, listed, window=window)
        issuer.name = f"as printed: {age} s old while digits are asked"
        issuer.judge(issuer.code(), NOW + age, listed, challenge=digits)
        issuer.name = f"as printed: {age} s old, answering them"
        issuer.judge(issuer.code(nonce=digits), NOW + age, listed, challenge=digits)
        issuer.name = f"as printed: {age} s old, answering nobody"
        issuer.judge(issuer.code(nonce=digits), NOW + age, listed)
    seen = {replay_id(INDEX, issuer.proof().proof_id)}
    uses = {
        "small": sale(purchase_fen=1_000, confirmed=True, synced_at=NOW),
        "nobody looked": sale(purchase_fen=1_000, synced_at=NOW),
        "above the printed floor": sale(purchase_fen=1_001, confirmed=True, synced_at=NOW),
        "second of the card": sale(purchase_fen=1_000, card_uses=1, confirmed=True, synced_at=NOW),
    }
    for what, use in uses.items():
        for age in (60, 300):
            issuer.name = f"as printed: {what}, {age} s old"
            issuer.judge(issuer.code(), NOW + age, listed, use=use)
    issuer.name = "as printed: a code that was seen here"
    issuer.judge(issuer.code(), NOW + 300, listed, seen=seen)
    issuer.policy, issuer.pack_name = Policy(), ""


def main() -> None:
    """Write the file; signatures are deterministic, so an unchanged case stays as it is."""
    from tests.credential.test_attacks import CASES

    cose._ES256 = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    issuer = Recorder()
    record_all(issuer, CASES)
    FILE.write_text(json.dumps(document_of(issuer), ensure_ascii=True, indent=0) + "\n")


if __name__ == "__main__":
    main()
