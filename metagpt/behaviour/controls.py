"""Controls: tests turned round, so that a program that passes them honestly makes each of them fail.

A program shares its process with its tests and could disarm them: hide their failures, or answer with objects that equal
everything. What passes both as written and turned round proves nothing. A control runs in a sandbox of its own, and the
program is not told. It uncovers programs that cheat any test, not one written to recognise this very check.
"""

from __future__ import annotations

import ast
from typing import cast

__all__ = ["CLAIM", "END", "inverted"]

CLAIM, END = "AssertionError: claim", "AssertionError: end"
"""How a test turned round fails: at its first assertion, or because it came to its end without one."""

_CLAIM, _END = (ast.Assert(test=ast.Constant(value=False), msg=ast.Constant(value=word)) for word in ("claim", "end"))
_CRASH = ast.Expr(value=ast.BinOp(left=ast.Constant(value=1), op=ast.Div(), right=ast.Constant(value=0)))


def inverted(source: str) -> str:
    """The test file turned round; as it stands where that cannot be done.

    Each assertion fails if what it claims is true and raises another error if not, and a test that comes to its end fails.
    """
    try:
        tree = cast("ast.Module", _Claims().visit(ast.parse(source)))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
                node.body = [*(_Ends().visit(statement) for statement in node.body), _END]
        return ast.unparse(ast.fix_missing_locations(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source


class _Claims(ast.NodeTransformer):
    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        """`a == b` holds of an honest `a` no longer as `a == ...`; any other claim is negated; a constant stays."""
        match node.test:
            case ast.Constant():
                return node
            case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
                found = right if _is_literal(left) else left
                claim: ast.expr = ast.Compare(left=found, ops=[ast.Eq()], comparators=[ast.Constant(value=...)])
            case other:
                claim = ast.UnaryOp(op=ast.Not(), operand=other)
        return ast.If(test=claim, body=[_CRASH], orelse=[_CLAIM])


class _Ends(ast.NodeTransformer):
    """Of a test itself, not of functions within it."""

    def visit_Return(self, node: ast.Return) -> ast.stmt:
        return _END

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.stmt:
        return node


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True
