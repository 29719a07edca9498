"""Which services a merchant's programs know: what its till must be able to say is bought. Pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from cardnet.benefits.terms import Leaf, Node, Terms

_MERCHANT = ("merchant_in", "provider_in")


@dataclass(frozen=True, slots=True)
class Bought:
    """Something a member may buy for which a program gives something: a service's code, or None for ordinary goods.

    `programs` are the names of those that may apply to it.
    """

    code: str | None
    programs: tuple[str, ...]


def bought(programs: Iterable[tuple[str, Terms]], merchant: str, category: str) -> tuple[Bought, ...]:
    """Ordinary goods first, then services by code; of `programs` (name and terms) those that may apply at this merchant.

    What depends on member, price, day or hour is taken to be possible.
    """
    known = list(programs)
    codes = sorted({code for _, terms in known for code in _services(terms.when)})
    found = []
    for code in (None, *codes):
        names = tuple(name for name, terms in known if True in _outcomes(terms.when, _judge(code, merchant, category)))
        if names:
            found.append(Bought(code, names))
    return tuple(found)


def _services(node: Leaf | Node) -> Iterator[str]:
    if isinstance(node, Node):
        for inner in node.of:
            yield from _services(inner)
    elif node.op == "service_code_in":
        yield from node.expected


def _judge(service: str | None, merchant: str, category: str) -> Callable[[Leaf], frozenset[bool]]:
    actual = {**dict.fromkeys(_MERCHANT, merchant), "merchant_category_in": category, "service_code_in": service}
    return lambda leaf: frozenset((leaf.holds(actual[leaf.op]),)) if leaf.op in actual else frozenset((True, False))


def _outcomes(node: Leaf | Node, judge: Callable[[Leaf], frozenset[bool]]) -> frozenset[bool]:
    """Whether a condition may hold, whether it may fail."""
    if isinstance(node, Leaf):
        return judge(node)
    inner = [_outcomes(one, judge) for one in node.of]
    if node.op == "not":
        return frozenset(not may for may in inner[0])
    # `all` needs each to hold and one to fail, `any` the other way round.
    decides = node.op == "any"
    found = {decides} if any(decides in may for may in inner) else set[bool]()
    return frozenset(found | {not decides} if all((not decides) in may for may in inner) else found)
