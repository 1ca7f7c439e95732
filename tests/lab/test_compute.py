"""Devices, the queue of one machine, and models kept in memory while they are used."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from metagpt.cli.app import app
from metagpt.errors import ConfigError, LabError
from metagpt.lab import ComputeQueue, Device, ModelShelf, Need, list_devices, pick_device

GB = 10**9
CPU = Device(name="cpu", description="processor", memory_bytes=16 * GB, free_bytes=12 * GB, cores=2, load=0.5)
GPUS = [Device(name=f"cuda:{number}", description="GPU", memory_bytes=8 * GB, free_bytes=8 * GB) for number in (0, 1)]


class TooLongError(Exception):
    """Raised instead of a wait that nothing in the test ends."""


def no_wait(_: float) -> None:
    raise TooLongError


def queue(folder: Path, *devices: Device, pause: Callable[[float], None] = no_wait) -> ComputeQueue:
    return ComputeQueue(folder, devices=lambda: list(devices), pause=pause)


def elsewhere(work: Callable[[], None]) -> None:
    """Run in another thread, which is inside no reservation."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(timeout=60)
    if failed:
        raise failed[0]


# devices


def test_the_processor_is_there_with_memory_cores_and_load() -> None:
    cpu = list_devices()[0]
    assert cpu.name == "cpu"
    assert cpu.memory_bytes is not None
    assert cpu.free_bytes is not None
    assert 0 < cpu.free_bytes <= cpu.memory_bytes
    assert cpu.cores is not None
    assert cpu.cores > 0
    assert cpu.load is not None
    assert cpu.load >= 0


def test_a_device_is_picked_by_name_or_as_the_best() -> None:
    assert pick_device("cpu") == torch.device("cpu")
    assert str(pick_device("auto")) in {device.name for device in list_devices()}
    with pytest.raises(ConfigError, match=r"found 'cuda:99'; expected auto or one that is here: cpu"):
        pick_device("cuda:99")


def test_a_containers_bounds_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, text in (("memory.max", "1000000"), ("memory.current", "400000"), ("cpu.max", "50000 100000")):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr("metagpt.lab.devices._CGROUP", tmp_path)
    cpu = list_devices()[0]
    assert (cpu.memory_bytes, cpu.free_bytes, cpu.cores) == (1_000_000, 600_000, 0.5)


def test_the_command_lists_devices_and_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with ComputeQueue().reserve(Need(device="cpu", memory_bytes=1000), what="pretrain in here"):
        shown = CliRunner().invoke(app, ["devices"]).stdout
        lines = [json.loads(line) for line in CliRunner().invoke(app, ["devices", "--json"]).stdout.splitlines()]
    assert shown.startswith("cpu ")
    assert "pretrain in here  runs on cpu" in shown
    assert [line["kind"] for line in lines if line.get("name") == "cpu" or line["kind"] == "job"] == ["device", "job"]
    assert "job" not in CliRunner().invoke(app, ["devices"]).stdout.split()


# the queue


def test_jobs_get_an_accelerator_each_and_the_next_waits_for_the_first_to_end(tmp_path: Path) -> None:
    with queue(tmp_path, CPU, *GPUS).reserve(Need(), what="one") as first:
        assert first == "cuda:0"

        def second_and_third() -> None:
            with queue(tmp_path, CPU, *GPUS).reserve(Need(), what="two") as device:
                assert device == "cuda:1"

                def third() -> None:
                    with pytest.raises(TooLongError), queue(tmp_path, CPU, *GPUS).reserve(Need(), what="three"):
                        pass

                elsewhere(third)

        elsewhere(second_and_third)
    assert queue(tmp_path, CPU, *GPUS).tickets() == []


def test_who_waits_goes_on_when_room_is_made(tmp_path: Path) -> None:
    running, may_end, served = threading.Event(), threading.Event(), []

    def first() -> None:
        with queue(tmp_path, GPUS[0]).reserve(Need(), what="first"):
            running.set()
            assert may_end.wait(60)

    thread = threading.Thread(target=first)
    thread.start()
    assert running.wait(60)

    def end_the_first(_: float) -> None:
        states = [(ticket.what, ticket.claim.is_running) for ticket in queue(tmp_path, GPUS[0]).tickets()]
        assert states == [("first", True), ("second", False)]
        may_end.set()
        thread.join(60)

    with queue(tmp_path, GPUS[0], pause=end_the_first).reserve(Need(), what="second") as device:
        served.append(device)
    assert served == ["cuda:0"]


def test_jobs_that_fit_together_share_and_one_that_came_earlier_is_not_overtaken(tmp_path: Path) -> None:
    outcomes: list[str] = []

    def ask(gigabytes: float, pause: Callable[[float], None] = no_wait) -> None:
        need = Need(device="cuda:0", memory_bytes=int(gigabytes * GB))
        with queue(tmp_path, GPUS[0], pause=pause).reserve(need, what=f"{gigabytes} GB"):
            outcomes.append(f"{gigabytes} served")

    def a_small_one_comes(_: float) -> None:
        with pytest.raises(TooLongError):
            elsewhere(lambda: ask(1))  # there would be room beside the 5 GB, but the 4 GB came first
        outcomes.append("1 waits")
        raise TooLongError

    with queue(tmp_path, GPUS[0]).reserve(Need(device="cuda:0", memory_bytes=5 * GB), what="5 GB"):
        elsewhere(lambda: ask(2))
        with pytest.raises(TooLongError):
            elsewhere(lambda: ask(4, a_small_one_comes))
        elsewhere(lambda: ask(1))  # nobody waits any more
    assert outcomes == ["2 served", "1 waits", "1 served"]


def test_memory_that_other_programs_use_is_not_given_away(tmp_path: Path) -> None:
    full = Device(name="cuda:0", description="GPU", memory_bytes=8 * GB, free_bytes=1 * GB)
    with pytest.raises(TooLongError), queue(tmp_path, full).reserve(Need(device="cuda", memory_bytes=2 * GB), what="2 GB"):
        pass
    with queue(tmp_path, full).reserve(Need(device="cuda", memory_bytes=GB // 2), what="half") as device:
        assert device == "cuda:0"


def test_more_than_there_is_is_refused_at_once(tmp_path: Path) -> None:
    for need, told in ((Need(memory_bytes=99 * GB), "99.0 GB; expected what is here: cpu"), (Need(device="mps"), "needs mps")):
        with pytest.raises(LabError, match=told), queue(tmp_path, CPU).reserve(need, what="huge"):
            pass
    assert not (tmp_path / "last").exists()


def test_on_the_processor_nobody_waits_who_names_no_memory(tmp_path: Path) -> None:
    with queue(tmp_path / "queue", CPU).reserve(Need(), what="one") as device:
        assert device == "cpu"
    assert not (tmp_path / "queue").exists()


def test_a_job_inside_a_job_does_not_wait_for_it(tmp_path: Path) -> None:
    with queue(tmp_path, GPUS[1]).reserve(Need(), what="search"), queue(tmp_path, GPUS[1]).reserve(Need(), what="trial") as device:
        assert device == "cuda:1"


CHILD = """
import sys
from pathlib import Path
from metagpt.lab.compute import ComputeQueue, Need
from metagpt.lab.devices import Device
def stop(_):
    print("waits", flush=True)
    sys.exit(0)
gpu = Device(name="cuda:0", description="GPU", memory_bytes=8, free_bytes=8)
with ComputeQueue(Path(sys.argv[1]), devices=lambda: [gpu], pause=stop).reserve(Need(), what="child") as device:
    print(device, flush=True)
    sys.stdin.read()
"""


def test_a_process_started_by_a_job_is_part_of_it(tmp_path: Path) -> None:
    gpu = Device(name="cuda:0", description="GPU", memory_bytes=8, free_bytes=8)
    with queue(tmp_path, gpu).reserve(Need(), what="parent"):
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(tmp_path)], capture_output=True, text=True, input="", timeout=60, check=False
        )
    assert done.stdout == "cuda:0\n", done.stderr


def test_what_a_killed_process_held_is_free(tmp_path: Path) -> None:
    gpu = Device(name="cuda:0", description="GPU", memory_bytes=8, free_bytes=8)
    with subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "cuda:0\n"
        assert [ticket.pid for ticket in queue(tmp_path, gpu).tickets()] == [child.pid]
        with pytest.raises(TooLongError), queue(tmp_path, gpu).reserve(Need(), what="ours"):
            pass
        child.kill()
        child.wait(60)
    with queue(tmp_path, gpu).reserve(Need(), what="ours") as device:
        assert device == "cuda:0"


# the shelf


def test_models_are_loaded_once_and_those_unused_for_longest_are_released() -> None:
    loads: list[str] = []

    def load(name: str) -> nn.Linear:
        loads.append(name)
        return nn.Linear(10, 10, bias=False)  # 400 bytes

    shelf = ModelShelf(load, room_bytes=800)
    with shelf.use("a") as first, shelf.use("a") as second:
        assert first is second
    for name in ("b", "a", "c"):
        with shelf.use(name):
            pass
    assert (loads, shelf.loaded, shelf.size_bytes) == (["a", "b", "c"], ["a", "c"], 800)
    shelf.close()
    assert shelf.loaded == []


def test_a_model_in_use_is_never_released() -> None:
    shelf = ModelShelf(lambda _: nn.Linear(10, 10, bias=False), room_bytes=400)
    with shelf.use("a"), shelf.use("b"):
        assert shelf.loaded == ["a", "b"]
    assert len(shelf.loaded) == 1


def test_a_model_that_does_not_load_leaves_no_trace() -> None:
    def load(name: str) -> nn.Module:
        raise OSError(name)

    shelf = ModelShelf(load, room_bytes=400)
    with pytest.raises(OSError, match="broken"), shelf.use("broken"):
        pass
    assert shelf.loaded == []
