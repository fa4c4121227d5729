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
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from connectors.demo import LabError, Progress, quiet

SUITE = "forky"
"""The Debian suite whose Asterisk is a 22; Debian 12 and 13 carry none."""

PACKAGES = ("asterisk", "sip-tester")

_FAKED = """
adduser asterisk-config-custom debconf dirmngr dpkg gnupg gsl-doc-pdf install-info libglib2.0-data
libsnmp-base login lsb-base passwd pci.ids perl perl-base python3 tzdata ucf
"""
"""Taken for installed: they hold no library that Asterisk or SIPp loads."""

_UNUSED = ("perl-modules-", "libperl5", "libpython3")
"""Downloaded because something depends on them, not unpacked."""

_LEFT_OUT = ("./usr/share/doc", "./usr/share/man", "./usr/share/locale", "./usr/share/lintian")
_LONGEST = 900.0
"""Seconds one apt-get run may take on a slow line."""
_HINT = "`make demo` (without PBX=asterisk) shows Tandem on a simulated PBX"


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
    dpkg = _need("dpkg", "the real Asterisk is unpacked from Debian packages")
    arch = _output([dpkg, "--print-architecture"]).strip()
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
    apt_get = _need("apt-get", "the real Asterisk is downloaded by apt")
    dpkg_deb = _need("dpkg-deb", "the real Asterisk is unpacked from Debian packages")
    _need("tar", "the real Asterisk is unpacked from Debian packages")
    mirrors = _mirrors(apt_get)
    if not mirrors:
        raise LabError(
            "apt has no Debian mirror on this machine: give it one in /etc/apt/sources.list.d; "
            + _HINT
        )
    apt = work / "apt"
    environ = _private_root(apt, arch)
    refused = ""
    for mirror in mirrors:
        _write_source(apt, mirror)
        progress(f"reading the package lists of Debian {SUITE}")
        refused = _apt(apt_get, ["update", "--error-on=any"], environ)
        if not refused:
            break
    else:
        raise LabError(
            f"this machine's Debian mirror gives no suite {SUITE} ({refused}): only that suite "
            f"carries Asterisk 22; {_HINT}"
        )
    install = ["install", "--yes", "--no-install-recommends", "--download-only", *PACKAGES]
    refused = _apt(apt_get, install, environ, progress)
    if refused:
        raise LabError(
            f"the suite {SUITE} of this machine's mirror has no usable asterisk: {refused}"
        )
    archives = sorted((apt / "archives").glob("*.deb"))
    wanted = [deb for deb in archives if not deb.name.startswith(_UNUSED)]
    progress(f"unpacking {len(wanted)} packages")

    def one(deb: Path) -> None:
        _extract(dpkg_deb, deb, fresh)

    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(one, wanted))
    for package in PACKAGES:
        if not any(deb.name.startswith(f"{package}_") for deb in wanted):
            raise LabError(f"the suite {SUITE} of this machine's mirror has no {package}")
    # What the package's own script would do after an installation.
    sounds = fresh / "usr/share/asterisk/sounds"
    if not (sounds / "en").exists():
        (sounds / "en").symlink_to("en_US_f_Allison")
    deb = next(deb for deb in wanted if deb.name.startswith("asterisk_"))
    (fresh / "VERSION").write_text(_output([dpkg_deb, "--field", str(deb), "Version"]))


def _mirrors(apt_get: str) -> list[str]:
    """The archives apt knows, likeliest Debian mirror first; security archives carry no suite."""
    listed = _output([apt_get, "indextargets", "--format", "$(REPO_URI) $(RELEASE)"])
    found: dict[str, None] = {}
    for line in listed.splitlines():
        uri, _, release = line.partition(" ")
        if uri and "security" not in f"{uri} {release}" and not uri.startswith("cdrom:"):
            found[uri] = None
    return sorted(found, key=lambda uri: not uri.rstrip("/").endswith("/debian"))[:4]


def _private_root(apt: Path, arch: str) -> dict[str, str]:
    """Lays out an apt root of our own; only the machine's way to the net is taken over."""
    for folder in ("lists/partial", "archives/partial"):
        (apt / folder).mkdir(parents=True)
    (apt / "status").write_text(
        "".join(
            f"Package: {name}\nStatus: install ok installed\nArchitecture: {arch}\n"
            f"Multi-Arch: allowed\nMaintainer: nobody\nVersion: 99:99\nDescription: faked\n\n"
            for name in _FAKED.split()
        )
    )
    settings = {
        "Dir::Etc::main": "/dev/null",
        "Dir::Etc::parts": "/dev/null",
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State": apt,
        "Dir::State::lists": apt / "lists",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt,
        "Dir::Cache::archives": apt / "archives",
        "Dir::Log": apt,
        "APT::Sandbox::User": "",
        "APT::Keep-Downloaded-Packages": "true",
        "Acquire::Check-Valid-Until": "false",  # forky's Release file counts as expired
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "Debug::NoLocking": "true",
    }
    dump = _output(["apt-config", "dump"]) if shutil.which("apt-config") else ""
    net = [
        line
        for line in dump.splitlines()
        if line.startswith("Acquire::http") and not line.startswith("Acquire::http::Pipeline")
    ]
    lines = [f'{key} "{value}";' for key, value in settings.items()] + net
    (apt / "apt.conf").write_text("\n".join(lines) + "\n")
    return {**os.environ, "APT_CONFIG": str(apt / "apt.conf"), "LC_ALL": "C"}


def _write_source(apt: Path, mirror: str) -> None:
    keyrings = [
        path
        for name in ("debian-archive-keyring.pgp", "debian-archive-keyring.gpg")
        if (path := Path("/usr/share/keyrings") / name).is_file()
    ]
    signed = f"[signed-by={keyrings[0]}] " if keyrings else ""
    (apt / "sources.list").write_text(f"deb {signed}{mirror} {SUITE} main\n")


def _apt(
    apt_get: str, words: Sequence[str], environ: Mapping[str, str], progress: Progress = quiet
) -> str:
    """Runs apt-get and tells how far it is. Gives '' or what apt said was wrong, in one line."""
    wrong: list[str] = []
    fetched = 0
    process = subprocess.Popen(  # noqa: S603
        [apt_get, "-q", *words],
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    limit = threading.Timer(_LONGEST, process.kill)
    limit.start()
    try:
        assert process.stdout is not None  # noqa: S101
        for line in process.stdout:
            if line.startswith("Need to get "):
                progress(f"downloading Asterisk and SIPp: {line[12:].split(' of ')[0].strip()}")
            elif line.startswith("Get:"):
                fetched += 1
                if fetched % 25 == 0:
                    progress(f"downloaded {fetched} packages")
            elif line.startswith(("E: ", "Err:", "W: Failed")) and len(wrong) < 3:
                wrong.append(line.strip())
        status = process.wait(timeout=30)
    finally:
        limit.cancel()
        if process.poll() is None:
            process.kill()
            process.wait(timeout=30)
    if status == 0:
        return ""
    return "; ".join(wrong) or f"apt-get {words[0]} ended with status {status}"


def _extract(dpkg_deb: str, deb: Path, into: Path) -> None:
    with subprocess.Popen(  # noqa: S603
        [dpkg_deb, "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE
    ) as source:
        _run(
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
        _run(["tar", "-I", "zstd", "-C", str(fresh), "-xf", str(packed)], "unpack it")
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
        _run(
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


def _need(program: str, why: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise LabError(f"{program} is missing: {why}, so this needs Debian or Ubuntu; {_HINT}")
    return found


def _output(words: Sequence[str]) -> str:
    done = subprocess.run(  # noqa: S603
        words, capture_output=True, text=True, errors="replace", timeout=60, check=False
    )
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise LabError(f"`{' '.join(words)}` failed: {why}")
    return done.stdout


def _run(words: Sequence[str], what: str, source: subprocess.Popen[bytes] | None = None) -> None:
    done = subprocess.run(  # noqa: S603
        words,
        stdin=source.stdout if source else subprocess.DEVNULL,
        capture_output=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        why = (done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
        raise LabError(f"cannot {what}: {why}")
