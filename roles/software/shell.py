"""The lines below a function that let its file run from a shell: `python count_vowels.py "Hello"`."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from typing import Any

from metagpt.roles.software.signatures import Signature

__all__ = ["shell_command", "shell_entry"]

_MAIN = '''

def _main() -> None:
    """Run from a shell."""
    import json
    import sys
%(readers)s
    if len(sys.argv) != %(count)d:
        sys.exit("usage: %(usage)s")
    result = %(function)s(%(values)s)
    print(result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, default=%(default)s))


if __name__ == "__main__":
    _main()
'''

_READ = '''
    def read(text: str) -> object:
        """A value in JSON; what is none is text."""
        try:
            return json.loads(text)
        except ValueError:
            return text
'''

_READ_LIST = '''
    def read_list(text: str) -> list:
        """A list in JSON, with or without its brackets, or words between commas."""
        for form in (text, f"[{text}]"):
            try:
                value = json.loads(form)
            except ValueError:
                continue
            if isinstance(value, list):
                return value
        return [word.strip() for word in text.split(",")]
'''


def shell_entry(file: str, signature: Signature) -> str:
    """The text to append to the file that defines the function."""
    values = [_value(f"sys.argv[{number}]", kind) for number, (_, kind) in enumerate(signature.parameters, start=1)]
    called = ", ".join(values)
    readers = (_READ_LIST if "read_list(" in called else "") + (_READ if re.search(r"\bread\(", called) else "")
    usage = " ".join(["python", file, *(name.upper() for name, _ in signature.parameters)])
    default = "list" if re.match(r"(?:frozen)?set\b", signature.returns) else "str"
    return _MAIN % {
        "readers": readers,
        "count": len(values) + 1,
        "usage": usage,
        "function": signature.name,
        "values": called,
        "default": default,
    }


def shell_command(file: str, signature: Signature, arguments: Sequence[Any]) -> str:
    """A command line that calls the function with these arguments."""
    kinds = [kind for _, kind in signature.parameters]
    words = [
        value if isinstance(value, str) and _is_text(kind) else json.dumps(value) for kind, value in zip(kinds, arguments, strict=False)
    ]
    return shlex.join(["python", file, *words])


def _value(text: str, kind: str) -> str:
    """The expression that reads an argument of this type."""
    if _is_text(kind):
        return text
    if kind == "bool":
        return f'{text}.lower() in ("true", "yes", "1")'
    if kind == "list[str]":
        return f"[str(item) for item in read_list({text})]"
    return f"read_list({text})" if re.match(r"(?:list|tuple|set|Sequence|Iterable)\b", kind) else f"read({text})"


def _is_text(kind: str) -> bool:
    return kind in {"str", "str | None", "Optional[str]"}
