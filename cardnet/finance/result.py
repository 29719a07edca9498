"""What a reconciliation says: totals, matches, and each difference with both sides and its words. Pure.

`build` takes the matching and both tables and gives one document. Its canonical bytes are the result: they hold
nothing of when or by whom it was run.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import rfc8785

from cardnet.finance.difference import Difference, FileFacts, differences_of_files, unread_line
from cardnet.finance.matching import Matching, Ruleset
from cardnet.finance.rules import (
    GROUP_WORDS,
    LESS,
    MORE,
    TYPE_WORDS,
    DifferenceCode,
    DifferenceGroup,
)
from cardnet.kernel.calendar import local
from cardnet.kernel.money import yuan

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Asked:
    """What was compared: a merchant's code, both ends of the period, and the rules."""

    merchant_code: str
    first_on: date
    last_on: date
    ruleset: Ruleset
    basis: str


@dataclass(frozen=True)
class Outside:
    """Lines of their files on days that were not asked for: how many, and their first and last day since 1970-01-01."""

    lines: int = 0
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True)
class Result:
    """The whole answer. `content` is canonical JSON: the same inputs give the same bytes."""

    summary: dict[str, Any]
    differences: tuple[Difference, ...]
    content: bytes

    @property
    def sha256(self) -> bytes:
        """Names the answer."""
        return hashlib.sha256(self.content).digest()


@dataclass(frozen=True)
class Offline:
    """What is known of a line of theirs that has none of ours: the class it belongs to (E11, E12), and its words."""

    code: DifferenceCode
    words: Mapping[str, Any]


def build(
    asked: Asked,
    matching: Matching,
    ours: pa.Table,
    theirs: pa.Table,
    files: Sequence[FileFacts],
    offline: Mapping[int, Offline] | None = None,
    outside: Outside | None = None,
) -> Result:
    """Put the answer together. `offline` says of some of their lines, by `no`, that they were sold without a network.

    `ours` has the columns of `matching.OURS` and `store`; `theirs` those of `matching.THEIRS`, `file` (an index into
    `files`), `line` and `store`. `outside` are all lines of other days, those that are not in `theirs` too.
    """
    lookup = _Lookup(asked, matching, ours, theirs, files, offline or {})
    differences = [*lookup.differences(), *differences_of_files(files)]
    differences.sort(key=lambda one: (one.code, *_first(one.ours), *_first(one.theirs)))
    summary = _summary(asked, matching, ours, theirs, files, differences, outside or Outside())
    told = {**summary, "differences": [one.as_document(no) for no, one in enumerate(differences, 1)]}
    return Result(summary, tuple(differences), rfc8785.dumps(told))


def _first(lines: Sequence[Mapping[str, Any]]) -> tuple[str, str, int, str]:
    """Where a difference stands among those of its class: by day, file and line."""
    if not lines:
        return ("9999", "", 0, "")
    line = lines[0]
    return (line["business_date"] or "", line.get("file") or "", line.get("line") or 0, line.get("redemption_id") or "")


def _summary(
    asked: Asked,
    matching: Matching,
    ours: pa.Table,
    theirs: pa.Table,
    files: Sequence[FileFacts],
    differences: Sequence[Difference],
    outside: Outside,
) -> dict[str, Any]:
    our_lines = ours.filter(pc.and_(ours["in_period"], pc.invert(ours["foreign"])))
    their_lines = theirs.filter(theirs["in_period"])
    our_fen, their_fen = _net(our_lines, _basis_column(our_lines, matching.basis)), _net(their_lines, "amount_fen")
    faults = sum(len(file.faults) for file in files)
    exact = matching.matches.filter(pc.not_equal(matching.matches["pass"], "P4"))
    paired = ours.take(exact["our_no"])
    by_pass = {name: matching.matches["pass"].to_pylist().count(name) for name in ("P1", "P2", "P4")}
    return {
        "schema": "cardnet.reconciliation/1",
        "merchant": asked.merchant_code,
        "first_on": asked.first_on.isoformat(),
        "last_on": asked.last_on.isoformat(),
        "ruleset": asked.ruleset.version,
        "basis": matching.basis,
        "files": [_file(file) for file in files],
        "refused": any(file.refusal for file in files),
        "ours": {"lines": our_lines.num_rows, "amount_fen": our_fen},
        "theirs": {
            "lines": their_lines.num_rows,
            "amount_fen": their_fen,
            "unreadable": faults,
            "outside_period": outside.lines,
            # Those of the next day or the day before that are the other half of a line of ours (E08).
            "outside_paired": _paired_outside(matching, theirs),
            "outside_first_on": _day(outside.first),
            "outside_last_on": _day(outside.last),
            "known": _known(matching, theirs),
        },
        "difference_fen": our_fen - their_fen,
        "matched": {
            "lines": exact.num_rows,
            "amount_fen": _net(paired, _basis_column(paired, matching.basis)),
            "by_pass": by_pass,
            "sha256": _matches_digest(matching.matches, ours, theirs, files),
        },
        "counts": _counts(differences),
        "groups": [_group(group, differences) for group in DifferenceGroup],
    }


def _file(file: FileFacts) -> dict[str, Any]:
    told: dict[str, Any] = {"sha256": file.sha256, "filename": file.filename, "lines": file.lines}
    if file.unproved_fen is not None:
        told |= {"declared_fen": file.unproved_fen, "readable_fen": file.readable_fen}
    return told


def _paired_outside(matching: Matching, theirs: pa.Table) -> int:
    paired = theirs.take(pc.unique(matching.matches["their_no"]))
    return int(pc.sum(pc.invert(paired["in_period"])).as_py() or 0)


def _known(matching: Matching, theirs: pa.Table) -> int:
    """How many lines of theirs in the period have a counterpart of ours, whether they agree with it or not."""
    found = matching.findings
    strangers = pa.array([DifferenceCode.THEIRS_ONLY.value, DifferenceCode.WRONG_PLACE.value])
    apart = found.filter(pc.invert(pc.is_in(found["code"], value_set=strangers)))["their_no"].drop_null()
    numbers = pa.chunked_array([*matching.matches["their_no"].chunks, *apart.chunks], pa.int64())
    known = theirs.take(pc.unique(numbers))
    return int(pc.sum(known["in_period"]).as_py() or 0)


def _counts(differences: Sequence[Difference]) -> dict[str, int]:
    codes = [one.code.value for one in differences]
    return {code: codes.count(code) for code in sorted(set(codes))}


def _group(group: DifferenceGroup, differences: Sequence[Difference]) -> dict[str, Any]:
    inside = [one for one in differences if one.group is group]
    return {
        "group": group.value,
        "words": GROUP_WORDS[group],
        "count": len(inside),
        "difference_fen": sum(one.our_fen - one.their_fen for one in inside),
    }


def _basis_column(ours: pa.Table, basis: str) -> Any:
    if basis == "payable_fen":
        return pc.subtract(ours["gross_fen"], ours["benefit_fen"])
    return ours[basis]


def _net(table: pa.Table, column: Any) -> int:
    amounts = table[column] if isinstance(column, str) else column
    signed = pc.if_else(pc.equal(table["type"], "capture"), amounts, pc.negate(amounts))
    return int(pc.sum(signed).as_py() or 0)


def _matches_digest(matches: pa.Table, ours: pa.Table, theirs: pa.Table, files: Sequence[FileFacts]) -> str:
    """SHA-256 over `pass,our type,our id,file,line` of every match, in order."""
    left, right = ours.take(matches["our_no"]), theirs.take(matches["their_no"])
    names = pa.array([file.sha256 for file in files], pa.string())
    parts = [
        matches["pass"].combine_chunks(),
        left["type"].combine_chunks(),
        left["redemption_id"].combine_chunks(),
        names.take(right["file"].combine_chunks()),
        right["line"].combine_chunks().cast(pa.string()),
    ]
    rows = pc.binary_join_element_wise(*parts, ",")
    digest = hashlib.sha256()
    for start in range(0, len(rows), 100_000):
        digest.update("".join(f"{row}\n" for row in rows.slice(start, 100_000).to_pylist()).encode())
    return digest.hexdigest()


class _Lookup:
    """Fetches the few lines that differences are about, and puts them into words."""

    def __init__(
        self,
        asked: Asked,
        matching: Matching,
        ours: pa.Table,
        theirs: pa.Table,
        files: Sequence[FileFacts],
        offline: Mapping[int, Offline],
    ) -> None:
        self.asked, self.files, self.findings, self.offline = asked, files, matching.findings, offline
        our_nos = pc.unique(self.findings["our_no"].drop_null())
        their_nos = pc.unique(self.findings["their_no"].drop_null())
        amounts = ours.append_column("amount_fen", _basis_column(ours, matching.basis))
        self.ours = {row["no"]: row for row in amounts.take(our_nos).to_pylist()}
        self.theirs = {row["no"]: row for row in theirs.take(their_nos).to_pylist()}
        self.unread = {
            (name, fault[name]): unread_line(file.sha256, fault["line"], fault)
            for file in files
            for fault in file.faults
            for name in ("merchant_ref", "redemption_id")
            if fault.get(name)
        }

    def differences(self) -> list[Difference]:
        grouped: dict[int, list[dict[str, Any]]] = {}
        for row in self.findings.to_pylist():
            grouped.setdefault(row["finding"], []).append(row)
        return [self._difference(rows) for rows in grouped.values()]

    def _difference(self, rows: Sequence[Mapping[str, Any]]) -> Difference:
        code = DifferenceCode(rows[0]["code"])
        sold_offline = self.offline.get(rows[0]["their_no"]) if code is DifferenceCode.THEIRS_ONLY else None
        code = sold_offline.code if sold_offline else code
        sides: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in rows:
            side, line = (
                ("ours", self.ours[row["our_no"]])
                if row["our_no"] is not None
                else ("theirs", self.theirs[row["their_no"]])
            )
            sides.setdefault((row["role"], side), []).append(line)
        own_ours, own_theirs = sides.get(("own", "ours"), []), sides.get(("own", "theirs"), [])
        near_ours, near_theirs = sides.get(("related", "ours"), []), sides.get(("related", "theirs"), [])
        names = [f"o:{line['type']}:{line['redemption_id']}" for line in own_ours or ([] if own_theirs else near_ours)]
        names += [self._name(line) for line in own_theirs or ([] if own_ours else near_theirs)]
        # Another run has paired it and told of it: told here it is a difference of its own.
        names += ["paired" for line in own_ours if line["paired_day"] is not None]
        related_theirs = [self._their(line) for line in near_theirs]
        words = self._words(own_ours, own_theirs) | dict(sold_offline.words if sold_offline else {})
        if code is DifferenceCode.OTHER_DAY and not own_theirs:
            words["their_day"] = _day(own_ours[0]["paired_day"]) or ""
        if code is DifferenceCode.OURS_ONLY and (unread := self._unread(own_ours[0])):
            related_theirs.append(unread)
            words["unread_line"] = unread["line"]
        return Difference(
            key=hashlib.sha256("\n".join([code.value, *names]).encode()).digest(),
            code=code,
            ours=[self._our(line) for line in own_ours],
            theirs=[self._their(line) for line in own_theirs],
            related_ours=[self._our(line) for line in near_ours],
            related_theirs=related_theirs,
            our_fen=sum(_signed(line) for line in own_ours if line["in_period"]),
            their_fen=sum(_signed(line) for line in own_theirs if line["in_period"]),
            clears_on=_later(own_ours, own_theirs) if code is DifferenceCode.OTHER_DAY else None,
            words=words,
        )

    def _unread(self, line: Mapping[str, Any]) -> dict[str, Any] | None:
        """The line of theirs that names this one of ours and could not be read."""
        keys = ("merchant_ref", line["merchant_ref"]), ("redemption_id", line["redemption_id"])
        return next((self.unread[key] for key in keys if key in self.unread), None)

    def _name(self, line: Mapping[str, Any]) -> str:
        return f"t:{self.files[line['file']].sha256}:{line['line']}"

    def _our(self, line: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "redemption_id": line["redemption_id"],
            "original_redemption_id": line["original_id"],
            "merchant_ref": line["merchant_ref"],
            "type": line["type"],
            "business_date": _day(line["day"]),
            "occurred_at": _moment(line["at"]),
            "store": line["store"],
            "terminal": line["terminal"],
            "amount_fen": line["amount_fen"],
            "gross_fen": line["gross_fen"],
            "discount_fen": line["discount_fen"],
            "union_fen": line["union_fen"],
        }

    def _their(self, line: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "file": self.files[line["file"]].sha256,
            "line": line["line"],
            "redemption_id": line["redemption_id"],
            "merchant_ref": line["merchant_ref"],
            "type": line["type"],
            "business_date": _day(line["day"]),
            "occurred_at": _moment(line["at"]),
            "store": line["store"],
            "terminal": line["terminal"],
            "amount_fen": line["amount_fen"],
        }

    def _words(self, ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        words: dict[str, Any] = {"of_ours": len(ours), "of_theirs": len(theirs)}
        if ours:
            first = ours[0]
            words |= {
                "our_amount": yuan(first["amount_fen"]),
                "our_day": _day(first["day"]) or "",
                "our_type": TYPE_WORDS[first["type"]],
            }
        if theirs:
            first = theirs[0]
            words |= {
                "line": first["line"],
                "their_amount": yuan(first["amount_fen"]),
                "their_day": _day(first["day"]) or "",
                "their_type": TYPE_WORDS[first["type"]],
            }
        if ours and theirs:
            off = theirs[0]["amount_fen"] - ours[0]["amount_fen"]
            words |= {"more_or_less": MORE if off > 0 else LESS, "difference": yuan(abs(off))}
        return words


def _signed(line: Mapping[str, Any]) -> int:
    amount = int(line["amount_fen"])
    return amount if line["type"] == "capture" else -amount


def _later(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> date:
    days = [line["day"] for line in (*ours, *theirs)]
    return _EPOCH + timedelta(days=max([*days, *(line["paired_day"] for line in ours if not theirs)]))


def _day(number: int | None) -> str | None:
    return None if number is None else (_EPOCH + timedelta(days=number)).isoformat()


def _moment(seconds: int | None) -> str | None:
    return None if seconds is None else local(datetime.fromtimestamp(seconds, UTC)).isoformat(timespec="seconds")
