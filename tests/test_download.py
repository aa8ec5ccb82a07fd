"""Downloads against a server on this machine: whole, resumed, cut, wrong, missing, too large, unreachable."""

import hashlib
import socket
from pathlib import Path

import pytest

from core.download import CHUNK_BYTES, download, fetch, file_sha256
from core.errors import Cancelled, InputError
from core.progress import Progress
from tests.heard import Heard
from tests.local_server import LocalServer, serving

BODY = bytes(range(256)) * (10 * CHUNK_BYTES // 256) + b"end"
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def server():
    with serving({"/weights.pt": BODY, "/small.txt": b"MKT"}) as running:
        yield running


def weights_url(server: LocalServer) -> str:
    return f"{server.url}/weights.pt"


def part_of(destination: Path) -> Path:
    return destination.with_name(destination.name + ".part")


def arrived_before_the_cut(server: LocalServer, destination: Path, n_bytes: int) -> int:
    """Leave a part of the file behind by cutting the connection; how many bytes of it were kept."""
    server.cut_after = n_bytes
    with pytest.raises(InputError, match=r"was cut; what arrived is kept in .*weights\.pt\.part: try again to resume"):
        download(weights_url(server), destination, sha256=SHA256)
    server.cut_after = None
    return part_of(destination).stat().st_size


def test_a_file_arrives_whole_with_progress(server, tmp_path):
    heard = Heard()
    destination = tmp_path / "new folder" / "weights.pt"
    path = download(weights_url(server), destination, sha256=SHA256.upper(), progress=heard)
    assert path == destination
    assert destination.read_bytes() == BODY
    assert heard.events[0] == (0, len(BODY))
    assert heard.events[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in heard.events] == sorted({done for done, _ in heard.events})
    assert len(heard.events) > 10
    assert not part_of(destination).exists()
    assert file_sha256(destination) == SHA256


def test_total_is_none_when_the_server_does_not_say(server, tmp_path):
    server.says_length = False
    heard = Heard()
    download(weights_url(server), tmp_path / "weights.pt", progress=heard)
    assert {total for _, total in heard.events} == {None}
    assert heard.events[-1][0] == len(BODY)


def test_a_cut_download_resumes_where_it_stopped(server, tmp_path):
    destination = tmp_path / "weights.pt"
    kept = arrived_before_the_cut(server, destination, 3 * CHUNK_BYTES + 7)
    assert 0 < kept <= 3 * CHUNK_BYTES + 7
    assert not destination.exists()
    heard = Heard()
    download(weights_url(server), destination, sha256=SHA256, progress=heard)
    assert server.requests[-1][1]["Range"] == f"bytes={kept}-"
    assert heard.events[0] == (kept, len(BODY))
    assert destination.read_bytes() == BODY


def test_a_stopped_download_resumes(server, tmp_path):
    destination = tmp_path / "weights.pt"
    with pytest.raises(Cancelled):
        download(weights_url(server), destination, progress=Heard(stop_at=3))
    download(weights_url(server), destination, sha256=SHA256)
    assert server.requests[-1][1]["Range"].startswith("bytes=2")


def test_a_server_that_ignores_ranges_sends_all_again(server, tmp_path):
    destination = tmp_path / "weights.pt"
    arrived_before_the_cut(server, destination, 2 * CHUNK_BYTES)
    server.ranges = False
    download(weights_url(server), destination, sha256=SHA256)
    assert "Range" in server.requests[-1][1]
    assert destination.read_bytes() == BODY


def test_a_file_that_changed_meanwhile_is_fetched_anew(server, tmp_path):
    destination = tmp_path / "weights.pt"
    arrived_before_the_cut(server, destination, 2 * CHUNK_BYTES)
    changed = b"another version" * CHUNK_BYTES
    server.files = {"/weights.pt": changed}
    server.last_modified = "Fri, 01 Jan 2100 00:00:00 GMT"
    assert download(weights_url(server), destination).read_bytes() == changed


def test_a_part_longer_than_the_file_is_dropped(server, tmp_path):
    destination = tmp_path / "weights.pt"
    part_of(destination).write_bytes(BODY + b"more")
    assert download(weights_url(server), destination, sha256=SHA256).read_bytes() == BODY


def test_a_wrong_hash_removes_what_arrived(server, tmp_path):
    destination = tmp_path / "weights.pt"
    with pytest.raises(InputError, match=f"wrong SHA-256, so it was removed: {SHA256} instead of {'0' * 64}"):
        download(weights_url(server), destination, sha256="0" * 64)
    assert not destination.exists()
    assert not part_of(destination).exists()


def test_a_file_already_there_stays_when_the_new_one_fails(server, tmp_path):
    destination = tmp_path / "weights.pt"
    destination.write_bytes(b"old")
    with pytest.raises(InputError, match="wrong SHA-256"):
        download(weights_url(server), destination, sha256="0" * 64)
    assert destination.read_bytes() == b"old"


def test_not_found_and_other_refusals(server, tmp_path):
    with pytest.raises(InputError, match=r"not found \(HTTP 404\): .*/absent.pt"):
        download(f"{server.url}/absent.pt", tmp_path / "absent.pt")
    server.status = 503
    with pytest.raises(InputError, match=r"127\.0\.0\.1:.* answered HTTP 503 to .*/weights\.pt"):
        download(weights_url(server), tmp_path / "weights.pt")
    assert not part_of(tmp_path / "weights.pt").exists()


@pytest.mark.parametrize("says_length", [True, False])
def test_too_large_is_refused_before_it_is_all_there(server, tmp_path, says_length):
    server.says_length = says_length
    destination = tmp_path / "weights.pt"
    with pytest.raises(InputError, match="larger than the 2,000,000 bytes that are allowed"):
        download(weights_url(server), destination, max_bytes=2_000_000)
    assert not destination.exists()
    assert not part_of(destination).exists() or part_of(destination).stat().st_size <= 2_000_000


def test_a_server_that_falls_silent_is_given_up(server, tmp_path):
    server.silent_after = 2 * CHUNK_BYTES
    with pytest.raises(InputError, match=r"has not answered for 0\.2 s; what arrived is kept"):
        download(weights_url(server), tmp_path / "weights.pt", timeout=0.2)


def test_without_network_says_where_to_put_the_file(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: nothing answers here
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/weights.pt"
        destination = tmp_path / "weights.pt"
        with pytest.raises(InputError, match=f"no network.*put it at {destination}") as refusal:
            download(url, destination)
        assert "\n" not in str(refusal.value)
        with pytest.raises(InputError, match=r"no network.*: paste it instead"):
            fetch(url, advice="paste it instead")


@pytest.mark.parametrize("url", ["weights.pt", "ftp://example.org/weights.pt", "http://"])
def test_only_web_addresses(tmp_path, url):
    with pytest.raises(InputError, match="not an http"):
        download(url, tmp_path / "weights.pt")


def test_one_download_of_a_file_at_a_time(server, tmp_path):
    destination = tmp_path / "weights.pt"

    class AsksAgain(Progress):
        def report(self, done: int, total: int | None) -> None:
            if done == 0:
                with pytest.raises(InputError, match=r"weights\.pt is already being downloaded"):
                    download(weights_url(server), destination)

    download(weights_url(server), destination, sha256=SHA256, progress=AsksAgain())
    assert len(server.requests) == 1


def test_a_folder_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(InputError, match=r"cannot write .*file/weights\.pt"):
        download(weights_url(server), tmp_path / "file" / "weights.pt")


def test_fetch_returns_small_bodies_only(server):
    assert fetch(f"{server.url}/small.txt", advice="") == b"MKT"
    with pytest.raises(InputError, match="larger than the 1,000,000 bytes"):
        fetch(weights_url(server), advice="", max_bytes=1_000_000)
    with pytest.raises(InputError, match=r"^no such entry: P00000$"):
        fetch(f"{server.url}/P00000", advice="", missing="no such entry: P00000")
