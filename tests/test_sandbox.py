"""The sandbox: what holds a program, what a run reports, and what happens where it cannot be had.

Everything is tried for real, in each backend that works here. As root the isolation is tried for an ordinary user as
well, in a process of nobody's.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import secrets
import signal
import site
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from metagpt.actions.interface import ActionContext
from metagpt.actions.isolation_trials import Trial, isolation_report
from metagpt.actions.python import python_action
from metagpt.actions.sandbox import Limits, Sandbox, SandboxResult, open_sandbox, probe
from metagpt.actions.sandbox.calls import ARGUMENT_CALLS, FORBIDDEN
from metagpt.actions.sandbox.landlock import Landlock
from metagpt.actions.sandbox.launch import OWN_GROUP, OWN_PID
from metagpt.actions.sandbox.ownership import lent
from metagpt.actions.sandbox.process import BareProcess
from metagpt.actions.sandbox.seccomp import namespace_filter, shared_filter
from metagpt.errors import ActionError, SandboxError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="no sandbox backend for this system")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")

BACKENDS: dict[str, Callable[[], Sandbox]] = {
    "bubblewrap": lambda: open_sandbox("bubblewrap"),
    "landlock": lambda: open_sandbox("landlock"),
    "landlock-abi-2": lambda: open_sandbox("landlock") and Landlock(abi=2),
    "landlock-abi-1": lambda: open_sandbox("landlock") and Landlock(abi=1),
    "process": lambda: open_sandbox("process"),
}
ISOLATING = [name for name in BACKENDS if name != "process"]
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
NOBODY = 65534
PROJECT = Path(__file__).resolve().parents[1]


def opened(name: str) -> Sandbox:
    try:
        return BACKENDS[name]()
    except SandboxError as error:
        pytest.skip(f"{name} does not work here: {error}")


@pytest.fixture(params=["bubblewrap", "landlock", "process"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    return opened(request.param)


@pytest.fixture(params=ISOLATING)
def isolating(request: pytest.FixtureRequest) -> Sandbox:
    return opened(request.param)


@pytest.fixture(params=[name for name in ISOLATING if name.startswith("landlock")])
def landlock(request: pytest.FixtureRequest) -> Sandbox:
    return opened(request.param)


def python(sandbox: Sandbox, workspace: Path, code: str, *arguments: str, **options: Any) -> SandboxResult:  # Any: run's keywords
    return asyncio.run(sandbox.run([sys.executable, "-c", code, *arguments], workspace=workspace, **options))


def said(result: SandboxResult) -> str:
    assert result.exit_status == 0, result
    return result.stdout.decode().strip()


# isolation


def test_the_sandbox_stands_every_trial(isolating: Sandbox) -> None:
    report = asyncio.run(isolation_report(isolating))
    assert [trial for trial in report if not trial.isolated] == []
    assert len({trial.name for trial in report}) == 15
    assert sum(1 for trial in report if "refused" in trial.detail) >= 5  # attempts were made, and refused


@linux_only
def test_a_bare_process_stands_the_trials_of_its_limits_and_environment() -> None:
    report = {trial.name: trial for trial in asyncio.run(isolation_report(opened("process")))}
    held = ["fork bomb", "memory bomb", "endless loop", "endless sleep", "output of 1 GB", "environment variable"]
    assert [report[name] for name in held if not report[name].isolated] == []


def test_the_report_tells_when_there_is_no_isolation() -> None:
    """The trials can fail: without walls a program does reach what was planted for it."""
    report = {trial.name: trial for trial in asyncio.run(isolation_report(opened("process")))}
    reached = ["network", "file of another folder", "link out of the workspace"]
    assert [report[name] for name in reached if report[name].isolated] == []


_AS_USER = """
import asyncio, json, os, sys
from metagpt.actions.isolation_trials import isolation_report
from metagpt.actions.sandbox import SandboxResult, open_sandbox
from metagpt.actions.sandbox.landlock import Landlock
from metagpt.errors import SandboxError
name, _, abi = sys.argv[1].partition("-abi-")
try:
    sandbox = open_sandbox(name)
except SandboxError as error:
    print(json.dumps({"unavailable": str(error)}))
else:
    report = asyncio.run(isolation_report(Landlock(abi=int(abi)) if abi else sandbox))
    print(json.dumps({"uid": os.getuid(), "trials": [[trial.name, trial.isolated, trial.detail] for trial in report]}))
"""


def interpreter_for_nobody() -> str:
    """One that an ordinary user may run here and that can import what the sandbox needs."""
    for program in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}", f"/usr/local/bin/python3.{sys.version_info.minor}"):
        try:
            tried = as_nobody([program, "-B", "-c", "import metagpt.actions.isolation_trials"])
        except OSError:
            continue
        if tried.returncode == 0:
            return program
    pytest.skip("no interpreter that an ordinary user may run: all lie in root's folders")


def as_nobody(command: list[str]) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(PROJECT), *site.getsitepackages()])
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": path, "HOME": "/nonexistent"}
    return subprocess.run(
        command, env=env, cwd="/", user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.skipif(not ROOT, reason="the tests are an ordinary user's already")
@pytest.mark.parametrize("name", ISOLATING)
def test_an_ordinary_user_is_isolated_as_well(name: str) -> None:
    done = as_nobody([interpreter_for_nobody(), "-B", "-c", _AS_USER, name])
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    if "unavailable" in told:
        pytest.skip(f"{name} does not work here for an ordinary user: {told['unavailable']}")
    assert told["uid"] == NOBODY
    trials = [Trial(name=title, isolated=isolated, detail=detail) for title, isolated, detail in told["trials"]]
    assert [trial for trial in trials if not trial.isolated] == []
    assert len(trials) == 15


@pytest.mark.skipif(not ROOT, reason="an ordinary user's programs keep the uid")
def test_a_program_of_roots_has_left_root_and_every_right_of_it(isolating: Sandbox, tmp_path: Path) -> None:
    code = "import os; print(os.getuid(), os.geteuid(), os.getgid(), os.getgroups(), os.system('true'))"
    uid, effective, gid, groups, _ = said(python(isolating, tmp_path, code)).split()
    assert uid == effective == gid
    assert int(uid) != 0
    assert groups == "[]"
    refused = "import os\ntry: os.setuid(0)\nexcept PermissionError: print('refused')"
    assert said(python(isolating, tmp_path, refused)) == "refused"


def test_the_environment_is_a_short_list_of_its_own(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    found = json.loads(said(python(sandbox, tmp_path, "import json, os; print(json.dumps(dict(os.environ)))")))
    known = {"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LANG", "PYTHONDONTWRITEBYTECODE", "PYTHONNOUSERSITE", "PWD", "SANDBOX_RUN"}
    assert set(found) <= known
    assert "sk-secret" not in json.dumps(found)


def test_open_files_of_the_parent_do_not_reach_the_program(sandbox: Sandbox, tmp_path: Path) -> None:
    code = """
import os
found = []
for number in range(3, 256):
    try:
        os.fstat(number)
        found.append(number)
    except OSError:
        pass
print(found)
"""
    with open(__file__) as held:
        os.set_inheritable(held.fileno(), True)
        assert said(python(sandbox, tmp_path, code)) == "[]"


_REFUSED_CALLS = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for number in map(int, sys.argv[1:]):
    if libc.syscall(ctypes.c_long(number), ctypes.c_long(-1), ctypes.c_long(-1), ctypes.c_long(-1), ctypes.c_long(-1)) >= 0:
        print("allowed", number)
    elif ctypes.get_errno() != 1:
        print(number, os.strerror(ctypes.get_errno()))
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86_64")
def test_calls_into_the_corners_of_the_kernel_are_refused_by_the_filter(isolating: Sandbox, tmp_path: Path) -> None:
    numbers = [str(call[0]) for call in FORBIDDEN.values() if call[0] is not None]
    assert said(python(isolating, tmp_path, _REFUSED_CALLS, *numbers)) == ""


def test_no_new_namespace_is_made_from_inside(isolating: Sandbox, tmp_path: Path) -> None:
    code = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
print(libc.unshare(0x10000000), libc.unshare(0x20000), libc.syscall(56 if os.uname().machine == "x86_64" else 220, 0x10000011, 0, 0, 0, 0))
"""
    assert said(python(isolating, tmp_path, code)) == "-1 -1 -1"


def test_landlock_lets_pairs_of_sockets_through_and_no_other_socket(landlock: Sandbox, tmp_path: Path) -> None:
    code = """
import asyncio, socket
first, second = socket.socketpair()
first.send(b"x")
print(second.recv(1), asyncio.run(asyncio.sleep(0, "loop")))
for make in (lambda: socket.socket(), lambda: socket.socket(socket.AF_UNIX), lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)):
    try:
        print("made", make())
    except PermissionError:
        print("refused")
"""
    assert said(python(landlock, tmp_path, code)).split("\n") == ["b'x' loop", "refused", "refused", "refused"]


def test_landlock_keeps_the_mode_times_and_length_of_outside_files(landlock: Sandbox, tmp_path: Path) -> None:
    """Landlock does not judge these calls; the filter takes them away."""
    outside, workspace = tmp_path / "outside", tmp_path / "workspace"
    workspace.mkdir()
    outside.write_text("whole")
    if ROOT:
        outside.chmod(0o666)
    before = outside.stat()
    code = """
import os, sys
for attempt in (lambda p: os.chmod(p, 0o777), lambda p: os.utime(p, (0, 0)), lambda p: os.truncate(p, 0), lambda p: os.link(p, "mine"),
                lambda p: os.rename(p, "mine"), lambda p: os.unlink(p)):
    try:
        attempt(sys.argv[1])
    except OSError:
        pass
"""
    said(python(landlock, workspace, code, str(outside)))
    after = outside.stat()
    assert outside.read_text() == "whole"
    assert (after.st_mode, after.st_mtime_ns, after.st_nlink) == (before.st_mode, before.st_mtime_ns, before.st_nlink)


def test_ordinary_things_work_in_every_sandbox(sandbox: Sandbox, tmp_path: Path) -> None:
    code = """
import os, shutil, sqlite3, subprocess, sys, tempfile, threading
open("a.txt", "w").write("one")
shutil.copy("a.txt", "b.txt")
with tempfile.TemporaryDirectory() as folder:
    open(os.path.join(folder, "x"), "w").close()
database = sqlite3.connect("data.db")
database.execute("create table t (a)")
database.commit()
thread = threading.Thread(target=lambda: print("thread"))
thread.start(); thread.join()
print(subprocess.run([sys.executable, "-c", "print('child')"], capture_output=True, text=True).stdout.strip())
print(subprocess.run("echo shell > /dev/null; pwd", shell=True, capture_output=True, text=True).stdout.strip() == os.getcwd())
print(os.path.samefile(os.path.expanduser("~"), "."), sorted(name for name in os.listdir() if not name.startswith(".")))
"""
    expected = ["thread", "child", "True", "True ['a.txt', 'b.txt', 'data.db']"]
    assert said(python(sandbox, tmp_path, code)).split("\n") == expected


# what a run reports


def test_status_output_and_error_come_back(sandbox: Sandbox, tmp_path: Path) -> None:
    result = python(sandbox, tmp_path, "import sys; print(sys.stdin.read()); print('err', file=sys.stderr); sys.exit(3)", stdin=b"given")
    assert (result.exit_status, result.stdout, result.stderr) == (3, b"given\n", b"err\n")
    assert (result.killed_by, result.timed_out, result.truncated, result.backend) == (None, False, False, sandbox.name)
    assert result.wall_s > 0


def test_standard_input_is_empty_when_none_is_given(sandbox: Sandbox, tmp_path: Path) -> None:
    assert said(python(sandbox, tmp_path, "import sys; print(repr(sys.stdin.read()))")) == "''"


def test_a_program_that_is_not_there_is_a_result(sandbox: Sandbox, tmp_path: Path) -> None:
    result = asyncio.run(sandbox.run(["no-such-program"], workspace=tmp_path))
    assert result.exit_status == 127
    assert b"no-such-program" in result.stderr


def test_death_by_a_signal_is_told_as_a_shell_tells_it(sandbox: Sandbox, tmp_path: Path) -> None:
    result = python(sandbox, tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGTERM)")
    assert (result.exit_status, result.killed_by) == (128 + signal.SIGTERM, None)


def test_a_bare_name_is_the_running_interpreter(sandbox: Sandbox, tmp_path: Path) -> None:
    result = asyncio.run(sandbox.run([Path(sys.executable).name, "-c", "import sys; print(sys.prefix)"], workspace=tmp_path))
    assert said(result) == sys.prefix


def test_what_the_program_wrote_is_the_parents_and_nothing_else_is_left(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "given.txt").write_text("given")
    code = "import os; os.makedirs('a/b'); open('a/b/c.txt', 'w').write(open('given.txt').read() + ' back')"
    said(python(sandbox, tmp_path, code))
    assert (tmp_path / "a/b/c.txt").read_text() == "given back"
    assert {path.stat().st_uid for path in [tmp_path, *tmp_path.rglob("*")]} == {os.getuid()}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "given.txt"]


def test_arguments_reach_the_program_untouched_by_any_shell(sandbox: Sandbox, tmp_path: Path) -> None:
    words = ["$HOME", "a b", "; rm -rf .", "--", "status=1", "ö\n", ""]
    assert json.loads(said(python(sandbox, tmp_path, "import json, sys; print(json.dumps(sys.argv[1:]))", *words))) == words


def test_the_parents_working_folder_does_not_matter(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, elsewhere = tmp_path / "workspace", tmp_path / "elsewhere"
    workspace.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    elsewhere.rmdir()
    assert said(python(sandbox, workspace, "open('x', 'w'); print('ok')")) == "ok"
    assert (workspace / "x").exists()


def test_many_runs_at_once_do_not_disturb_one_another(sandbox: Sandbox, tmp_path: Path) -> None:
    async def one(number: int) -> SandboxResult:
        workspace = tmp_path / str(number)
        workspace.mkdir()
        code = f"import os; [os.fork() or os._exit(0) for _ in range(4)]; open('out', 'w').write('{number}'); print({number})"
        return await sandbox.run([sys.executable, "-c", code], workspace=workspace, limits=Limits(processes=8))

    async def all_of_them() -> list[SandboxResult]:
        return await asyncio.gather(*map(one, range(12)))

    assert [said(result) for result in asyncio.run(all_of_them())] == [str(number) for number in range(12)]
    assert [(tmp_path / str(number) / "out").read_text() for number in range(12)] == [str(number) for number in range(12)]


def test_runs_at_once_can_share_a_workspace(sandbox: Sandbox, tmp_path: Path) -> None:
    async def one(number: int) -> SandboxResult:
        return await sandbox.run([sys.executable, "-c", f"open('{number}', 'w').write('x')"], workspace=tmp_path)

    async def all_of_them() -> list[SandboxResult]:
        return await asyncio.gather(*map(one, range(6)))

    assert {result.exit_status for result in asyncio.run(all_of_them())} == {0}
    assert sorted(path.name for path in tmp_path.iterdir()) == list("012345")
    assert {path.stat().st_uid for path in tmp_path.iterdir()} == {os.getuid()}


# limits


def test_an_endless_sleep_ends_at_the_wall_limit(sandbox: Sandbox, tmp_path: Path) -> None:
    result = python(sandbox, tmp_path, "print('on', flush=True); import time; time.sleep(60)", limits=Limits(wall_s=0.7))
    assert (result.exit_status, result.killed_by, result.timed_out) == (None, "wall", True)
    assert 0.7 <= result.wall_s < 10


def test_a_loop_ends_at_the_cpu_limit_although_it_ignores_the_signal(sandbox: Sandbox, tmp_path: Path) -> None:
    code = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    result = python(sandbox, tmp_path, code, limits=Limits(cpu_s=1, wall_s=30))
    assert (result.exit_status, result.killed_by, result.timed_out) == (None, "cpu", False)


@linux_only
def test_processes_are_held_to_the_cpu_limit_together(sandbox: Sandbox, tmp_path: Path) -> None:
    code = "import os\nfor _ in range(3): os.fork()\nwhile True: pass"
    result = python(sandbox, tmp_path, code, limits=Limits(cpu_s=1, wall_s=30))
    assert result.killed_by == "cpu"


@linux_only
def test_one_process_that_wants_too_much_memory_does_not_get_it(sandbox: Sandbox, tmp_path: Path) -> None:
    code = "try:\n    b'x' * (600 << 20)\nexcept MemoryError:\n    print('refused')"
    assert said(python(sandbox, tmp_path, code, limits=Limits(memory_bytes=256 << 20))) == "refused"


@linux_only
def test_processes_are_held_to_the_memory_limit_together(sandbox: Sandbox, tmp_path: Path) -> None:
    code = "import os, time\nfor _ in range(2): os.fork()\nheld = b'x' * (100 << 20)\ntime.sleep(60)"
    result = python(sandbox, tmp_path, code, limits=Limits(memory_bytes=200 << 20, wall_s=30))
    assert (result.exit_status, result.killed_by) == (None, "memory")


@linux_only
def test_memory_that_processes_share_is_counted_once(sandbox: Sandbox, tmp_path: Path) -> None:
    code = "import os, time\nheld = b'x' * (100 << 20)\nfor _ in range(3): os.fork()\ntime.sleep(0.4)\nprint('ok', flush=True)"
    result = python(sandbox, tmp_path, code, limits=Limits(memory_bytes=250 << 20))
    assert (result.exit_status, result.killed_by) == (0, None)


@linux_only
def test_more_processes_than_allowed_are_not_had(sandbox: Sandbox, tmp_path: Path) -> None:
    code = """
import os, time
started = 0
try:
    for _ in range(200):
        if not os.fork():
            time.sleep(60)
        started += 1
except OSError:
    print(started)
else:
    time.sleep(60)
"""
    result = python(sandbox, tmp_path, code, limits=Limits(processes=8, wall_s=30))
    assert result.killed_by == "processes" or 5 <= int(result.stdout) <= 8


def test_a_file_grows_no_larger_than_allowed(sandbox: Sandbox, tmp_path: Path) -> None:
    code = "try:\n    open('big', 'wb').write(b'x' * (3 << 20))\nexcept OSError:\n    print('refused')"
    assert said(python(sandbox, tmp_path, code, limits=Limits(file_bytes=1 << 20))) == "refused"
    assert (tmp_path / "big").stat().st_size <= 1 << 20


def test_output_is_cut_at_the_limit_for_both_streams_together(sandbox: Sandbox, tmp_path: Path) -> None:
    code = "import os\nwhile True:\n    os.write(1, b'o' * 5000)\n    os.write(2, b'e' * 5000)"
    result = python(sandbox, tmp_path, code, limits=Limits(output_bytes=20_000))
    assert (result.exit_status, result.killed_by, result.truncated) == (None, "output", True)
    assert len(result.stdout) + len(result.stderr) == 20_000


def test_output_of_exactly_the_limit_is_whole(sandbox: Sandbox, tmp_path: Path) -> None:
    result = python(sandbox, tmp_path, "print('x' * 99_999)", limits=Limits(output_bytes=100_000))
    assert (result.exit_status, result.truncated, len(result.stdout)) == (0, False, 100_000)


@pytest.mark.parametrize("name", ["cpu_s", "wall_s", "memory_bytes", "file_bytes", "processes", "output_bytes"])
@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan")])
def test_a_limit_that_limits_nothing_is_refused(name: str, value: float) -> None:
    with pytest.raises(SandboxError, match=name):
        Limits(**{name: value})  # type: ignore[arg-type]


# nothing is left running

_STRAY = """
import os, subprocess, sys
command = [sys.executable, "-c", "import time; time.sleep(600)", sys.argv[1]]
subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
if not os.fork():
    try:
        os.setsid()
    except PermissionError:
        pass
    subprocess.Popen(command)
    os._exit(0)
os.wait()
print("started", flush=True)
if sys.argv[2] == "stay":
    import time
    time.sleep(600)
"""


def running(word: str) -> list[str]:
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and word in (folder / "cmdline").read_text(errors="replace") and folder.name != str(os.getpid()):
                found.append(f"{folder.name} {(folder / 'stat').read_text()}")
        except OSError:
            continue
    return found


@linux_only
@pytest.mark.parametrize("end", ["leave", "stay"])
def test_no_process_outlives_its_run(sandbox: Sandbox, tmp_path: Path, end: str) -> None:
    word = f"stray-{secrets.token_hex(8)}"
    result = python(sandbox, tmp_path, _STRAY, word, end, limits=Limits(wall_s=1.5))
    assert result.stdout == b"started\n", result
    assert result.killed_by == ("wall" if end == "stay" else None)
    assert within(10, lambda: not running(word)), running(word)  # the kernel ends what was killed in its own time


@linux_only
def test_a_cancelled_run_leaves_nothing_running_and_the_workspace_to_its_owner(sandbox: Sandbox, tmp_path: Path) -> None:
    word = f"stray-{secrets.token_hex(8)}"
    ready = tmp_path / "ready"

    async def cancelled() -> None:
        code = f"open('ready', 'w').close()\n{_STRAY}"
        task = asyncio.create_task(sandbox.run([sys.executable, "-c", code, word, "stay"], workspace=tmp_path))
        while not ready.exists() and not task.done():
            await asyncio.sleep(0.01)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
    assert within(10, lambda: not running(word)), running(word)  # the kernel ends what was killed in its own time
    assert {path.stat().st_uid for path in [tmp_path, *tmp_path.iterdir()]} == {os.getuid()}


_KILLED_PARENT = """
import asyncio, sys
from pathlib import Path
from metagpt.actions.sandbox import open_sandbox
code = "import time; open('ready', 'w').close(); time.sleep(600)"
asyncio.run(open_sandbox(sys.argv[1]).run([sys.executable, "-c", code, sys.argv[3]], workspace=Path(sys.argv[2])))
"""


@linux_only
def test_a_program_dies_with_a_parent_that_was_killed(sandbox: Sandbox, tmp_path: Path) -> None:
    word = f"stray-{secrets.token_hex(8)}"
    command = [sys.executable, "-c", _KILLED_PARENT, sandbox.name, str(tmp_path), word]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}) as parent:
        assert within(20, (tmp_path / "ready").exists)
        parent.kill()
    assert within(10, lambda: not running(word))


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether it comes to hold; looked at every few milliseconds, since another process makes it so."""
    end, pause = time.monotonic() + seconds, threading.Event()
    while not holds():
        pause.wait(0.02)
        if time.monotonic() > end:
            return False
    return True


# what is refused


def test_a_workspace_must_be_a_folder_that_holds_no_interpreter(sandbox: Sandbox, tmp_path: Path) -> None:
    for folder, words in ((tmp_path / "none", "must exist"), (Path(sys.prefix), "lie in one another"), (Path("/"), "lie in one another")):
        with pytest.raises(SandboxError, match=words):
            python(sandbox, folder, "pass")


@pytest.mark.parametrize("argv", [[], "python", ["a\0b"], [1]])
def test_a_command_must_be_words(sandbox: Sandbox, tmp_path: Path, argv: Any) -> None:  # Any: what a caller gets wrong
    with pytest.raises(SandboxError, match="argv="):
        asyncio.run(sandbox.run(argv, workspace=tmp_path))


@pytest.mark.skipif(not ROOT, reason="an ordinary user lends nothing")
def test_a_lent_workspace_leaves_files_with_a_second_name_alone(tmp_path: Path) -> None:
    outside, workspace = tmp_path / "outside", tmp_path / "workspace"
    workspace.mkdir()
    outside.write_text("x")
    (workspace / "also").hardlink_to(outside)
    (workspace / "link").symlink_to(outside)
    (workspace / "own").write_text("x")
    with lent(workspace) as uid:
        assert uid
        assert outside.stat().st_uid == 0
        assert (workspace / "own").stat().st_uid == workspace.stat().st_uid == uid
        with lent(workspace) as second:
            assert second == uid
        assert workspace.stat().st_uid == uid
    assert (workspace / "own").stat().st_uid == workspace.stat().st_uid == 0


# choosing a backend


@pytest.fixture
def untried() -> Any:  # Any: a generator fixture
    probe._tried.cache_clear()
    yield
    probe._tried.cache_clear()


class Unavailable:
    name = "landlock"

    def __init__(self) -> None:
        raise SandboxError("Sandbox landlock: the kernel has none (Function not implemented).")


class Pretended(BareProcess):
    """Says it isolates."""

    name = "bubblewrap"


def test_a_backend_that_is_not_installed_is_refused_with_the_mend(untried: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SandboxError, match="no program 'bwrap'") as caught:
        open_sandbox("bubblewrap")
    for way in ("apt install bubblewrap", "Linux 5.13", "--sandbox process"):
        assert way in str(caught.value)


def test_auto_takes_the_next_that_isolates_and_never_a_bare_process(untried: None, monkeypatch: pytest.MonkeyPatch) -> None:
    opened("landlock")
    monkeypatch.setenv("PATH", "/nonexistent")
    assert open_sandbox().name == "landlock"
    monkeypatch.setattr(probe, "_BACKENDS", {**probe._BACKENDS, "landlock": Unavailable})
    probe._tried.cache_clear()
    with pytest.raises(SandboxError) as caught:
        open_sandbox()
    assert "no program 'bwrap'" in str(caught.value)
    assert "the kernel has none" in str(caught.value)
    assert open_sandbox("process").name == "process"


def test_a_backend_that_only_pretends_to_isolate_is_found_out(untried: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_BACKENDS", {**probe._BACKENDS, "bubblewrap": Pretended})
    with pytest.raises(SandboxError, match="reads files outside, reaches the network"):
        open_sandbox("bubblewrap")


def test_a_backend_that_fails_to_start_says_why(untried: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError, match="No permissions to create new namespace"):
        open_sandbox("bubblewrap")


def test_the_trial_is_made_once(untried: None) -> None:
    name = opened("landlock").name
    assert open_sandbox("landlock") is open_sandbox("landlock")
    assert name == "landlock"


def test_a_sandbox_can_be_opened_inside_a_running_event_loop(untried: None) -> None:
    async def inside() -> str:
        return open_sandbox("process").name

    assert asyncio.run(inside()) == "process"


def test_an_unknown_backend_is_refused_with_the_closest() -> None:
    with pytest.raises(SandboxError, match="Did you mean 'landlock'"):
        open_sandbox("landlok")  # type: ignore[arg-type]


# the filter, run by hand for both machines

ALLOWED, REFUSED, MISSING, ACCEPTED, KILLED = 0x7FFF0000, 0x50001, 0x50026, 0x50000, 0x80000000
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def judged(program: bytes, number: int, *arguments: int, architecture: int) -> int:
    """What a classic BPF program says of a call."""
    steps = list(struct.iter_unpack("=HBBI", program))
    padded = [*arguments, *[0] * (6 - len(arguments))]
    seen = struct.pack("=IIQ6Q", number, architecture, 0, *(argument & (1 << 64) - 1 for argument in padded))
    place = accumulator = 0
    while True:
        code, if_true, if_false, operand = steps[place]
        place += 1
        if code == 0x06:
            return int(operand)
        if code == 0x20:
            (accumulator,) = struct.unpack_from("=I", seen, operand)
        elif code == 0x54:
            accumulator &= operand
        else:
            holds = {
                0x15: accumulator == operand,
                0x25: accumulator > operand,
                0x35: accumulator >= operand,
                0x45: bool(accumulator & operand),
            }
            place += if_true if holds[code] else if_false


def number_of(name: str, machine: str) -> int:
    found = ARGUMENT_CALLS[name][machine == "aarch64"]
    assert found is not None
    return found


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_both_filters_know_both_machines(machine: Any) -> None:  # Any: one of the two literals
    programs = [namespace_filter(machine), shared_filter(machine, scoped_signals=False, governs_truncate=False)]
    read, ptrace, clone3 = {"x86_64": (0, 101, 435), "aarch64": (63, 117, 435)}[machine]
    for program in programs:
        assert len(program) // 8 <= 4096
        other = AUDIT["aarch64" if machine == "x86_64" else "x86_64"]
        assert judged(program, read, architecture=other) == KILLED
        assert judged(program, read, architecture=AUDIT[machine]) == ALLOWED
        assert judged(program, ptrace, architecture=AUDIT[machine]) == REFUSED
        assert judged(program, clone3, architecture=AUDIT[machine]) == MISSING
        assert judged(program, 1 << 30, architecture=AUDIT[machine]) == MISSING
        clone = number_of("clone", machine)
        assert judged(program, clone, 0x11, architecture=AUDIT[machine]) == ALLOWED
        assert judged(program, clone, 0x10000011, architecture=AUDIT[machine]) == REFUSED
        assert judged(program, number_of("ioctl", machine), 0, 0x5412, architecture=AUDIT[machine]) == REFUSED
        assert judged(program, number_of("ioctl", machine), 0, 0x5401, architecture=AUDIT[machine]) == ALLOWED


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_sockets_and_signals_are_judged_by_their_arguments(machine: Any) -> None:  # Any: one of the two literals
    def verdict(program: bytes, name: str, *arguments: int) -> int:
        return judged(program, number_of(name, machine), *arguments, architecture=AUDIT[machine])

    inside, shared = namespace_filter(machine), shared_filter(machine, scoped_signals=False, governs_truncate=True)
    scoped = shared_filter(machine, scoped_signals=True, governs_truncate=False)
    assert [verdict(inside, "socket", family) for family in (1, 2, 10, 16, 38, 40)] == [ALLOWED] * 4 + [REFUSED] * 2
    assert [verdict(shared, "socket", family) for family in (1, 2, 40)] == [REFUSED] * 3
    assert [verdict(shared, "socketpair", *pair) for pair in ((1, 1), (1, 0x80801), (1, 2), (1, 5), (2, 1))] == [ALLOWED] * 2 + [
        REFUSED
    ] * 3
    assert [verdict(shared, "kill", pid) for pid in (0, OWN_PID, OWN_GROUP, 1, -1)] == [ALLOWED] * 3 + [REFUSED] * 2
    assert [verdict(shared, "tgkill", pid) for pid in (OWN_PID, 1)] == [ALLOWED, REFUSED]
    assert [verdict(scoped, "kill", pid) for pid in (1, -1)] == [ALLOWED] * 2
    assert [verdict(shared, "prlimit64", pid) for pid in (0, OWN_PID, 1)] == [ALLOWED] * 2 + [REFUSED]
    assert [verdict(shared, "fcntl", 0, command) for command in (1, 2, 8, 10, 15)] == [ALLOWED] * 2 + [REFUSED] * 3
    assert (verdict(shared, "truncate"), verdict(scoped, "truncate")) == (ALLOWED, REFUSED)
    chmod_at = {"x86_64": 268, "aarch64": 53}[machine]
    assert judged(shared, chmod_at, architecture=AUDIT[machine]) == ACCEPTED
    assert judged(inside, chmod_at, architecture=AUDIT[machine]) == ALLOWED


# the action


def test_the_action_runs_python_in_the_workspace_of_the_run(tmp_path: Path) -> None:
    performed = python_action("process")
    assert set(performed.parameters["properties"]) == {"arguments", "stdin"}
    assert performed.permissions.executes
    (tmp_path / "main.py").write_text("import sys; print(input(), sys.argv[1])")
    context = ActionContext(workspace=tmp_path)
    result = asyncio.run(performed.perform({"arguments": ["main.py", "there"], "stdin": "hello"}, context))
    assert (result.exit_status, result.stdout, result.killed_by) == (0, "hello there\n", None)
    with pytest.raises(ActionError, match="no arguments"):
        asyncio.run(performed.perform({"arguments": []}, context))
