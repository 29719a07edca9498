"""A small issuer of its own for tests of codes: keys, pack, cards and phones, without a database."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from cardnet.credential import cose
from cardnet.credential.codec import Claims, Proof
from cardnet.credential.device import DeviceKey
from cardnet.credential.keys import Alg, IssuerKey, KeyState, KeyUse, SigningKey
from cardnet.credential.pack import Policy, TrustPack
from cardnet.credential.signing import code_text, sign_credential
from cardnet.credential.status import StatusList, make_list
from cardnet.credential.verify import Accepted, Rejected, VerifyContext, Window, verify
from cardnet.kernel.world import World, frozen_world

NOW = 1_795_250_000
DAY = 86_400


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def make_key(
    world: World,
    kid: bytes,
    use: KeyUse,
    alg: Alg = Alg.EDDSA,
    nbf: int = NOW - 30 * DAY,
    exp: int = NOW + 30 * DAY,
) -> SigningKey:
    private = world.random_bytes(32)
    return SigningKey(IssuerKey(kid, alg, use, cose.public_of(alg, private), nbf, exp), private)


@dataclass
class Issuer:
    """A union with one key of each use, one phone and one printed card, at second `NOW`."""

    world: World = field(default_factory=lambda: frozen_world(moment(NOW), b"credential tests"))
    seq: int = 1
    policy: Policy = field(default_factory=Policy)

    def __post_init__(self) -> None:
        self.card = make_key(self.world, b"\x01\x0a", KeyUse.CARD)
        self.print = make_key(self.world, b"\x02\x01", KeyUse.PRINT)
        self.status = make_key(self.world, b"\x03\x01", KeyUse.STATUS)
        self.es256 = make_key(self.world, b"\x01\x0b", KeyUse.CARD, Alg.ES256)
        self.revoked = make_key(self.world, b"\x01\x0c", KeyUse.CARD)
        self.phone = DeviceKey.make(self.world)

    @property
    def pack(self) -> TrustPack:
        keys = {key.issuer.kid: key.issuer for key in (self.card, self.print, self.status, self.es256)}
        keys[self.revoked.issuer.kid] = replace(self.revoked.issuer, state=KeyState.REVOKED)
        return TrustPack(self.seq, NOW - DAY, NOW + 29 * DAY, keys, self.policy)

    def claims(self, index: int = 1_234_567, **members: object) -> Claims:
        claims = Claims(index, NOW - DAY, NOW + 13 * DAY, 2, 37, self.phone.public)
        return replace(claims, **members)  # type: ignore[arg-type]

    def credential(self, **members: object) -> bytes:
        return sign_credential(self.card, self.claims(**members))

    def printed(self, **members: object) -> str:
        claims = self.claims(device_key=None, **members)
        return code_text(sign_credential(self.print, claims))

    def proof(self, **members: object) -> Proof:
        proof = Proof(NOW, b"\0\0\0\1abcd")
        return replace(proof, **members)  # type: ignore[arg-type]

    def code(self, credential: bytes | None = None, phone: DeviceKey | None = None, **members: object) -> str:
        """A code shown now; `members` change its proof."""
        return code_text((phone or self.phone).token(credential or self.credential(), self.proof(**members)))

    def judge(
        self, text: str, seconds: float = NOW, status: StatusList | None = None, **context: object
    ) -> Accepted | Rejected:
        given = VerifyContext(**{"window": Window.OFFLINE, **context})  # type: ignore[arg-type]
        return verify(text, self.pack, status, moment(seconds), given)

    def answer(self, text: str, seconds: float = NOW, status: StatusList | None = None, **context: object) -> str:
        """The outcome in one word, as the table of attacks writes it."""
        judged = self.judge(text, seconds, status, **context)
        return judged.outcome if isinstance(judged, Rejected) else f"accepted:{judged.assurance}"

    def listing(self, statuses: dict[int, int], issued_at: int = NOW) -> StatusList:
        return make_list(statuses, 2 << 20, issued_at)
