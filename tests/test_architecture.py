"""What the import linter cannot see."""

import ast
from pathlib import Path

import cardnet
from cardnet.kernel.db import Base
from cardnet.migrations import tables

ROOT = Path(cardnet.__file__).parent
SOURCES = sorted(path for path in ROOT.rglob("*.py") if "versions" not in path.parts)


def calls(tree: ast.AST, name: str) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name
        for node in ast.walk(tree)
    )


def test_only_the_transaction_and_the_migrations_commit():
    allowed = {"kernel/db.py", "kernel/line_session.py", "migrations/schema.py"}
    committing = {
        str(path.relative_to(ROOT)) for path in SOURCES if calls(ast.parse(path.read_text(encoding="utf-8")), "commit")
    }
    assert committing <= allowed


def test_no_relationship_loads_by_itself():
    assert tables.metadata.tables
    lazy = [
        f"{mapper.class_.__name__}.{relation.key}"
        for mapper in Base.registry.mappers
        for relation in mapper.relationships
        if relation.lazy != "raise"
    ]
    assert lazy == []


def test_services_know_no_http():
    for path in SOURCES:
        if path.name == "services.py" or "services" in path.parts:
            assert "flask" not in path.read_text(encoding="utf-8"), path


def test_a_packages_tables_are_its_own():
    strangers = []
    for path in SOURCES:
        package = path.relative_to(ROOT).parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("cardnet.")):
                continue
            other, *room = node.module.split(".")[1:]
            names = {*room, *(alias.name for alias in node.names)}
            if "models" in names and package not in (other, "migrations"):
                strangers.append(f"{path.relative_to(ROOT)}: {node.module}")
    assert strangers == []
