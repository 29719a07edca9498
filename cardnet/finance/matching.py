"""Reconciliation: our lines against a merchant's, as relational expressions.

Written once in Ibis; DuckDB runs it. A pure function of (our lines, their lines, ruleset): no clock, no
database, no chance, and every order is total, so the same input gives the same bytes whatever the machine.

The passes, each consuming its lines (docs: finance, "Reconciliation"):

    P1  redemption id, type, amount, business date equal
    P2  merchant reference, type, amount, business date equal
    P3  key and type equal, amount differs                        -> E06
    P4  key, type and amount equal, dates apart by the cut-off    -> E08
        (also when the run of the day, month or file before has paired them: then E08 again, and no second match)
    P6  terminal and amount equal, 120 s apart: only a suggestion

A line with more than one candidate is never given to one of them (E14). Amounts are compared to the fen.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import duckdb
import ibis
import pyarrow as pa
import pyarrow.compute as pc

OURS = pa.schema(
    [
        ("no", pa.int64()),  # unique; also the order
        ("redemption_id", pa.string()),
        ("original_id", pa.string()),  # of a reversal or refund: the redemption it takes back
        ("merchant_ref", pa.string()),
        ("type", pa.string()),  # capture, reversal, refund
        ("day", pa.int32()),  # business date, days since 1970-01-01
        ("at", pa.int64()),  # seconds since 1970-01-01 UTC
        ("terminal", pa.string()),
        ("union_fen", pa.int64()),  # never negative: the type says which way the money went
        ("discount_fen", pa.int64()),
        ("benefit_fen", pa.int64()),  # all that the member did not pay
        ("gross_fen", pa.int64()),
        ("in_period", pa.bool_()),  # false: a neighbouring day, only there for P4
        ("foreign", pa.bool_()),  # another merchant's line, only there for E10
        ("paired_day", pa.int32()),  # another run has paired it (P4) with their line of this day: never paired again
    ]
)
"""What one line of ours is made of."""

THEIRS = pa.schema(
    [
        ("no", pa.int64()),
        ("redemption_id", pa.string()),
        ("merchant_ref", pa.string()),
        ("type", pa.string()),  # capture, reversal, refund, or back: a negative amount without a word
        ("day", pa.int32()),  # null: the file does not say
        ("at", pa.int64()),
        ("terminal", pa.string()),
        ("amount_fen", pa.int64()),  # negative only on a capture, which is then E07
        ("in_period", pa.bool_()),
    ]
)
"""What one line of theirs is made of."""

MATCHES = pa.schema([("pass", pa.string()), ("our_no", pa.int64()), ("their_no", pa.int64())])
FINDINGS = pa.schema(
    [
        ("finding", pa.int64()),
        ("code", pa.string()),
        ("our_no", pa.int64()),
        ("their_no", pa.int64()),
        ("role", pa.string()),  # own: the line this finding is about; related: shown beside it
    ]
)

BASES = ("union_fen", "benefit_fen", "gross_fen", "payable_fen")
"""What a column that only says 金额 may mean: the union's share, all the member saved, the order, or what the
customer paid."""


@dataclass(frozen=True)
class Ruleset:
    """The numbers of the passes; `version` stands on every result."""

    version: str = "1"
    cut_off_days: int = 1
    suggest_seconds: int = 120


@dataclass(frozen=True)
class Matching:
    """Which lines agree, which do not, and which amount of ours was compared (`basis`)."""

    matches: pa.Table
    findings: pa.Table
    basis: str


class Engine:
    """A DuckDB of its own in memory. `load` names a table, `keep` materialises an expression."""

    def __init__(self, threads: int = 2, memory: str = "600MB") -> None:
        self.connection = duckdb.connect(config={"threads": threads, "memory_limit": memory})
        self.ibis = ibis.duckdb.from_connection(self.connection)
        self._kept = 0

    def load(self, name: str, table: pa.Table) -> Any:
        self.connection.register(name, table)
        return self.ibis.table(name)

    def keep(self, expression: Any) -> Any:
        self._kept += 1
        return self.ibis.create_table(f"kept_{self._kept}", expression, temp=True)

    def close(self) -> None:
        self.connection.close()


def match(
    ours: pa.Table,
    theirs: pa.Table,
    basis: str | None = None,
    ruleset: Ruleset | None = None,
    engine: Engine | None = None,
) -> Matching:
    """Compare. `basis` names the amount of ours their column means; None lets the lines themselves tell.

    Raises KeyError when a table lacks a column of `OURS` or `THEIRS`.
    """
    running = engine or Engine()
    try:
        return _Run(running, ours.select(OURS.names), theirs.select(THEIRS.names), basis, ruleset or Ruleset()).result()
    finally:
        if engine is None:
            running.close()


class _Run:
    """One reconciliation under way: what is still free, what was paired, what was found."""

    def __init__(self, engine: Engine, ours: pa.Table, theirs: pa.Table, basis: str | None, ruleset: Ruleset) -> None:
        self.keep, self.rules = engine.keep, ruleset
        # A key one side never uses joins nothing: leaving its joins out saves most of a small run's time.
        self.keys = [key for key in _KEYS if _used(ours, key[1]) and _used(theirs, key[2])]
        self.has_foreign = bool(pc.any(ours["foreign"]).as_py())
        self.has_terminals = _used(theirs, "terminal")
        given = engine.load("ours", ours).mutate(payable_fen=lambda t: t.gross_fen - t.benefit_fen)
        self.theirs = engine.load("theirs", theirs)
        self.basis = basis or _basis(given, self.theirs, self.keys)
        given = given.mutate(amount=given[self.basis])
        self.foreign = given.filter(given.foreign)
        self.ours = given.filter(~given.foreign)
        self.free_ours, self.free_theirs = self.ours, self.theirs
        self.pairs: list[Any] = []  # (pass, our_no, their_no)
        self.found: list[Any] = []  # (code, label, our_no, their_no, related_ours, related_theirs)
        self.suggested: Any = None

    def result(self) -> Matching:
        self._twice_in_ours()
        for name, our_key, their_key in self.keys:
            self._exact(name, our_key, their_key)
        theirs_left = not _empty(self.free_theirs)
        if theirs_left:
            self._copies()
            for type_rule in (_same_type, _same_direction, _any_type):
                self._keyed(type_rule)
            self._key_already_used()
        self._reversed_here_only()
        if theirs_left and self.has_foreign:
            self._of_another_merchant()
        if self.has_terminals:
            self._other_terminal()
        if theirs_left and self.has_terminals:
            self._suggestions()
        self._rest()
        return Matching(self._matches(), self._findings(), self.basis)

    # -- bookkeeping

    def _use(self, pairs: Any) -> None:
        """The lines of `pairs` (our_no and or their_no) are free no longer."""
        if "our_no" in pairs.columns:
            self.free_ours = self.keep(self.free_ours.anti_join(pairs, self.free_ours.no == pairs.our_no))
        if "their_no" in pairs.columns:
            self.free_theirs = self.keep(self.free_theirs.anti_join(pairs, self.free_theirs.no == pairs.their_no))

    def _find(self, code: str, lines: Any, label: Any = None) -> None:
        """Note a finding per row of `lines`, or one per `label` when several rows belong together."""
        columns = lines.columns
        self.found.append(
            lines.select(
                code=ibis.literal(code),
                label=ibis.null("int64") if label is None else label,
                our_no=lines.our_no if "our_no" in columns else ibis.null("int64"),
                their_no=lines.their_no if "their_no" in columns else ibis.null("int64"),
                related_ours=lines.related_ours if "related_ours" in columns else ibis.null("int64"),
                related_theirs=lines.related_theirs if "related_theirs" in columns else ibis.null("int64"),
            )
        )

    # -- the passes

    def _twice_in_ours(self) -> None:
        counted = self.ours.group_by(["redemption_id", "type"]).agg(lines=self.ours.count())
        suspects = self.ours.semi_join(counted.filter(counted.lines > 1), ["redemption_id", "type"])
        repeat = ibis.row_number().over(group_by=[suspects.redemption_id, suspects.type], order_by=suspects.no)
        ranked = suspects.mutate(repeat=repeat)
        twice = self.keep(ranked.filter(ranked.repeat > 0).select(our_no=ranked.no))
        if _empty(twice):
            return
        self._find("E04", twice)
        self._use(twice)

    def _exact(self, name: str, our_key: str, their_key: str) -> None:
        """P1 and P2.

        Where several lines are equal in everything, they are interchangeable: the n-th of ours goes with the n-th of
        theirs, provided theirs has as many; what theirs has more is a copy (E03).
        """
        ours = self.free_ours.filter(self.free_ours.in_period, self.free_ours.paired_day.isnull())
        theirs = self.free_theirs.filter(self.free_theirs.in_period)
        joined = ours.join(
            theirs, [ours[our_key] == theirs[their_key], ours.amount == theirs.amount_fen], rname="their_{name}"
        )
        allowed = joined.filter(_same_type(joined), joined.their_day.isnull() | (joined.their_day == joined.day))
        pairs = self.keep(
            allowed.select(
                our_no=allowed.no,
                their_no=allowed.their_no,
                key=allowed[our_key],
                type=allowed.type,
                amount=allowed.amount,
                day=allowed.day,
            )
        )
        shared = _touching(pairs, _repeated(pairs, "our_no"), _repeated(pairs, "their_no"))
        shared = self.keep(shared)
        sure = pairs.anti_join(shared, ["our_no", "their_no"]).select("our_no", "their_no")
        if not _empty(shared):
            sure = sure.union(self._interchangeable(shared))
        sure = self.keep(sure)
        self.pairs.append(sure.select(ibis.literal(name).name("pass"), "our_no", "their_no"))
        self._use(sure)

    def _interchangeable(self, pairs: Any) -> Any:
        block = [pairs.key, pairs.type, pairs.amount, pairs.day]
        ranked = pairs.mutate(
            nth_ours=ibis.dense_rank().over(group_by=block, order_by=pairs.our_no),
            nth_theirs=ibis.dense_rank().over(group_by=block, order_by=pairs.their_no),
        )
        block = [ranked.key, ranked.type, ranked.amount, ranked.day]
        counted = ranked.mutate(
            of_ours=ranked.nth_ours.max().over(group_by=block), of_theirs=ranked.nth_theirs.max().over(group_by=block)
        )
        even = counted.filter(counted.nth_ours == counted.nth_theirs, counted.of_theirs >= counted.of_ours)
        # A line of theirs without a date can stand in two blocks: then nobody may pick.
        alone = even.mutate(
            ours=even.our_no.count().over(group_by=even.our_no), theirs=even.our_no.count().over(group_by=even.their_no)
        )
        return alone.filter(alone.ours == 1, alone.theirs == 1).select("our_no", "their_no")

    def _copies(self) -> None:
        """E03: a free line of theirs that says exactly what an earlier line of theirs says."""
        everything = _identified(self.theirs)
        free = _identified(self.free_theirs)
        first = everything.semi_join(free, _IDENTITY).group_by(_IDENTITY).agg(first_no=lambda t: t.no.min())
        seen = free.join(first, _IDENTITY)
        copies = self.keep(
            seen.filter(seen.no > seen.first_no, seen.in_period).select(their_no=seen.no, related_theirs=seen.first_no)
        )
        if not _empty(copies):
            self._find("E03", copies)
            self._use(copies)

    def _keyed(self, type_rule: Any) -> None:
        """What is left and has a key in common: P3, P4, or a type or sign that differs."""
        candidates = self._candidates(type_rule)
        if candidates is None or _empty(candidates := self.keep(candidates)):
            return
        shared = self.keep(_touching(candidates, _repeated(candidates, "our_no"), _repeated(candidates, "their_no")))
        single = candidates.anti_join(shared, ["our_no", "their_no"])
        verdict = self.keep(single.mutate(code=_code_of_pair(single, self.rules)).filter(ibis._.code.notnull()))
        for code in ("E06", "E07", "E08"):
            self._find(code, verdict.filter(verdict.code == code))
        cleared = verdict.filter(verdict.code == "E08", ~verdict.paired)
        self.pairs.append(cleared.select(ibis.literal("P4").name("pass"), "our_no", "their_no"))
        if not _empty(shared):
            self._find_groups(shared)
            verdict = verdict.select("our_no", "their_no").union(shared.select("our_no", "their_no"))
        self._use(self.keep(verdict))

    def _candidates(self, type_rule: Any) -> Any:
        parts = []
        for _, our_key, their_key in self.keys:
            ours, theirs = self.free_ours, self.free_theirs
            joined = ours.join(theirs, [ours[our_key] == theirs[their_key]], rname="their_{name}")
            apart = (joined.their_day - joined.day).abs()
            near = (joined.amount == joined.amount_fen) & (apart <= self.rules.cut_off_days)
            both = joined.in_period & joined.their_in_period
            either = joined.in_period | joined.their_in_period
            allowed = joined.filter(
                type_rule(joined),
                both | (either & near & _same_type(joined)),
                joined.paired_day.isnull() | (near & (joined.their_day == joined.paired_day)),
            )
            parts.append(
                allowed.select(
                    our_no=allowed.no,
                    their_no=allowed.their_no,
                    same_type=_same_type(allowed),
                    same_amount=allowed.amount == allowed.amount_fen,
                    opposite=allowed.amount == -allowed.amount_fen,
                    apart=(allowed.their_day - allowed.day).abs(),
                    paired=allowed.paired_day.notnull(),
                )
            )
        return ibis.union(*parts, distinct=True) if parts else None

    def _find_groups(self, pairs: Any) -> None:
        """E14: lines that have more than one candidate, told as one finding for all that hang together."""
        labelled = self.keep(pairs.select("our_no", "their_no", label=pairs.their_no))
        changed = True
        while changed:
            by_ours = labelled.mutate(next=labelled.label.min().over(group_by=labelled.our_no))
            by_both = by_ours.mutate(next=by_ours.next.min().over(group_by=by_ours.their_no))
            step = self.keep(by_both)
            changed = not _empty(step.filter(step.next != step.label))
            labelled = self.keep(step.select("our_no", "their_no", label=step.next))
        self._find("E14", labelled.select("our_no", "label").distinct(), ibis._.label)
        self._find("E14", labelled.select("their_no", "label").distinct(), ibis._.label)

    def _key_already_used(self) -> None:
        """E03 as well: a further line of theirs under a key whose line of ours is taken."""
        taken = self.ours.filter(self.ours.in_period).anti_join(self.free_ours, "no")
        parts = []
        for _, our_key, their_key in self.keys:
            free = self.free_theirs.filter(self.free_theirs.in_period)
            joined = free.join(taken, [free[their_key] == taken[our_key], free.type == taken.type], rname="our_{name}")
            parts.append(joined.group_by(joined.no).agg(related_ours=joined.our_no.min()))
        if not parts:
            return
        seen = ibis.union(*parts)
        twice = self.keep(seen.group_by(their_no=seen.no).agg(related_ours=seen.related_ours.min()))
        if not _empty(twice):
            self._find("E03", twice)
            self._use(twice.select("their_no"))

    def _reversed_here_only(self) -> None:
        """E09: they count a redemption that was taken back here."""
        free = self.free_ours.filter(
            self.free_ours.type == "reversal", self.free_ours.in_period, self.free_ours.paired_day.isnull()
        )
        if _empty(free):
            return
        captures = self.ours.filter(self.ours.type == "capture").select("no", "redemption_id")
        paired = [pairs.select("our_no", "their_no") for pairs in self.pairs]
        for lines in self.found:
            both = lines.filter(lines.our_no.notnull() & lines.their_no.notnull())
            paired.append(both.select("our_no", "their_no"))
        if not paired:
            return
        paired = ibis.union(*paired)
        counted = captures.join(paired, captures.no == paired.our_no).select("redemption_id", "their_no")
        seen = free.join(counted, free.original_id == counted.redemption_id)
        lines = self.keep(seen.group_by(our_no=seen.no).agg(related_theirs=seen.their_no.min()))
        self._find("E09", lines)
        self._use(lines.select("our_no"))

    def _of_another_merchant(self) -> None:
        """E10: their line is another merchant's redemption."""
        free = self.free_theirs.filter(self.free_theirs.in_period)
        joined = free.join(self.foreign, free.redemption_id == self.foreign.redemption_id, rname="our_{name}")
        elsewhere = self.keep(joined.group_by(their_no=joined.no).agg(related_ours=joined.our_no.min()))
        if not _empty(elsewhere):
            self._find("E10", elsewhere)
            self._use(elsewhere.select("their_no"))

    def _other_terminal(self) -> None:
        """E10 as well: a pair that agrees but for the terminal; it stays matched."""
        if not self.pairs:
            return
        # Shops have names of their own for their tills; only a terminal we know can be the wrong one.
        known = self.ours.select("terminal").distinct()
        named = self.theirs.semi_join(known, "terminal").select(their_no="no", their_terminal="terminal")
        pairs = ibis.union(*[p.select("our_no", "their_no") for p in self.pairs])
        ours = self.ours.select(our_no="no", our_terminal="terminal")
        joined = pairs.join(named, "their_no").join(ours, "our_no")
        self._find(
            "E10",
            joined.filter(joined.their_terminal != joined.our_terminal).select(
                related_ours=joined.our_no, related_theirs=joined.their_no
            ),
        )

    def _suggestions(self) -> None:
        """P6: both sides of one terminal, amount and direction in time order; a pause ends an island.

        One of ours and one of theirs in an island suggest each other; a line without any key among several is E14.
        """
        ours = self.free_ours.filter(self.free_ours.in_period, self.free_ours.paired_day.isnull())
        theirs = self.free_theirs.filter(self.free_theirs.in_period & self.free_theirs.at.notnull())
        if _empty(theirs):
            return
        ours = ours.semi_join(theirs, [ours.terminal == theirs.terminal, ours.amount == theirs.amount_fen])
        lines = ours.select(
            "at",
            "terminal",
            "amount",
            back=ours.type != "capture",
            our_no=ours.no,
            their_no=ibis.null("int64"),
            keyless=ibis.literal(value=False),
        ).union(
            theirs.select(
                "at",
                "terminal",
                amount=theirs.amount_fen,
                back=theirs.type != "capture",
                our_no=ibis.null("int64"),
                their_no=theirs.no,
                keyless=theirs.redemption_id.isnull() & theirs.merchant_ref.isnull(),
            )
        )
        place = ["terminal", "amount", "back"]
        order = [ibis._.at, ibis._.our_no, ibis._.their_no]
        since = lines.at - lines.at.lag().over(group_by=place, order_by=order)
        starts = lines.mutate(start=(since.fill_null(0) > self.rules.suggest_seconds).cast("int64"))
        within = ibis.window(group_by=place, order_by=order, preceding=None, following=0)
        islands = starts.mutate(island=starts.start.sum().over(within))
        place = [*place, "island"]
        counted = self.keep(
            islands.mutate(
                of_ours=islands.our_no.count().over(group_by=place),
                of_theirs=islands.their_no.count().over(group_by=place),
                of_keyless=islands.keyless.cast("int64").sum().over(group_by=place),
                one_of_ours=islands.our_no.min().over(group_by=place),
                one_of_theirs=islands.their_no.min().over(group_by=place),
            )
        )
        self.suggested = self.keep(
            counted.filter(counted.of_ours == 1, counted.of_theirs == 1)
            .select(our_no=ibis._.one_of_ours, their_no=ibis._.one_of_theirs)
            .distinct()
        )
        several = counted.filter(counted.of_ours > 0, counted.of_keyless > 0, counted.of_ours + counted.of_theirs > 2)
        several = self.keep(several.filter(several.our_no.notnull() | several.keyless))
        if not _empty(several):
            self._find("E14", several, several.one_of_theirs)
            self._use(several.filter(several.our_no.notnull()).select("our_no"))
            self._use(several.filter(several.their_no.notnull()).select("their_no"))

    def _rest(self) -> None:
        inside = self.free_ours.filter(self.free_ours.in_period)
        self._find("E08", inside.filter(inside.paired_day.notnull()).select(our_no="no"))
        ours = inside.filter(inside.paired_day.isnull()).select(our_no="no")
        theirs = self.free_theirs.filter(self.free_theirs.in_period).select(their_no="no")
        if self.suggested is not None:
            hint = self.suggested
            ours = ours.left_join(hint, "our_no").select("our_no", related_theirs="their_no")
            theirs = theirs.left_join(hint, "their_no").select("their_no", related_ours="our_no")
        self._find("E01", ours)
        self._find("E02", theirs)

    # -- the answer, in one order

    def _matches(self) -> pa.Table:
        if not self.pairs:
            return MATCHES.empty_table()
        pairs = ibis.union(*self.pairs)
        return pairs.order_by(["our_no", "their_no"]).to_pyarrow().cast(MATCHES)

    def _findings(self) -> pa.Table:
        rows = ibis.union(*self.found)
        # A finding is one row, unless a label ties rows together.
        one = ibis.coalesce(rows.our_no, rows.related_ours), ibis.coalesce(rows.their_no, rows.related_theirs)
        rows = rows.mutate(first_ours=one[0], first_theirs=one[1])
        tied = rows.label.notnull()
        rows = rows.mutate(
            first_ours=tied.ifelse(rows.first_ours.min().over(group_by=[rows.code, rows.label]), rows.first_ours),
            first_theirs=tied.ifelse(rows.first_theirs.min().over(group_by=[rows.code, rows.label]), rows.first_theirs),
        )
        last = 2**62
        order = [
            rows.code,
            rows.first_ours.fill_null(last),
            rows.first_theirs.fill_null(last),
            rows.label.fill_null(-1),
        ]
        numbered = self.keep(rows.mutate(finding=ibis.dense_rank().over(order_by=order)))
        parts = [
            numbered.filter(numbered[column].notnull()).select(
                "finding",
                "code",
                our_no=numbered[column] if ours else ibis.null("int64"),
                their_no=ibis.null("int64") if ours else numbered[column],
                role=ibis.literal(role),
            )
            for column, ours, role in (
                ("our_no", True, "own"),
                ("their_no", False, "own"),
                ("related_ours", True, "related"),
                ("related_theirs", False, "related"),
            )
        ]
        told = ibis.union(*parts, distinct=True)
        ordered = told.order_by([told.finding, told.role, told.our_no.fill_null(last), told.their_no.fill_null(last)])
        return ordered.to_pyarrow().cast(FINDINGS)


_KEYS = (
    ("P1", "redemption_id", "redemption_id"),
    # A shop writes the redemption it took back, not the number of our reversal.
    ("P1", "original_id", "redemption_id"),
    ("P2", "merchant_ref", "merchant_ref"),
)
_IDENTITY = ["id_", "ref_", "type", "amount_fen", "day_"]


def _used(table: pa.Table, column: str) -> bool:
    return bool(table[column].null_count < table.num_rows)


def _identified(theirs: Any) -> Any:
    """Lines with a key, and their identity in columns that compare equal when empty."""
    keyed = theirs.filter(theirs.redemption_id.notnull() | theirs.merchant_ref.notnull())
    return keyed.mutate(
        id_=keyed.redemption_id.fill_null(""), ref_=keyed.merchant_ref.fill_null(""), day_=keyed.day.fill_null(-1)
    )


def _same_type(joined: Any) -> Any:
    return (joined.their_type == joined.type) | ((joined.their_type == "back") & (joined.type != "capture"))


def _same_direction(joined: Any) -> Any:
    return (joined.their_type == "capture") == (joined.type == "capture")


def _any_type(joined: Any) -> Any:
    return joined.their_type.notnull()


def _code_of_pair(pairs: Any, rules: Ruleset) -> Any:
    """The one code of a pair that has only each other; null: they are two differences of their own."""
    return ibis.cases(
        (~pairs.same_type | (~pairs.same_amount & pairs.opposite), "E07"),
        (~pairs.same_amount, "E06"),
        (pairs.apart <= rules.cut_off_days, "E08"),
        else_=ibis.null("string"),
    )


def _repeated(pairs: Any, column: str) -> Any:
    counted = pairs.group_by(column).agg(lines=pairs.count())
    return counted.filter(counted.lines > 1)


def _touching(pairs: Any, ours: Any, theirs: Any) -> Any:
    """Pairs one of whose lines is in another pair too."""
    return pairs.semi_join(ours, "our_no").union(pairs.semi_join(theirs, "their_no"), distinct=True)


def _empty(table: Any) -> bool:
    return int(table.limit(1).count().to_pyarrow().as_py()) == 0


def _basis(ours: Any, theirs: Any, keys: Iterable[tuple[str, str, str]]) -> str:
    """The amount of ours that most keyed lines of theirs agree with; the union's share when it is a tie."""
    counts = dict.fromkeys(BASES, 0)
    for _, our_key, their_key in keys:
        joined = ours.join(theirs, [ours[our_key] == theirs[their_key]], rname="their_{name}")
        same = joined.filter(_same_direction(joined))
        row = same.agg(**{name: (same[name] == same.amount_fen).sum() for name in BASES}).to_pyarrow().to_pylist()[0]
        for name in BASES:
            counts[name] += int(row[name] or 0)
    return max(BASES, key=lambda name: (counts[name], -BASES.index(name)))
