"""What can compute here, jobs that say what they need and wait for it in a queue, and models in memory while they are used.

One queue serves all processes of a machine. Two accelerators are told of here that need not be there; leave `devices=` out for yours.

Prints:
    the first device is cpu, with cores and free memory: True
    training runs on cuda:0
    search runs on cuda:1
    evaluation waits for cuda:0 or cuda:1, 4 GB
    evaluation runs on cuda:0, as training has ended
    refused: a job that needs auto with 80.0 GB
    loaded: a b c; still in memory: a c; 800 bytes
"""

import logging
import tempfile
import threading
from pathlib import Path

from torch import nn

from metagpt.errors import LabError
from metagpt.lab import ComputeQueue, Device, ModelShelf, Need, list_devices

GB = 10**9
GPUS = [Device(name=f"cuda:{number}", description="GPU", memory_bytes=16 * GB, free_bytes=16 * GB) for number in (0, 1)]


class Job(threading.Thread):
    """Holds an accelerator until it is told to end; other jobs are mostly other processes."""

    def __init__(self, folder: Path, what: str) -> None:
        super().__init__()
        self.queue, self.what = ComputeQueue(folder, devices=lambda: GPUS), what
        self.runs, self.may_end = threading.Event(), threading.Event()
        self.start()
        self.runs.wait()

    def run(self) -> None:
        with self.queue.reserve(Need(), what=self.what) as device:  # an accelerator for itself alone
            print(f"{self.what} runs on {device}")
            self.runs.set()
            self.may_end.wait()

    def end(self) -> None:
        self.may_end.set()
        self.join()


def take_turns(folder: Path) -> None:
    training, search = Job(folder, "training"), Job(folder, "search")

    def while_it_waits(_: float) -> None:
        claim = queue.tickets()[-1].claim
        print(f"evaluation waits for {' or '.join(claim.devices)}, {(claim.memory_bytes or 0) // GB} GB")
        training.end()

    queue = ComputeQueue(folder, devices=lambda: GPUS, pause=while_it_waits)
    with queue.reserve(Need(memory_bytes=4 * GB), what="evaluation") as device:
        print(f"evaluation runs on {device}, as training has ended")
    search.end()
    try:
        with queue.reserve(Need(memory_bytes=80 * GB), what="too large"):
            pass
    except LabError as error:
        print("refused:", str(error).partition("found ")[2].partition(";")[0])


def share_memory() -> None:
    loaded: list[str] = []

    def load(name: str) -> nn.Linear:
        loaded.append(name)
        return nn.Linear(10, 10, bias=False)  # 400 bytes

    shelf = ModelShelf(load, room_bytes=800)
    for name in ("a", "b", "a", "c"):  # there is room for two, and b is unused for longest when c comes
        with shelf.use(name):
            pass
    print(f"loaded: {' '.join(loaded)}; still in memory: {' '.join(shelf.loaded)}; {shelf.size_bytes} bytes")


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # the queue tells of waiting, too
    first = list_devices()[0]
    print(f"the first device is {first.name}, with cores and free memory:", (first.cores or 0) > 0 and (first.free_bytes or 0) > 0)
    with tempfile.TemporaryDirectory() as folder:
        take_turns(Path(folder))
    share_memory()
