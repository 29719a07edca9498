"""Cases for two verifiers to disagree about: good codes, damaged in transit, and forged by somebody who can sign.

Most are malformed, many are rightly signed over wrong contents, some are good but shown at the wrong place or time: every
outcome comes up. The same seed makes the same cases.
"""

import random
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from cardnet.credential import base45, codec, cose
from cardnet.credential.codec import Claims, Proof
from cardnet.credential.device import DeviceKey, bound_nonce
from cardnet.credential.keys import Alg
from cardnet.credential.limits import OfflineUse
from cardnet.credential.pack import Policy
from cardnet.credential.signing import code_text
from cardnet.credential.status import Status
from cardnet.credential.verify import replay_id
from tests.credential.forge import header, issued, malleated, shown, token_of
from tests.credential.outcomes import Recorder, document_of
from tests.credential.test_mutations import ODD_KEY_HEX, ODD_VALUE_HEX, mutated
from tests.make.credential import DAY, NOW, make_key

ODD_VALUES = [bytes.fromhex(item) for item in ODD_VALUE_HEX.split()]
ODD_KEYS = [bytes.fromhex(item) for item in ODD_KEY_HEX.split()]
NONCE = bound_nonce("M-17", "T01", 38_000, b"till")
Entries = list[tuple[bytes, bytes]]


class Fuzz:
    """A union, an attacker with a phone of their own, and chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.issuer = Recorder()
        self.stranger = make_key(self.issuer.world, b"\x66\x66", self.issuer.card.issuer.use)
        self.other_phone = DeviceKey.make(self.issuer.world)
        self.lists = [
            self.issuer.kept(self.issuer.listing(*given))
            for given in (
                ({},),
                ({1_234_567: Status.INVALID, 7: Status.SUSPENDED},),
                ({1_234_567: Status.SUSPENDED}, NOW - 3 * DAY - 1),
                ({}, NOW - 8 * DAY),
            )
        ]
        self.issuer.packs["as printed"] = replace(self.issuer.pack, policy=Policy(as_printed=600))
        self.good = [
            self.issuer.code(),
            self.issuer.code(audience="M-17"),
            self.issuer.code(audience="M-17", nonce=NONCE),
            self.issuer.code(nonce=b"4711"),
            self.issuer.printed(),
        ]
        self.makers = [
            self.shown_elsewhere,
            self.typed,
            self.flipped,
            self.cut,
            self.resigned,
            self.swapped,
            self.encoded,
        ]

    def document(self) -> dict[str, Any]:
        """Pack, roots and lists for the cases of `cases`."""
        return document_of(self.issuer)

    def cases(self, count: int) -> Iterator[dict[str, Any]]:
        """That many cases, as `outcomes.context_of` and the TypeScript harness read them."""
        for number in range(count):
            make = self.makers[number % len(self.makers)]
            # A district that lets a code whose time is off pass by the limits of paper; else the packs are alike.
            other = {"pack": "as printed"} if self.chance.randrange(4) == 0 else {}
            yield {"text": make(), **self.context(), **other}

    def context(self) -> dict[str, Any]:
        """Where and when it is shown: half of the time nothing is wrong with either."""
        pick = self.chance.choice
        if self.chance.randrange(2):
            use = OfflineUse(pick((900, 4_000)), 100, pick((0, 0, 1)), 0, 0, NOW - 60, None, pick((True, False)))
            challenge = pick((None, None, b"4711", NONCE))
            return {
                "at": NOW, "list": self.lists[0], "window": "offline", "audiences": ["M-17", "T01"],
                "challenge": challenge.hex() if challenge else None, "seen": [], "use": pick((None, asdict(use))),
            }  # fmt: skip
        use = OfflineUse(
            pick((900, 2_501, 4_000, 6_000)), pick((100, 60_000)), pick((0, 0, 1, 2)), pick((0, 25, 40)), pick((0, 60_000)),
            NOW - pick((60, 80 * 3600)), pick((None, None, 20_000)), pick((True, False)),
        )  # fmt: skip
        challenge = pick((None, None, None, b"4711", NONCE))
        return {
            "at": NOW + pick((0, 0, 0, 0, 0, 20, 40, 61, -20, -31, 300, -300, 600, 601, -700, -2 * DAY, 14 * DAY)),
            "list": pick((None, *self.lists)),
            "window": pick(("online", "offline")),
            "audiences": pick(([], ["M-17", "T01"], ["M-99"])),
            "challenge": challenge.hex() if challenge else None,
            "seen": pick(([], [], [replay_id(1_234_567, b"\0\0\0\1abcd").hex()])),
            "use": pick((None, None, asdict(use))),
        }

    def shown_elsewhere(self) -> str:
        """A good code; what is wrong, if anything, is where and when."""
        text = self.chance.choice(self.good)
        return self.chance.choice((text, text.lower(), f"\t{text}\r\n", malleated(text), text.replace("CN1", "CN2")))

    def typed(self) -> str:
        return mutated(self.chance.choice(self.good), self.chance)

    def flipped(self) -> str:
        token = bytearray(token_of(self.chance.choice(self.good)))
        for _ in range(self.chance.choice((1, 1, 2, 8))):
            bit = self.chance.randrange(8 * len(token))
            token[bit >> 3] ^= 1 << (bit & 7)
        return code_text(bytes(token))

    def cut(self) -> str:
        token = token_of(self.chance.choice(self.good))
        at, to = sorted(self.chance.randrange(len(token) + 1) for _ in range(2))
        return code_text(self.chance.choice((token[:at], token[at:], token[:at] + token[to:], token[:to] + token[at:])))

    def resigned(self) -> str:
        """Every signature right; maps, lengths, types and order perhaps not."""
        issuer, key = self.issuer, self.chance.choice((self.issuer.card, self.issuer.card, self.issuer.print))
        claims = self.damaged(_claims(issuer.claims()))
        credential = issued(key, claims, self.damaged([(b"\x01", b"\x27"), (b"\x04", b"\x42" + key.issuer.kid)]))
        if self.chance.randrange(6) == 0:
            return code_text(credential)
        proof: Entries = [(b"\x06", cose.integer(NOW)), (b"\x07", b"\x48\0\0\0\1abcd")]
        if self.chance.randrange(3) == 0:
            proof.insert(0, (b"\x03", b"\x64M-17"))
        if self.chance.randrange(3) == 0:
            proof.append((b"\x18\x27", b"\x444711"))
        protected = self.damaged([(b"\x01", b"\x26"), (b"\x0d", credential)])
        token = shown(issuer.phone, protected, self.damaged(proof))
        return code_text(token + self.chance.choice((b"", b"", b"", b"\0")))

    def swapped(self) -> str:
        """Parts that are right in themselves, put together by somebody else."""
        issuer, pick = self.issuer, self.chance.choice
        key = pick((issuer.card, issuer.card, issuer.es256, issuer.print, issuer.revoked, self.stranger, issuer.status))
        point = pick((issuer.phone.public, issuer.phone.public, self.other_phone.public, None, b"\x02" + b"\xff" * 32))
        claims = Claims(
            pick((1_234_567, 7, 0, 2**32 - 1)), pick((NOW - DAY, NOW - DAY, NOW + 301, NOW - 31 * DAY)),
            pick((NOW + 13 * DAY, NOW + DAY, NOW - 1)), pick((0, 2, 2**64 - 1)), pick((None, 37, 2**53)), point,
        )  # fmt: skip
        alg = pick((key.issuer.alg, key.issuer.alg, Alg.ES256, Alg.EDDSA))
        protected = codec.credential_header(alg, pick((key.issuer.kid, issuer.card.issuer.kid, key.issuer.kid)))
        credential = issued(key, codec.encode_claims(claims), protected)
        if self.chance.randrange(4) == 0:
            return code_text(credential)
        proof = Proof(NOW, b"\0\0\0\1abcd", pick((None, None, "M-17", "é" * 12)), pick((None, None, b"4711", NONCE)))
        outer = header(credential, pick((Alg.ES256, Alg.ES256, Alg.ES256, Alg.EDDSA)))
        return code_text(shown(pick((issuer.phone, self.other_phone)), outer, codec.encode_proof(proof)))

    def encoded(self) -> str:
        """The same values, written another way, or another token inside the text of the first."""
        token = token_of(self.chance.choice(self.good))
        at = self.chance.randrange(len(token))
        odd = self.chance.choice(ODD_VALUES + ODD_KEYS)
        longer = {
            0x18: b"\x19\0",
            0x58: b"\x59\0",
            0x44: b"\x58\x04",
            0x48: b"\x58\x08",
            0xA0: b"\xb8\0",
            0xD2: b"\xd8\x12",
        }
        if token[at] in longer and self.chance.randrange(2):
            return code_text(token[:at] + longer[token[at]] + token[at + 1 :])
        return "CN1:" + base45.encode(token[:at] + odd + token[at + self.chance.choice((0, 1, len(odd))) :])

    def damaged(self, entries: Entries) -> bytes:
        """A map as it should be, or with one or two things wrong with it."""
        entries, count, head, tail = list(entries), len(entries), None, b""
        for _ in range(self.chance.choice((0, 0, 0, 0, 0, 0, 1, 1, 2))):
            at = self.chance.randrange(len(entries)) if entries else 0
            match self.chance.randrange(9) if entries else 8:
                case 0 | 1:
                    entries[at] = (entries[at][0], self.chance.choice(ODD_VALUES))
                case 2:
                    entries[at] = (self.chance.choice(ODD_KEYS), entries[at][1])
                case 3:
                    del entries[at]
                case 4:
                    entries.insert(at, entries[at])
                case 5:
                    entries.insert(0, entries.pop(at))
                case 6:
                    entries.insert(at, (self.chance.choice(ODD_KEYS), self.chance.choice(ODD_VALUES)))
                case 7:
                    head, tail = self.chance.choice(((b"\xbf", b"\xff"), (b"\xb8" + bytes((len(entries),)), b"")))
                case 8:
                    tail = self.chance.choice((b"\0", b"\xff", b"\xa0"))
            count = len(entries) + (self.chance.randrange(8) == 0)
        return (head or cose.head(cose.MAP, count)) + b"".join(key + value for key, value in entries) + tail


def _claims(claims: Claims) -> Entries:
    point = claims.device_key or b""
    sign = b"\xf5" if point[0] == 3 else b"\xf4"
    return [
        (b"\x04", cose.integer(claims.expires_at)),
        (b"\x06", cose.integer(claims.issued_at)),
        (b"\x07", b"\x44" + claims.index.to_bytes(4, "big")),
        (b"\x08", b"\xa1\1\xa4\1\2\x20\1\x21\x58\x20" + point[1:] + b"\x22" + sign),
        (b"\x3a\0\1\x11\x70", b"\x82\x02\x18\x25"),
    ]
