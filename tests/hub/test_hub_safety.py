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


# manifests that were taken away


def lost(hub: ModelHub) -> list[tuple[str, str]]:
    return [(finding.where, finding.what.partition(", but ")[2].partition(". Restore")[0]) for finding in hub.verify()]


def test_an_only_version_whose_manifest_was_taken_away_is_found_and_its_contents_are_not_pruned(hub: ModelHub, tmp_path: Path) -> None:
    contents = pushed(hub, tmp_path).files.values()
    manifest = hub.path / "entries" / "news" / "1.json"
    before = manifest.read_bytes()
    manifest.unlink()
    assert lost(hub) == [("news@1", "numbers up to 1 were given")]
    with pytest.raises(HubError, match=r"prune: found no manifest of news@1, but numbers up to 1 were given"):
        hub.prune()
    manifest.write_bytes(before)
    assert hub.verify() == []
    assert hub.prune().contents == 0
    assert [hub.blobs.fault(blob) for blob in contents] == ["", "", ""]


def test_a_number_whose_manifest_was_taken_away_is_not_given_again(hub: ModelHub, tmp_path: Path) -> None:
    pushed(hub, tmp_path)
    pushed(hub, tmp_path, content=b"second")
    (hub.path / "entries" / "news" / "2.json").unlink()
    assert pushed(hub, tmp_path, content=b"third").version == 3
    assert lost(hub) == [("news@2", "numbers up to 3 were given")]


def test_aliases_parents_and_runs_tell_of_a_lost_version_where_its_number_was_not_written_down(hub: ModelHub, tmp_path: Path) -> None:
    for name, alias in (("base", None), ("tagged", "production"), ("used", None)):
        pushed(hub, tmp_path, name, name.encode(), alias=alias)
    pushed(hub, tmp_path, "tuned", b"tuned", parents=["base"])
    hub.record_run("r1", ["used"])
    for name in ("base", "tagged", "used"):
        (hub.path / "entries" / name / "1.json").unlink()
        (hub.path / "numbers" / f"{name}.json").unlink()  # as in a hub of an older version
    assert sorted(lost(hub)) == [
        ("base@1", "tuned@1 was made from it"),
        ("tagged@1", "it has or had the alias 'production'"),
        ("tagged@production", ""),
        ("used@1", "it was used in run:r1"),
    ]


def test_a_lost_version_can_be_given_up_and_then_nothing_is_wrong(hub: ModelHub, tmp_path: Path) -> None:
    pushed(hub, tmp_path)
    (hub.path / "entries" / "news" / "1.json").unlink()
    hub.remove("news@1")
    assert hub.verify() == []
    assert hub.prune().contents == 3
    assert pushed(hub, tmp_path, content=b"next").reference == "news@2"


def test_removed_versions_and_a_push_over_a_built_in_name_are_not_lost(hub: ModelHub, tmp_path: Path) -> None:
    pushed(hub, tmp_path)
    pushed(hub, tmp_path, content=b"second")
    hub.remove("news@1")
    pushed(hub, tmp_path, "embedded", b"third", parents=["embedded"])
    assert hub.verify() == []
    assert len(hub.unheld()) == 1


def test_a_changed_file_of_numbers_is_found_and_nothing_is_pushed_on_it(hub: ModelHub, tmp_path: Path) -> None:
    pushed(hub, tmp_path)
    numbers = hub.path / "numbers" / "news.json"
    numbers.write_bytes(numbers.read_bytes().replace(b"1", b"0"))
    assert [finding.where for finding in hub.verify()] == [str(numbers)]
    with pytest.raises(HubError, match="found bytes that differ"):
        pushed(hub, tmp_path, content=b"second")


# links


def test_a_link_out_of_the_folder_is_refused_and_nothing_is_pushed(hub: ModelHub, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("password")
    source = model_folder(tmp_path / "source")
    (source / "notes.txt").symlink_to(secret)
    with pytest.raises(HubError, match=r"notes.txt: found a link to '.*secret.txt', which is outside the folder"):
        hub.push(source, "news")
    assert hub.verify() == []
    assert not list(hub.blobs.all())
    (source / "notes.txt").unlink()
    (source / "notes.txt").symlink_to("config.json")
    assert hub.push(source, "news").files["notes.txt"] == hub.get("news").files["config.json"]


def test_a_snapshot_of_a_hugging_face_cache_is_pushed_with_what_its_links_lead_to(hub: ModelHub, tmp_path: Path) -> None:
    repository = tmp_path / "models--me--news"
    blobs, snapshot = model_folder(repository / "blobs"), repository / "snapshots" / ("c" * 40)
    snapshot.mkdir(parents=True)
    for number, file in enumerate(sorted(blobs.iterdir())):
        digest = file.rename(blobs / f"{number}{'d' * 39}")
        (snapshot / file.name).symlink_to(Path("../../blobs") / digest.name)
    pulled = hub.pull(hub.push(snapshot, "news").reference, tmp_path / "out")
    assert (Path(pulled) / "model.safetensors").read_bytes() == safetensors(b"12345678")


def test_a_link_from_one_snapshot_to_another_repository_is_refused(hub: ModelHub, tmp_path: Path) -> None:
    other = model_folder(tmp_path / "models--me--other" / "blobs")
    snapshot = model_folder(tmp_path / "models--me--news" / "snapshots" / ("c" * 40))
    (snapshot / "vocab.json").symlink_to(other / "config.json")
    with pytest.raises(HubError, match="outside the folder"):
        hub.push(snapshot, "news")
    outside = tmp_path / "models--me--news" / "blobs"
    outside.symlink_to(other)
    (snapshot / "vocab.json").unlink()
    (snapshot / "vocab.json").symlink_to(outside / "config.json")
    with pytest.raises(HubError, match="outside the folder"):
        hub.push(snapshot, "news")
