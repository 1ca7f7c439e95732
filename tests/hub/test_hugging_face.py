"""From and to Hugging Face hubs: a small server on this machine stands for theirs; without any, the error says what to do."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from metagpt import HubError, LabError, ModelHub, load_data
from tests.hub.making import card, model_folder, safetensors

pytest.importorskip("huggingface_hub")

ROOT = Path(__file__).resolve().parent.parent.parent
COMMIT = "c" * 40
FILES = {
    "config.json": b'{"model_type": "tiny"}',
    "model.safetensors": safetensors(b"from afar"),
    "README.md": card("Made elsewhere.", license="mit").encode(),
    "pytorch_model.bin": b"\x80\x04never fetched",
    "modeling.py": b"print('never fetched')",
}


class _Hub(BaseHTTPRequestHandler):
    """Two repositories to read: org/good, and org/pickled without safetensors; and org/mine to write to."""

    asked: list[str] = []
    received: dict[str, bytes] = {}

    def do_POST(self) -> None:
        body = self._body()
        if self.path == "/api/repos/create":
            self._send(json.dumps({"url": "http://127.0.0.1/org/mine", "name": "org/mine"}).encode())
        elif self.path == "/api/validate-yaml":  # the card's front matter
            self._send(b'{"errors": [], "warnings": []}')
        elif self.path.startswith("/api/models/org/mine/preupload/main"):
            names = [each["path"] for each in json.loads(body)["files"]]
            plan = [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]
            self._send(json.dumps({"files": plan}).encode())
        else:
            assert self.path.startswith("/api/models/org/mine/commit/main")
            for line in map(json.loads, body.decode().splitlines()):
                if line["key"] == "file":
                    self.received[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            self._send(json.dumps({"commitUrl": "http://127.0.0.1/org/mine/commit/1", "commitOid": "1" * 40, "success": True}).encode())

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.asked.append(self.path)
        path = self.path.partition("?")[0]
        names = [name for name in FILES if "good" in path or not name.endswith(".safetensors")]
        if path.startswith(("/api/models/org/good", "/api/models/org/pickled")):
            if "/tree/" in path:
                listed = [
                    {"type": "file", "path": name, "size": len(FILES[name]), "oid": hashlib.sha1(FILES[name]).hexdigest()} for name in names
                ]
                return self._send(json.dumps(listed).encode())
            about = {"id": "org/good", "sha": COMMIT, "siblings": [{"rfilename": name} for name in names], "tags": [], "private": False}
            return self._send(json.dumps(about).encode())
        name = path.removeprefix(f"/org/good/resolve/{COMMIT}/")
        if name in FILES:
            etag = hashlib.sha1(FILES[name]).hexdigest()
            return self._send(FILES[name], **{"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})
        self.send_response(404)
        self.send_header("X-Error-Code", "RepoNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()
        return None

    def _body(self) -> bytes:
        if "Content-Length" in self.headers:
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):  # in chunks, each behind its size
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(self, content: bytes, **headers: str) -> None:
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    _Hub.asked.clear()
    _Hub.received.clear()
    opened = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    thread = threading.Thread(target=opened.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{opened.server_port}"
    opened.shutdown()
    thread.join()
    opened.server_close()


def hub_command(folder: Path, endpoint: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own: the library reads its settings when it is imported."""
    environment = {
        **os.environ, "HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "0", "HF_HOME": str(folder / "cache"), "METAGPT_HUB": str(folder / "hub"),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-c", "from metagpt.cli import main; main()", "hub", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_a_repository_is_downloaded_checked_and_pushed_with_its_commit(server: str, tmp_path: Path) -> None:
    done = hub_command(tmp_path, server, "push", "far", "hf:org/good", "--alias", "production")
    assert (done.returncode, done.stdout) == (0, "pushed far@1\n"), done.stderr
    hub = ModelHub(tmp_path / "hub")
    entry = hub.get("far@production")
    assert set(entry.files) == {"config.json", "model.safetensors", "README.md"}
    assert entry.parents == (f"hf:org/good@{COMMIT}",)
    assert (hub.folder("far") / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert hub.card("far").license == "mit"
    assert not [path for path in _Hub.asked if path.endswith((".bin", ".py"))]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("hf:org/pickled", "hf:org/pickled: found no safetensors among 4 files"),
        ("hf:org/nobody", "hf:org/nobody: found no such repository or revision, or no right to it"),
        ("hf:a/b/c/d", "hf:a/b/c/d: found a name that no repository can have; expected hf:ORG/NAME"),
    ],
)
def test_a_repository_that_cannot_be_taken_leaves_the_hub_as_it_was(server: str, tmp_path: Path, source: str, said: str) -> None:
    done = hub_command(tmp_path, server, "push", "far", source)
    assert done.returncode == 2
    assert f"error: {said}" in done.stderr
    hub = ModelHub(tmp_path / "hub")
    assert "far" not in hub.registry.names()
    assert list((hub.path / "staging").iterdir()) == []


def test_an_entry_is_written_to_a_repository_file_by_file(server: str, tmp_path: Path) -> None:
    source = model_folder(tmp_path / "source", readme=card("Mine."))
    assert hub_command(tmp_path, server, "push", "near", "source").returncode == 0
    done = hub_command(tmp_path, server, "pull", "near", "hf:org/mine")
    assert (done.returncode, done.stdout) == (0, "http://127.0.0.1/org/mine/commit/1\n"), done.stderr
    assert _Hub.received == {path.name: path.read_bytes() for path in source.iterdir()}


def test_a_hub_that_cannot_be_reached_is_a_clear_error_in_both_directions(tmp_path: Path) -> None:
    model_folder(tmp_path / "source")
    assert hub_command(tmp_path, "", "push", "near", "source").returncode == 0
    for arguments in (("push", "far", "hf:org/good"), ("pull", "near", "hf:org/mine")):
        done = hub_command(tmp_path, "http://127.0.0.1:9", *arguments)
        assert done.returncode == 2
        assert "the model hub cannot be reached" in done.stderr
        assert "Go online, or push a folder that you have." in done.stderr


def test_offline_the_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(HubError, match="HF_HUB_OFFLINE is set"):
        ModelHub(tmp_path / "hub").push("hf:org/good", "far")
    with pytest.raises(LabError, match="found no such dataset in the cache"):
        pytest.importorskip("datasets")
        load_data("hf:org/news")
