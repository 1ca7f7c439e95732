"""Runs in the child, just before the program: sets limits, drops the uid, locks files and system calls, then executes it.

A script that imports nothing of this package: it runs on a bare interpreter (`-I -S`), inside the sandbox where there
is one. It writes "started" to the status descriptor as its last act, or what went wrong.

    launch.py KEY=VALUE... -- COMMAND [ARGUMENT]...
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # and not signal: its enums are a third of the start
import os
import sys

try:
    import resource
except ImportError:  # no limits can be set; the backends refuse such a platform
    resource = None  # type: ignore[assignment]

Options = list[tuple[str, str]]
STARTED = b"started"
OWN_PID = 0x7FFF_FF01
"""Stands for the program's own pid in a filter, which is known only here."""
OWN_GROUP = 0x7FFF_FF02
"""Stands for the pid negated: the program's own process group."""

_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS, _PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 1, 8, 22, 24, 38, 47
_CAP_DAC_READ_SEARCH = 2
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_FILE_RIGHTS = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15  # execute, write, read, truncate, ioctl: all that a rule on a file may hold


def main(arguments: list[str]) -> None:
    """Confine this process as the arguments say and become the program."""
    split = arguments.index("--")
    options: Options = [(key, value) for key, _, value in (argument.partition("=") for argument in arguments[:split])]
    argv = arguments[split + 1 :]
    settings = dict(options)
    status = int(settings["status"])
    os.set_inheritable(status, False)
    try:
        _confine(options, settings)
    except (OSError, ValueError) as error:
        os.write(status, f"{error}".encode())
        os._exit(125)
    os.write(status, STARTED)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - becoming the program is the purpose; there is no shell
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


def _confine(options: Options, settings: dict[str, str]) -> None:
    os.umask(0o022)
    for number in (_signal.SIGPIPE, getattr(_signal, "SIGXFSZ", None)):
        if number is not None:
            _signal.signal(number, _signal.SIG_DFL)  # the interpreter ignores them, and a program would inherit that
    linux = _Linux() if sys.platform == "linux" else None
    if linux:
        linux.call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _lock(linux, options, settings)
    if "chdir" in settings:
        os.chdir(settings["chdir"])  # by the final uid: root without its rights may not enter what was lent
    for key, value in options:
        if key == "limit":
            _limit(*value.split(":"))
    if linux and "filter" in settings:
        linux.filter_calls(bytes.fromhex(settings["filter"]))


def _lock(linux: _Linux, options: Options, settings: dict[str, str]) -> None:
    if "landlock" in settings:
        linux.restrict_files(settings["landlock"], [(key, value) for key, value in options if key in {"read", "write", "device"}])
    if "uid" in settings:
        linux.become(int(settings["uid"]), read_all="read-all" in settings)
    if "dies-with-parent" in settings:  # after the change of uid, which clears it
        linux.call("prctl", _PR_SET_PDEATHSIG, int(_signal.SIGKILL), 0, 0, 0)


def _limit(name: str, soft: str, hard: str) -> None:
    number = getattr(resource, "RLIMIT_" + name, None)
    if resource is None or number is None or (sys.platform != "linux" and name in {"AS", "NPROC"}):  # elsewhere they mean something else
        return
    _, ceiling = resource.getrlimit(number)
    highest = int(hard) if ceiling == resource.RLIM_INFINITY else min(int(hard), ceiling)
    resource.setrlimit(number, (min(int(soft), highest), highest))


class _Linux:
    """The system calls that the standard library does not have."""

    def __init__(self) -> None:
        import ctypes

        self.ctypes = ctypes
        self.libc = ctypes.CDLL(None, use_errno=True)

    def call(self, name: str, *arguments: object) -> int:
        long = self.ctypes.c_long
        function = getattr(self.libc, name)
        function.restype = long if name == "syscall" else self.ctypes.c_int
        result: int = function(*(long(argument) if isinstance(argument, int) else argument for argument in arguments))
        if result < 0:
            code = self.ctypes.get_errno()
            raise OSError(code, f"{name}{tuple(a for a in arguments if isinstance(a, int))}: {os.strerror(code)}")
        return result

    def become(self, uid: int, *, read_all: bool) -> None:
        """Leave root for good; `read_all` keeps the one right to pass and read folders closed to others."""
        if read_all:
            self.call("prctl", _PR_SET_KEEPCAPS, 1, 0, 0, 0)
        for capability in range(64):
            if capability != _CAP_DAC_READ_SEARCH and self.libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
                break  # past the last one, or not allowed: no_new_privs holds all the same
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        kept = 1 << _CAP_DAC_READ_SEARCH if read_all else 0
        header = self.ctypes.create_string_buffer(_words(0x2008_0522, 0))
        self.call("capset", header, self.ctypes.create_string_buffer(_words(kept, kept, kept, 0, 0, 0)))
        if read_all:
            self.call("prctl", _PR_CAP_AMBIENT, 2, _CAP_DAC_READ_SEARCH, 0, 0)

    def restrict_files(self, rights: str, rules: Options) -> None:
        """Set a Landlock ruleset; `rights` is "size:handled:network:scoped:read", numbers in hex."""
        size, handled, network, scoped, read = (int(number, 16) for number in rights.split(":"))
        attributes = b"".join(number.to_bytes(8, sys.byteorder) for number in (handled, network, scoped))[:size]
        ruleset = self.call("syscall", _CREATE_RULESET, self.ctypes.create_string_buffer(attributes), size, 0)
        granted = {"read": read, "write": handled, "device": handled & _FILE_RIGHTS & ~1}
        for key, path in rules:
            folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
            allowed = granted[key] if os.path.isdir(path) else granted[key] & _FILE_RIGHTS
            rule = self.ctypes.create_string_buffer(allowed.to_bytes(8, sys.byteorder) + folder.to_bytes(4, sys.byteorder))
            self.call("syscall", _ADD_RULE, ruleset, 1, rule, 0)
            os.close(folder)
        self.call("syscall", _RESTRICT_SELF, ruleset, 0)
        os.close(ruleset)

    def filter_calls(self, program: bytes) -> None:
        """Install a seccomp filter, with the stand-ins for the own pid filled in."""
        own = os.getpid()
        for marker, number in ((OWN_PID, own), (OWN_GROUP, -own & 0xFFFF_FFFF)):
            program = program.replace(_words(marker), _words(number))
        code = self.ctypes.create_string_buffer(program, len(program))
        address = self.ctypes.addressof(code)
        fprog = (len(program) // 8).to_bytes(8, sys.byteorder) + address.to_bytes(8, sys.byteorder)
        self.call("prctl", _PR_SET_SECCOMP, 2, self.ctypes.create_string_buffer(fprog), 0, 0)


def _words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, sys.byteorder) for number in numbers)


if __name__ == "__main__":
    main(sys.argv[1:])
