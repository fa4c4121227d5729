"""A real Asterisk and SIPp out of Debian packages, without root and without installing anything.

The packages come from the machine's own Debian mirror through a private apt root, are unpacked
into one folder (the prefix) and run through that folder's own dynamic loader. No maintainer
script runs, nothing outside the cache folder is written. The unpacked prefix serves at once; a
packed copy beside it brings it back, with the same version, when it was removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from connectors.demo import LabError, Progress, quiet
from connectors.demo.aptroot import download
from connectors.demo.tools import need, output, run

SUITE = "forky"
"""The Debian suite whose Asterisk is a 22; Debian 12 and 13 carry none."""

PACKAGES = ("asterisk", "sip-tester")

_UNUSED = ("perl-modules-", "libperl5", "libpython3")
"""Downloaded because something depends on them, not unpacked."""

_LEFT_OUT = ("./usr/share/doc", "./usr/share/man", "./usr/share/locale", "./usr/share/lintian")


@dataclass(frozen=True, slots=True)
class Prefix:
    """A folder with Asterisk, SIPp and every library they need."""

    root: Path

    @property
    def version(self) -> str:
        """The Debian version of the asterisk package, ``1:22.10.1+dfsg…``."""
        return (self.root / "VERSION").read_text().strip()

    @property
    def modules(self) -> Path:
        """Asterisk's loadable modules (``astmoddir``)."""
        return self._one("usr/lib/*/asterisk/modules")

    @property
    def data(self) -> Path:
        """Asterisk's sounds and documentation (``astdatadir``)."""
        return self.root / "usr/share/asterisk"

    def command(self, program: str) -> list[str]:
        """The words that start `program` (a path inside the prefix, ``usr/sbin/asterisk``)."""
        loader = self._one(
            "usr/lib/*/ld-linux*.so*", "usr/lib*/ld-linux*.so*", "lib*/ld-linux*.so*"
        )
        libraries = ":".join(
            str(folder)
            for pattern in ("usr/lib/*-linux-*", "lib/*-linux-*", "usr/lib")
            for folder in sorted(self.root.glob(pattern))
        )
        path = self.root / program
        return [str(loader), "--library-path", libraries, "--argv0", path.name, str(path)]

    def _one(self, *patterns: str) -> Path:
        for pattern in patterns:
            for path in sorted(self.root.glob(pattern)):
                return path
        raise LabError(
            f"the unpacked Asterisk in {self.root} lacks {patterns[0]}: remove that folder"
        )


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where unpacked programs are kept.

    ``$XDG_CACHE_HOME/tandem``, else ``.cache`` of the checkout, else (an installed package has
    no checkout) ``~/.cache/tandem``.
    """
    if given := environ.get("XDG_CACHE_HOME"):
        return Path(given).absolute() / "tandem"
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file() and os.access(checkout, os.W_OK):
        return checkout / ".cache"
    return Path.home() / ".cache" / "tandem"


def unpack(cache: Path | None = None, progress: Progress = quiet) -> Prefix:
    """Gives the prefix, unpacking it first when it is not in `cache` (blocking, 5 to 60 s).

    Several processes may call it at once: one works, the others wait. An interrupt leaves no
    half prefix behind.
    """
    cache = cache or cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache / f"asterisk-{SUITE}.lock", progress):
            return _unpack(cache, progress)
    except OSError as error:
        raise LabError(f"cannot unpack Asterisk into {cache}: {error.strerror or error}") from error


def _unpack(cache: Path, progress: Progress) -> Prefix:
    dpkg = need("dpkg", "the real Asterisk is unpacked from Debian packages")
    arch = output([dpkg, "--print-architecture"]).strip()
    final = cache / f"asterisk-{SUITE}-{arch}"
    packed = cache / f"asterisk-{SUITE}-{arch}.tar.zst"
    if (final / "VERSION").is_file():
        return Prefix(final)
    with tempfile.TemporaryDirectory(prefix="unpacking-", dir=cache) as work:
        fresh = Path(work) / "prefix"
        fresh.mkdir()
        if not _from_pack(packed, fresh, progress):
            _from_mirror(Path(work), fresh, arch, progress)
            _pack(fresh, packed, progress)
        if final.exists():
            shutil.rmtree(final)
        fresh.rename(final)
    prefix = Prefix(final)
    progress(f"Asterisk {prefix.version} is unpacked in {final}")
    return prefix


def _from_mirror(work: Path, fresh: Path, arch: str, progress: Progress) -> None:
    dpkg_deb = need("dpkg-deb", "the real Asterisk is unpacked from Debian packages")
    need("tar", "the real Asterisk is unpacked from Debian packages")
    found = download(work / "apt", SUITE, PACKAGES, arch, progress)
    wanted = [deb for deb in found if not deb.name.startswith(_UNUSED)]
    progress(f"unpacking {len(wanted)} packages")

    def one(deb: Path) -> None:
        _extract(dpkg_deb, deb, fresh)

    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(one, wanted))
    # What the package's own script would do after an installation.
    sounds = fresh / "usr/share/asterisk/sounds"
    if not (sounds / "en").exists():
        (sounds / "en").symlink_to("en_US_f_Allison")
    deb = next(deb for deb in wanted if deb.name.startswith("asterisk_"))
    (fresh / "VERSION").write_text(output([dpkg_deb, "--field", str(deb), "Version"]))


def _extract(dpkg_deb: str, deb: Path, into: Path) -> None:
    with subprocess.Popen(  # noqa: S603
        [dpkg_deb, "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE
    ) as source:
        run(
            ["tar", "-C", str(into), "--no-same-owner", "--no-same-permissions", "-xf", "-"]
            + [f"--exclude={left_out}" for left_out in _LEFT_OUT],
            f"unpack {deb.name}",
            source,
        )
    if source.returncode:
        raise LabError(f"{deb.name} is damaged: start again")


def _from_pack(packed: Path, fresh: Path, progress: Progress) -> bool:
    if not packed.is_file() or shutil.which("zstd") is None:
        return False
    progress(f"unpacking Asterisk from {packed}")
    try:
        run(["tar", "-I", "zstd", "-C", str(fresh), "-xf", str(packed)], "unpack it")
    except LabError as error:
        progress(f"{error}; getting it from the mirror instead")
        packed.unlink()
        shutil.rmtree(fresh)
        fresh.mkdir()
        return False
    return True


def _pack(fresh: Path, packed: Path, progress: Progress) -> None:
    if shutil.which("zstd") is None:
        progress("no packed copy is kept, since zstd is missing (apt-get install zstd)")
        return
    progress("packing a copy for later")
    partial = packed.with_suffix(".partial")
    try:
        run(
            ["tar", "-I", "zstd -3 -T2", "-C", str(fresh), "-cf", str(partial), "."],
            "pack the prefix",
        )
        partial.rename(packed)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(path: Path, progress: Progress) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another process that unpacks Asterisk")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
