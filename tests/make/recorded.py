"""What the source records in the audit trail, read from the source: every act with the keys of its before and after."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "cardnet"

_Scope = ast.FunctionDef | ast.Module


@dataclass(frozen=True)
class Recorded:
    """One call: its action, `{}` where the source fills in, the keys of its documents, and which are written as days."""

    action: str
    keys: frozenset[str]
    days: frozenset[str]
    unread: tuple[str, ...]
    place: str


@dataclass
class Keys:
    """The keys found of an expression, and what of it could not be read."""

    known: set[str] = field(default_factory=set)
    days: set[str] = field(default_factory=set)
    unread: list[str] = field(default_factory=list)

    def __ior__(self, other: "Keys") -> "Keys":
        self.known |= other.known
        self.days |= other.days
        self.unread += other.unread
        return self


class Package:
    """The functions of one package, so that a helper's `after` is read where the helper is called."""

    def __init__(self, folder: Path) -> None:
        self.trees = {path: ast.parse(path.read_text()) for path in sorted(folder.rglob("*.py"))}

    @cached_property
    def functions(self) -> list[tuple[Path, ast.FunctionDef]]:
        return [(path, node) for path, tree in self.trees.items() for node in _functions(tree)]

    def recorded(self) -> Iterator[Recorded]:
        for path, scope in self.functions:
            for call in _calls(scope, "Act"):
                if call.args:
                    yield from self._one(path, scope, call)

    def _one(self, path: Path, scope: ast.FunctionDef, call: ast.Call) -> Iterator[Recorded]:
        documents = [word.value for word in call.keywords if word.arg in ("before", "after")] + call.args[6:8]
        place = f"{path.relative_to(SOURCES)}:{call.lineno}"
        passed = {name for one in (call.args[0], *documents) for name in _names(one)} & _parameters(scope)
        callers = [
            (by, given)
            for other, by in self.functions
            if passed and (other == path or not scope.name.startswith("_"))
            for given in _calls(by, scope.name)
        ]
        for by, given in callers or [(None, None)]:
            found = Keys()
            for one in documents:
                found |= self._keys(path, scope, one, (by, given))
            for action in self._actions(path, call.args[0], scope, by, given):
                if by is None or "." in action:
                    yield Recorded(action, frozenset(found.known), frozenset(found.days), tuple(found.unread), place)

    def _actions(  # noqa: PLR0911 - one return a kind of expression
        self, path: Path, one: ast.expr, scope: _Scope, by: _Scope | None = None, call: ast.Call | None = None
    ) -> list[str]:
        """`noun.verb`, or all it can be; what is not written down is `{}`."""
        match one:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr():
                parts = [self._actions(path, part, scope, by, call) for part in one.values]
                return ["".join(chosen) for chosen in product(*parts)]
            case ast.FormattedValue(value=inner):
                return self._actions(path, inner, scope, by, call)
            case ast.IfExp():
                return [
                    *self._actions(path, one.body, scope, by, call),
                    *self._actions(path, one.orelse, scope, by, call),
                ]
            case ast.Name(id=name) if name in (named := _positional(scope)):
                given = [word.value for word in call.keywords if word.arg == name] if call else []
                given += call.args[named.index(name) :][:1] if call else []
                return self._actions(path, given[0], by or scope) if given else ["{}"]
            case ast.Name(id=name):
                told = list(_assigned(scope, name)) or list(_assigned(self.trees[path], name))
                return [text for part in told for text in self._actions(path, part, scope)] or ["{}"]
        return ["{}"]

    def _keys(  # noqa: PLR0912 - one branch a kind of expression
        self, path: Path, scope: _Scope, one: ast.expr, outer: tuple, seen: tuple[str, ...] = ()
    ) -> Keys:
        found, parts = Keys(), []
        match one:
            case ast.Constant(value=None):
                pass
            case ast.Dict():
                parts = [value for key, value in zip(one.keys, one.values, strict=True) if key is None]
                named = {
                    str(key.value): value
                    for key, value in zip(one.keys, one.values, strict=True)
                    if isinstance(key, ast.Constant)
                }
                found.known |= named.keys()
                found.days |= {key for key, value in named.items() if "isoformat()" in ast.unparse(value)}
                if any(key is not None and not isinstance(key, ast.Constant) for key in one.keys):
                    found.unread.append(ast.unparse(one))
            case ast.IfExp():
                parts = [one.body, one.orelse]
            case ast.Starred(value=inner):
                parts = [inner]
            case ast.Tuple():
                parts = one.elts
            case ast.BoolOp():
                parts = one.values
            case ast.Call(func=ast.Name(id="dict")):
                parts = one.args
                found.known |= {word.arg for word in one.keywords if word.arg}
            case ast.Call(func=ast.Name(id=name)) if told := self._returned(path, name):
                parts = told
            case ast.Name(id=name) if name in _parameters(scope) and outer[1] is not None:
                found |= self._given(path, scope, name, outer)
            case ast.Name(id=name) if name not in seen and (told := list(_assigned(scope, name))):
                parts, seen = told, (*seen, name)
            case _:
                found.unread.append(ast.unparse(one))
        for part in parts:
            found |= self._keys(path, scope, part, outer, seen)
        return found

    def _returned(self, path: Path, name: str) -> list[ast.expr]:
        return [
            node.value
            for other, function in self.functions
            if function.name == name and (other == path or not name.startswith("_"))
            for node in ast.walk(function)
            if isinstance(node, ast.Return) and node.value is not None
        ]

    def _given(self, path: Path, scope: _Scope, name: str, outer: tuple) -> Keys:
        by, call = outer
        assert isinstance(scope, ast.FunctionDef)
        named = _positional(scope)
        if scope.args.kwarg and scope.args.kwarg.arg == name:
            return Keys({word.arg for word in call.keywords if word.arg and word.arg not in named})
        given = [word.value for word in call.keywords if word.arg == name]
        at = named.index(name)
        given += call.args[at : at + 1]
        found = Keys()
        for one in given:
            found |= self._keys(path, by, one, (None, None))
        return found


def recorded() -> list[Recorded]:
    """Every act of the source."""
    packages = [path for path in sorted(SOURCES.iterdir()) if path.is_dir() and path.name not in ("demo", "migrations")]
    return [one for folder in packages for one in Package(folder).recorded()]


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def _calls(scope: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(scope):
        if isinstance(node, ast.Call) and (
            (isinstance(node.func, ast.Name) and node.func.id == name)
            or (isinstance(node.func, ast.Attribute) and node.func.attr == name == "Act")
        ):
            yield node


def _names(one: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(one) if isinstance(node, ast.Name)}


def _parameters(scope: _Scope) -> set[str]:
    if not isinstance(scope, ast.FunctionDef):
        return set()
    args = scope.args
    return {one.arg for one in (*args.args, *args.kwonlyargs, *([args.kwarg] if args.kwarg else []))}


def _positional(scope: _Scope) -> list[str]:
    return [one.arg for one in scope.args.args] if isinstance(scope, ast.FunctionDef) else []


def _assigned(scope: _Scope, name: str) -> Iterator[ast.expr]:
    """What a name is made of: assignments, additions with `|=`, and members that are set."""
    for node in ast.walk(scope):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if not isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.NamedExpr) or node.value is None:
            continue
        for target in targets:
            if isinstance(target, ast.Name) and target.id == name:
                yield node.value
            if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name) and target.value.id == name:
                yield ast.Dict([target.slice], [ast.Constant(None)])
