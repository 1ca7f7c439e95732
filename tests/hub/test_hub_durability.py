"""Crashes, a full disk, two processes: the hub is as before or as after, and loses nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import filelock
import pytest

from metagpt import ModelHub
from metagpt.hub.staging import sweep
from tests.hub.making import model_folder, pushed

ROOT = Path(__file__).resolve().parent.parent.parent

CRASHES = """
import os, sys
from pathlib import Path
from metagpt.hub import ModelHub
from tests.hub.making import pushed

root = Path(sys.argv[1])
hub = ModelHub(root / "hub")
pushed(hub, root, content=b"first", alias="production")
pushed(hub, root, content=b"second")

STEPS = ("replace", "rename", "fsync", "link", "mkdir", "unlink", "rmdir")

def crash_at(step, folder):
    count = 0
    def counted(real):
        def call(*args, **keywords):
            nonlocal count
            count += 1
            if count == step:
                os._exit(9)
            return real(*args, **keywords)
        return call
    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))
    made = pushed(hub, folder, content=os.urandom(9), alias="production")
    hub.folder(made.reference)
    hub.tag("news@2", "candidate")
    hub.pull(made.reference, folder / "out")
    hub.tag("news@1", "production")
    hub.remove(made.reference)
    hub.prune()
    os._exit(0)

step, seen = 0, set()
while True:
    step += 1
    folder = root / f"step{step}"
    folder.mkdir()
    child = os.fork()
    if not child:
        crash_at(step, folder)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    faults = hub.verify()
    assert not faults, (step, faults)
    numbers = [entry.version for entry in hub.versions("news")]
    assert numbers[:2] == [1, 2], (step, numbers)
    for entry in hub.versions("news"):
        hub.folder(entry.reference)
    assert not (folder / "out").exists() or (folder / "out" / "model.safetensors").is_file(), step
    seen.add((len(numbers), hub.aliases("news")["production"]))
    hub.tag("news@1", "production")
    hub.prune()
    assert not list((hub.path / "staging").iterdir()), step
    assert not [path for path in hub.path.rglob(".*.json.*")], step
    for entry in hub.versions("news")[2:]:
        hub.remove(entry.reference)
    if status == 0:
        break
    assert status == 9, (step, status)
print(step, len(seen))
"""

FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from metagpt import HubError
from metagpt.hub import ModelHub

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
hub = ModelHub(sys.argv[1])
for attempt in (lambda: hub.push(sys.argv[2], "large"), lambda: hub.pull("old", sys.argv[3])):
    try:
        attempt()
    except HubError as error:
        print(error)
"""

WORKER = """
import sys
from pathlib import Path
from metagpt.hub import ModelHub
from tests.hub.making import pushed

root, worker = Path(sys.argv[1]), sys.argv[2]
hub = ModelHub(root / "hub")
folder = root / worker
folder.mkdir()
for number in range(15):
    content = f"{worker} {number}".encode()
    made = pushed(hub, folder, "shared", content, alias=f"{worker}-{number}")
    if number % 3 == 0:
        hub.prune()
    hub.tag(made.reference, "production")
    hub.record_run(f"run-{worker}-{number}", [made.reference])
    target = hub.pull(made.reference, folder / f"out{number}")
    assert (target / "model.safetensors").read_bytes().endswith(content)
    if number % 5 == 4:
        hub.untag("shared", f"{worker}-{number - 1}")
    hub.folder(made.reference)
hub.prune()
"""


def program(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs fork")
def test_killed_at_any_step_the_hub_verifies_and_keeps_every_version(tmp_path: Path) -> None:
    steps, outcomes = map(int, program(CRASHES, tmp_path).stdout.split())
    assert steps > 40  # every rename, link, flush and removal was a place to die
    assert outcomes >= 3  # before the push, after it, after the alias


@pytest.mark.skipif(sys.platform == "win32", reason="needs file size limits")
def test_a_disk_without_room_leaves_nothing_half_written(tmp_path: Path) -> None:
    hub = ModelHub(tmp_path / "hub")
    hub.push(model_folder(tmp_path / "a", b"x" * 80_000), "old")
    large = model_folder(tmp_path / "b", b"y" * 80_000)
    told = program(FULL_DISK, hub.path, large, tmp_path / "out").stdout.splitlines()
    assert told == [
        f"hub: {what} failed: File too large; expected a disk with room that may be written to. Nothing was changed."
        " Make room or change the mode, and do it again."
        for what in ("pushing 'large'", "pulling 'old@1'")
    ]
    assert hub.verify() == []
    assert [entry.name for entry in hub.list() if entry.folder is None] == ["old"]
    assert len(list(hub.blobs.all())) == 3
    assert list((hub.path / "staging").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "hub"]


def test_two_processes_that_push_tag_and_prune_at_once_lose_nothing(tmp_path: Path) -> None:
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path), name], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for name in ("ann", "bob")
    ]
    errors = [worker.communicate(timeout=300)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], errors
    hub = ModelHub(tmp_path / "hub")
    assert [entry.version for entry in hub.versions("shared")] == list(range(1, 31))
    assert hub.verify() == []
    aliases = hub.aliases("shared")
    kept = {f"{name}-{number}" for name in ("ann", "bob") for number in range(15) if number not in (3, 8, 13)}
    assert set(aliases) == {*kept, "production"}
    for alias in kept:
        weights = (hub.folder(f"shared@{alias}") / "model.safetensors").read_bytes()
        assert weights.endswith(alias.replace("-", " ").encode())
    assert len([run for run in hub.registry.runs() if run.startswith("run-")]) == 30
    past = json.loads((hub.path / "aliases" / "shared.json").read_bytes())["body"]["production"]
    assert sorted(past) == list(range(1, 31))
    assert hub.prune().contents == 0


def test_a_prune_spares_what_another_is_pushing_and_reading_needs_no_lock(tmp_path: Path) -> None:
    hub = ModelHub(tmp_path / "hub")
    pushed(hub, tmp_path, content=b"there")
    with hub._stage() as work:
        (work / "half").write_bytes(b"half")
        assert ModelHub(hub.path).prune().unfinished == 0
        assert (work / "half").is_file()
    with hub._locked():
        assert ModelHub(hub.path).get("news").version == 1
        assert hub.verify() == []


def test_a_sweep_passes_over_a_folder_that_its_owner_is_just_removing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("dead", "leaving"):
        (tmp_path / name).mkdir()
    acquire = filelock.FileLock.acquire

    def acquire_unless_gone(self: filelock.FileLock, *args: Any, **keywords: Any) -> Any:
        if "leaving" in self.lock_file:
            raise FileNotFoundError(self.lock_file)
        return acquire(self, *args, **keywords)

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire_unless_gone)
    assert sweep(tmp_path) == 1
    assert not (tmp_path / "dead").exists()
