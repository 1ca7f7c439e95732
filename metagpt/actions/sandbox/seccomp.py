"""The system call filter, assembled by hand: classic BPF over the call's number and the low words of its arguments.

Denied calls are listed and the rest is allowed, up to the newest call known here. The order of a filter is: another
architecture is killed; unknown calls do not exist; then one comparison per listed call.

Source: Linux, Documentation/userspace-api/seccomp_filter.rst and include/uapi/linux/{bpf_common,seccomp,audit}.h.
"""

from __future__ import annotations

import errno
import platform
import struct
import sys
from collections.abc import Iterable, Sequence
from typing import Literal

from metagpt.actions.sandbox.calls import ABSENT, ARGUMENT_CALLS, FORBIDDEN, METADATA, NEWEST_CALL, SAME_USER, SOCKETS, Call
from metagpt.actions.sandbox.launch import OWN_GROUP, OWN_PID
from metagpt.errors import SandboxError

__all__ = ["namespace_filter", "shared_filter"]

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand
Machine = Literal["x86_64", "aarch64"]

_LOAD, _AND, _EQUAL, _ABOVE, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x54, 0x15, 0x25, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_ALLOW, _ERROR, _KILL = 0x7FFF_0000, 0x0005_0000, 0x8000_0000
_REFUSED, _MISSING, _ACCEPTED = _ERROR | errno.EPERM, _ERROR | errno.ENOSYS, _ERROR | 0
_AUDIT: dict[Machine, int] = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}

_NEW_NAMESPACES = 0x7E02_0000 | 0x8000  # CLONE_NEW* and CLONE_PARENT, which would make a sibling of the sandbox
_INPUT_OF_TERMINALS = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_OWNER_COMMANDS = (8, 10, 15)  # F_SETOWN, F_SETSIG, F_SETOWN_EX: signals by way of a file
_OWNER_REQUESTS = (0x8901, 0x8902)  # FIOSETOWN, SIOCSPGRP: the same for sockets
_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16
_STREAM, _TYPE_MASK = 1, 0xF


def machine() -> Machine:
    """The architecture of this process.

    Raises:
        SandboxError: When no filter is known for it.
    """
    name = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    if sys.maxsize < 1 << 32 or name not in {"x86_64", "aarch64"}:
        raise SandboxError(f"Sandbox: the machine is {platform.machine()!r}; system call filters exist for 64-bit x86_64 and aarch64.")
    return "x86_64" if name == "x86_64" else "aarch64"


def namespace_filter(on: Machine) -> bytes:
    """For a program with namespaces of its own: nothing that weakens them or reaches the kernel's odd corners."""
    program = _common(on)
    program += _judge("socket", on, _allow_only(0, (_UNIX, _INET, _INET6, _NETLINK)))  # others, as vsock, know no namespace
    program += _judge("ioctl", on, _refuse(1, _INPUT_OF_TERMINALS))
    return _assemble(program)


def shared_filter(on: Machine, *, scoped_signals: bool, governs_truncate: bool) -> bytes:
    """For a program among the other processes of its user: no sockets, nothing done to processes that are not its own.

    Args:
        on: The architecture.
        scoped_signals: Whether Landlock keeps signals inside (ABI 6); if not, the program may signal itself and its group alone.
        governs_truncate: Whether Landlock judges truncate(path) (ABI 3).
    """
    program = _common(on)
    program += _each(SOCKETS, on, _REFUSED) + _each(SAME_USER, on, _REFUSED) + _each(METADATA, on, _ACCEPTED)
    program += _judge("socketpair", on, [*_allow_only(0, (_UNIX,))[:-1], *_allow_only(1, (_STREAM,), mask=_TYPE_MASK)])
    for name in ("prlimit64", "sched_setaffinity", "sched_setparam", "sched_setscheduler", "sched_setattr"):
        program += _judge(name, on, _allow_only(0, (0, OWN_PID)))
    requests: tuple[int, ...] = _INPUT_OF_TERMINALS
    if not scoped_signals:
        program += _judge("kill", on, _allow_only(0, (0, OWN_PID, OWN_GROUP)))
        program += _judge("tgkill", on, _allow_only(0, (OWN_PID,)))
        program += _judge("fcntl", on, _refuse(1, _OWNER_COMMANDS))
        requests += _OWNER_REQUESTS
    program += _judge("ioctl", on, _refuse(1, requests))
    if not governs_truncate:
        program += _each({"truncate": ARGUMENT_CALLS["truncate"]}, on, _REFUSED)
    return _assemble(program)


def _common(on: Machine) -> list[Instruction]:
    program: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _AUDIT[on]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_ABOVE, 0, 1, NEWEST_CALL),  # the x32 calls of x86_64 as well: they start at 1 << 30
        (_RETURN, 0, 0, _MISSING),
    ]
    program += _each(FORBIDDEN, on, _REFUSED) + _each(ABSENT, on, _MISSING)
    namespaces: list[Instruction] = [_argument(0), (_ANY_BIT, 0, 1, _NEW_NAMESPACES), (_RETURN, 0, 0, _REFUSED), (_RETURN, 0, 0, _ALLOW)]
    return program + _judge("clone", on, namespaces)


def _each(calls: dict[str, Call], on: Machine, answer: int) -> list[Instruction]:
    numbers = [number for call in calls.values() if (number := _number(call, on)) is not None]
    return [step for number in numbers for step in ((_EQUAL, 0, 1, number), (_RETURN, 0, 0, answer))]


def _judge(name: str, on: Machine, body: Sequence[Instruction]) -> list[Instruction]:
    """A body that always returns, run for one call only."""
    number = _number(ARGUMENT_CALLS[name], on)
    return [] if number is None else [(_EQUAL, 0, len(body), number), *body]


def _allow_only(index: int, values: Iterable[int], *, mask: int = 0xFFFF_FFFF) -> list[Instruction]:
    wanted = list(values)
    jumps = [(_EQUAL, len(wanted) - place, 0, value) for place, value in enumerate(wanted)]  # to the last step
    return [_argument(index), (_AND, 0, 0, mask), *jumps, (_RETURN, 0, 0, _REFUSED), (_RETURN, 0, 0, _ALLOW)]


def _refuse(index: int, values: Iterable[int]) -> list[Instruction]:
    tests = [step for value in values for step in ((_EQUAL, 0, 1, value), (_RETURN, 0, 0, _REFUSED))]
    return [_argument(index), *tests, (_RETURN, 0, 0, _ALLOW)]


def _argument(index: int) -> Instruction:
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * index)  # the low word: both machines are little-endian, both calls take ints


def _number(call: Call, on: Machine) -> int | None:
    return call[0] if on == "x86_64" else call[1]


def _assemble(program: Sequence[Instruction]) -> bytes:
    return b"".join(struct.pack("=HBBI", *step) for step in (*program, (_RETURN, 0, 0, _ALLOW)))
