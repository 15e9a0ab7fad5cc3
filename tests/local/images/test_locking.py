"""The lock and the mirror against a real registry: digests are its own, copies are by digest and have no others."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from groundwork.errors import UserError
from local import toolchain
from local.images import catalogue
from local.images.archive import KEY_LABEL
from local.images.attesting import Attesting
from local.images.build import Place, archive_file
from local.images.locking import Locking
from local.images.registries import Registries
from local.paths import Paths
from local.plugin.values import Json
from local.toolchain import Toolchain, debian
from local.toolchain.programs import MIRROR
from stacks.image_lock import BUILT, Catalog, Locked, Upstream
from tests.local.images.registry import registry
from tests.local.images.repository import make
from tests.local.node.quiet import Quiet

pytestmark = pytest.mark.engine

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
UPSTREAM = Upstream(repository="docker.io/others/board", version="1.2.3", licence="MIT", why="a test")


def blob(content: bytes) -> tuple[str, bytes]:
    return f"sha256:{hashlib.sha256(content).hexdigest()}", content


def image(file: Path, key: str, colour: str, platforms: tuple[str, ...] = ("amd64",)) -> str:
    """Write an OCI archive, for more than one platform a list of images; its digest."""
    blobs: dict[str, bytes] = {}

    def add(content: object) -> dict[str, object]:
        digest, data = blob(content if isinstance(content, bytes) else json.dumps(content).encode())
        blobs[digest] = data
        return {"digest": digest, "size": len(data)}

    manifests: list[dict[str, object]] = []
    for platform in platforms:
        layer = io.BytesIO()
        with tarfile.open(fileobj=layer, mode="w") as tar:
            member = tarfile.TarInfo(f"{colour}-{platform}")
            tar.addfile(member, io.BytesIO())
        content = add(layer.getvalue())
        kept = {
            "architecture": platform,
            "os": "linux",
            "config": {"Labels": {KEY_LABEL: key}},
            "rootfs": {"type": "layers", "diff_ids": [content["digest"]]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **add(kept)},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **content}],
        }
        manifests.append(
            {"mediaType": MANIFEST, **add(manifest), "platform": {"architecture": platform, "os": "linux"}}
        )
    if len(manifests) > 1:
        manifests = [{"mediaType": INDEX, **add({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})}]
    file.parent.mkdir(parents=True, exist_ok=True)
    parts = {f"blobs/{digest.replace(':', '/')}": data for digest, data in blobs.items()}
    parts["index.json"] = json.dumps({"schemaVersion": 2, "manifests": manifests}).encode()
    parts["oci-layout"] = b'{"imageLayoutVersion": "1.0.0"}'
    with tarfile.open(file, "w") as tar:
        for name, data in parts.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return str(manifests[0]["digest"])


@dataclass(frozen=True, kw_only=True)
class World:
    """`others`, `own`: registries; `digest`: of the image of others, for two platforms."""

    place: Place
    others: str
    own: str
    digest: str

    @property
    def locking(self) -> Locking:
        catalog = Catalog(images={"board": UPSTREAM}, charts={})
        return Locking(place=self.place, catalog=catalog, registries=Registries(), progress=Quiet())

    def build(self, colour: str) -> str:
        """The repository's image, of its present inputs; its digest."""
        (source,) = catalogue.sources(["hello"], "none", self.place.root)
        return image(archive_file(self.place.paths, "hello"), source.key, colour)

    def publish(self, colour: str) -> str:
        """Another image by the same tag, as others do."""
        file = self.place.root / "upstream.tar"
        digest = image(file, "none", colour, ("amd64", "arm64"))
        target = f"docker://{self.others}/others/board:{UPSTREAM.version}"
        copy = ["skopeo", "copy", "--all", "--preserve-digests", f"oci-archive:{file}", target]
        subprocess.run(copy, check=True, capture_output=True)
        return digest


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    debian.ensure(Quiet(), debian.MIRROR)
    folders = [tmp_path / name for name in ("others", "own")]
    for folder in folders:
        folder.mkdir()
    with registry(folders[0]) as others, registry(folders[1]) as own:
        # As an administrator writes it where a mirror stands for a registry, and where one speaks plain HTTP.
        rules = [
            {"prefix": "docker.io", "location": others},
            {"prefix": others, "location": others},
            {"prefix": own, "location": own},
        ]
        text = "".join(
            f'[[registry]]\nprefix = "{one["prefix"]}"\nlocation = "{one["location"]}"\ninsecure = true\n'
            for one in rules
        )
        file = tmp_path / "home/.config/containers/registries.conf"
        file.parent.mkdir(parents=True)
        file.write_text(text)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        place = Place(paths=Paths(cache=tmp_path / "cache", data=tmp_path / "data"), root=make(tmp_path / "repo"))
        made = World(place=place, others=others, own=own, digest="")
        made.build("blue")
        yield replace(made, digest=made.publish("blue"))


def test_the_lock_has_what_the_registry_and_the_archives_have(world: World) -> None:
    built = world.build("green")
    found = world.locking.lock()
    assert not found.simulated
    assert found.images == {
        "hello": Locked(source=BUILT, digest=built),
        "board": Locked(source=UPSTREAM.reference, digest=world.digest),
    }


def test_a_mirror_has_all_by_their_digests_and_a_second_run_copies_nothing(world: World) -> None:
    locked = world.locking.lock()
    first = list(world.locking.mirror(locked, f"{world.own}/groundwork"))
    assert {one.name: one.new for one in first} == {"board": True, "hello": True}
    for one in first:
        assert Registries().digest(one.reference) == locked.images[one.name].digest
    assert [one.new for one in world.locking.mirror(locked, f"{world.own}/groundwork")] == [False, False]


def test_the_lock_stays_with_its_digest_when_the_tag_moves(world: World) -> None:
    """What was locked is what is copied, whatever the tag is now."""
    locked = world.locking.lock()
    moved = world.publish("red")
    assert moved != world.digest
    board = next(one for one in world.locking.mirror(locked, f"{world.own}/groundwork") if one.name == "board")
    assert Registries().digest(board.reference) == world.digest
    assert world.locking.lock().images["board"].digest == moved


def test_what_is_not_there_or_not_built_is_refused(world: World) -> None:
    gone = world.locking.catalog.model_copy(update={"images": {"board": UPSTREAM.model_copy(update={"version": "9"})}})
    with pytest.raises(UserError, match=r"has no docker\.io/others/board:9"):
        replace(world.locking, catalog=gone).lock()
    (world.place.root / "src/app/main.py").write_text("print('changed')\n")
    with pytest.raises(UserError, match="not built of the present inputs: hello"):
        world.locking.lock()


def test_another_archive_than_the_lock_s_is_not_copied(world: World) -> None:
    locked = world.locking.lock()
    world.build("other")
    with pytest.raises(UserError, match="image hello: the lock has"):
        list(world.locking.mirror(locked, f"{world.own}/groundwork"))
    assert Registries().digest(f"{world.own}/groundwork/board@{world.digest}") is None


def test_a_simulated_lock_is_copied_nowhere(world: World) -> None:
    simulated = world.locking.lock().model_copy(update={"simulated": True})
    with pytest.raises(UserError, match="simulated"):
        list(world.locking.mirror(simulated, f"{world.own}/groundwork"))


def test_a_registry_that_does_not_answer_is_named(world: World) -> None:
    (world.place.root.parent / "home/.config/containers/registries.conf").write_text(
        '[[registry]]\nprefix = "docker.io"\nlocation = "127.0.0.1:1"\ninsecure = true\n'
    )
    with pytest.raises(UserError, match=r"docker\.io/others/board:1\.2\.3: no digest from its registry"):
        world.locking.lock()


@pytest.fixture(scope="module")
def tools() -> Toolchain:
    return toolchain.ensure(MIRROR, progress=Quiet())


def signer(tools: Toolchain, folder: Path) -> Attesting:
    folder.mkdir()
    cosign, syft = tools.path("cosign"), tools.path("syft")
    subprocess.run([cosign, "generate-key-pair"], cwd=folder, check=True, capture_output=True)
    return Attesting(syft=syft, cosign=cosign, key=folder / "cosign.key", registries=Registries())


def test_each_copy_is_signed_and_its_parts_are_listed_once(
    world: World, tools: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSIGN_PASSWORD", "of-the-test")
    signing = signer(tools, tmp_path / "keys")
    locked, target = world.locking.lock(), f"{world.own}/groundwork"
    first = list(world.locking.mirror(locked, target, signing.attest))
    assert [one.signed for one in first] == [True, True]
    assert [one.signed for one in world.locking.mirror(locked, target, signing.attest)] == [False, False]
    for one in first:
        repository, _, digest = one.reference.partition("@")
        for each in Registries().manifests(one.reference):
            listed = attested(signing, f"{repository}@{each}")
            assert listed["predicateType"] == "https://cyclonedx.org/bom"
            assert listed["predicate"]["bomFormat"] == "CycloneDX"
            assert listed["subject"][0]["digest"]["sha256"] == each.removeprefix("sha256:")
        assert verifies(signing, one.reference, signing.key.with_suffix(".pub"))
        assert Registries().digest(one.reference) == digest
    other = signer(tools, tmp_path / "strange")
    assert not verifies(other, first[0].reference, other.key.with_suffix(".pub"))


def verifies(signing: Attesting, reference: str, public: Path) -> bool:
    words = ["--insecure-ignore-tlog=true", "--allow-http-registry", "--new-bundle-format=false", reference]
    command = [str(signing.cosign), "verify", "--key", str(public), *words]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def attested(signing: Attesting, reference: str) -> Json:
    """What is signed as the list of an image's parts."""
    done = subprocess.run(
        [
            signing.cosign, "verify-attestation", "--key", signing.key.with_suffix(".pub"), "--type", "cyclonedx",
            "--insecure-ignore-tlog=true", "--new-bundle-format=false", "--allow-http-registry", reference,
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return json.loads(base64.b64decode(json.loads(done.stdout)["payload"]))


def test_without_a_key_or_its_password_nothing_is_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"syft": Path("syft"), "cosign": Path("cosign"), "key": tmp_path / "cosign.key", "registries": Registries()}
    with pytest.raises(UserError, match="no key to sign with"):
        Attesting(**given)  # type: ignore[arg-type]  # each is of its own type
    for name in ("cosign.key", "cosign.pub"):
        (tmp_path / name).touch()
    monkeypatch.delenv("COSIGN_PASSWORD", raising=False)
    with pytest.raises(UserError, match="COSIGN_PASSWORD is not set"):
        Attesting(**given)  # type: ignore[arg-type]  # each is of its own type
