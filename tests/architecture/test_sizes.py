"""Files, functions and chains stay small, and imports stay where they are seen. The allow-lists may only shrink."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "triptych"
PYTHON = sorted(p for p in SOURCE.rglob("*.py"))
SCRIPTS = sorted(p for p in (SOURCE / "web").rglob("*.js") if "vendor" not in p.parts)

MAX_FILE, MAX_FUNCTION, MAX_CHAIN = 500, 60, 5
BROAD_HANDLERS = {"studio/tiles.py": 1, "provider_kit/driver.py": 1}
LAZY_IMPORTS: set[str] = set()


def name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def chain(node: ast.If) -> int:
    length = 1
    while len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        node = node.orelse[0]
        length += 1
    return length


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("path", [*PYTHON, *SCRIPTS], ids=name)
def test_file_is_small(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= MAX_FILE


def broad(node: ast.ExceptHandler) -> bool:
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(k is None or (isinstance(k, ast.Name) and k.id in {"Exception", "BaseException"}) for k in kinds)


@dataclass(frozen=True)
class Facts:
    """What is asked of a module: its functions with their lines, where a long chain and a late import stand, and how many handlers are
    broad."""

    functions: dict[str, int]
    chains: list[int]
    lazy: list[int]
    broad: int


@cache
def facts(path: Path) -> Facts:
    tree = ast.parse(path.read_text("utf-8"))
    return Facts(
        functions={f.name: (f.end_lineno or 0) - f.lineno + 1 for f in functions(tree)},
        chains=[n.lineno for n in ast.walk(tree) if isinstance(n, ast.If) and chain(n) > MAX_CHAIN],
        lazy=[
            node.lineno
            for function in functions(tree)
            for node in ast.walk(function)
            if (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "triptych")
            or (isinstance(node, ast.Import) and any(a.name.split(".")[0] == "triptych" for a in node.names))
        ],
        broad=sum(isinstance(n, ast.ExceptHandler) and broad(n) for n in ast.walk(tree)),
    )


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_functions_and_chains_are_small(path: Path) -> None:
    found = facts(path)
    assert {n: lines for n, lines in found.functions.items() if lines > MAX_FUNCTION} == {}
    assert found.chains == []


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_own_modules_are_imported_at_the_top(path: Path) -> None:
    assert not facts(path).lazy or name(path) in LAZY_IMPORTS


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_broad_handlers_stand_only_at_the_named_boundaries(path: Path) -> None:
    assert facts(path).broad <= BROAD_HANDLERS.get(name(path), 0)


def test_the_checks_see_what_they_are_for() -> None:
    tree = ast.parse("if a: pass\nelif b: pass\nelif c: pass\n\ntry: pass\nexcept (OSError, Exception): pass\n")
    assert next(chain(n) for n in ast.walk(tree) if isinstance(n, ast.If)) == 3
    assert [broad(n) for n in ast.walk(tree) if isinstance(n, ast.ExceptHandler)] == [True]
