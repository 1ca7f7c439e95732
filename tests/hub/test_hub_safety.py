"""Pickle stays out under whatever name, and bytes that were changed are found and never given out."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from metagpt import HubError, ModelHub
from metagpt.hub.entry import to_sealed
from metagpt.hub.safety import check_file
from tests.hub.making import model_folder, pushed, safetensors

BINARY_PICKLE = b"\x80\x04\x95\x1c\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02ls\x94\x85\x94R\x94."
TEXT_PICKLE = b"cos\nsystem\n(S'ls'\ntR."
OLD_PICKLE = b"(S'ls'\nios\nsystem\n."


def torch_archive() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("archive/data.pkl", BINARY_PICKLE)
    return made.getvalue()


@pytest.fixture
def hub(tmp_path: Path) -> ModelHub:
    return ModelHub(tmp_path / "hub")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("pytorch_model.bin", b"harmless", "the ending '.bin'"),
        ("model.pt", b"harmless", "the ending '.pt'"),
        ("table.npy", b"harmless", "the ending '.npy'"),
        ("vocab.txt", BINARY_PICKLE, "a pickle inside"),
        ("notes.json", TEXT_PICKLE, "a pickle inside"),
        ("notes", OLD_PICKLE, "a pickle inside"),
        ("extra.dat", torch_archive(), "an archive with 'archive/data.pkl'"),
        ("more.safetensors", TEXT_PICKLE, "a pickle inside"),
        ("more.safetensors", torch_archive(), "without a whole header"),
        ("more.safetensors", safetensors(b"123")[:-1], "found 2 bytes of tensors; expected 3"),
        ("more.safetensors", safetensors(b"123") + b"4", "found 4 bytes of tensors; expected 3"),
        ("more.safetensors", b"\x05\x00\x00\x00\x00\x00\x00\x00hello", "a header that does not read"),
    ],
)
def test_a_model_with_pickle_or_spoiled_weights_in_it_is_refused(
    hub: ModelHub, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    source = model_folder(tmp_path / "source")
    (source / name).write_bytes(content)
    with pytest.raises(HubError, match=said):
        hub.push(source, "news")
    assert hub.list("model") == ModelHub(tmp_path / "other").list("model")
    assert hub.verify() == []
    assert not list(hub.blobs.all())
    assert list((hub.path / "staging").iterdir()) == []


@pytest.mark.parametrize(
    "text",
    ["i\nam\n.", "cat\nhat\n.", "", ".", "(lp0\n.", "import this\n", "{}", "c\nb\nR."[:4], "You may call R.\n"],
)
def test_ordinary_texts_are_not_taken_for_pickle(tmp_path: Path, text: str) -> None:
    (tmp_path / "vocab.txt").write_text(text)
    check_file(tmp_path / "vocab.txt", "vocab.txt")


def test_a_changed_byte_is_found_by_verify_and_refused_at_pull_and_in_service(hub: ModelHub, tmp_path: Path) -> None:
    pushed(hub, tmp_path)
    hub.folder("news")
    digest = hub.get("news").files["model.safetensors"].sha256
    blob = hub.blobs.path(digest)
    blob.chmod(0o600)
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")  # one name of the content, so the checkout has it too
    assert [str(finding) for finding in hub.verify()] == ["news@1: 'model.safetensors' has bytes that differ from those that were pushed"]
    with pytest.raises(HubError, match="found other bytes in 'model.safetensors' than were pushed"):
        hub.pull("news", tmp_path / "out")
    with pytest.raises(HubError, match="found other bytes"):
        hub.folder("news")
    assert not (tmp_path / "out").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".out")]


def test_pushing_the_same_again_heals_a_spoiled_content(hub: ModelHub, tmp_path: Path) -> None:
    pushed(hub, tmp_path)
    blob = hub.blobs.path(hub.get("news").files["model.safetensors"].sha256)
    blob.chmod(0o600)
    blob.write_bytes(b"spoiled")
    hub.push(model_folder(tmp_path / "again"), "news")
    assert hub.verify() == []


def test_a_missing_content_is_found(hub: ModelHub, tmp_path: Path) -> None:
    pushed(hub, tmp_path)
    hub.blobs.path(hub.get("news").files["config.json"].sha256).unlink()
    assert [finding.what for finding in hub.verify("news@1")] == ["'config.json' is missing"]
    with pytest.raises(HubError, match="found no content"):
        hub.pull("news", tmp_path / "out")


def test_a_file_put_into_a_checked_out_folder_is_found(hub: ModelHub, tmp_path: Path) -> None:
    pushed(hub, tmp_path)
    (hub.folder("news") / "modeling.py").write_text("print('mine')")
    with pytest.raises(HubError, match=r"found 'modeling.py' added to or missing from"):
        hub.folder("news")


def test_a_changed_manifest_is_found_and_nothing_is_pruned_beside_it(hub: ModelHub, tmp_path: Path) -> None:
    pushed(hub, tmp_path, alias="production")
    manifest = hub.path / "entries" / "news" / "1.json"
    before = manifest.read_bytes()
    manifest.write_bytes(before.replace(b"model.safetensors", b"model.safetensorz"))
    [first, second] = hub.verify()
    assert "found bytes that differ from those the hub wrote" in first.what
    assert "aliases" in second.where
    with pytest.raises(HubError, match="found bytes that differ"):
        hub.prune()
    manifest.write_bytes(before)
    assert hub.verify() == []


def test_a_manifest_that_leads_out_of_the_folder_is_refused_though_it_is_sealed(hub: ModelHub, tmp_path: Path) -> None:
    pushed(hub, tmp_path)
    manifest = hub.path / "entries" / "news" / "1.json"
    body = json.loads(manifest.read_bytes())["body"]
    for path in ("../../evil", "/evil", "a\\b", "C:evil", "a/../b"):
        manifest.write_bytes(to_sealed({**body, "files": {path: body["files"]["config.json"]}}))
        with pytest.raises(HubError, match="a manifest that does not read"):
            hub.pull("news", tmp_path / "out")
    manifest.write_bytes(to_sealed({**body, "version": 2}))
    with pytest.raises(HubError, match="found the manifest of news@2; expected that of its own name"):
        hub.get("news")


def test_pickle_that_came_into_the_hub_in_another_way_is_not_given_out(hub: ModelHub, tmp_path: Path) -> None:
    pushed(hub, tmp_path)
    manifest = hub.path / "entries" / "news" / "1.json"
    body = json.loads(manifest.read_bytes())["body"]
    manifest.write_bytes(to_sealed({**body, "files": {"model.pkl": body["files"]["config.json"]}}))
    with pytest.raises(HubError, match="the ending '.pkl'"):
        hub.pull("news", tmp_path / "out")
    with pytest.raises(HubError, match="the ending '.pkl'"):
        hub.folder("news")
    assert ["the ending '.pkl'" in finding.what for finding in hub.verify()] == [True]
