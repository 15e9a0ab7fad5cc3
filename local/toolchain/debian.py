"""Debian packages that the node and the images need: which are missing, and how they get here."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from groundwork.console import Progress
from groundwork.errors import ExitCode, UserError

_SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # not on every user's PATH
_LOCK_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Package:
    """A Debian package, what it is for, and the programs by which it is known to be there (names, or whole paths)."""

    name: str
    purpose: str
    programs: tuple[str, ...]

    def present(self) -> bool:
        """Whether all its programs are there, from this package or from anywhere else."""
        return all(find(program) is not None for program in self.programs)


NODE = (
    Package(name="runc", purpose="starts containers", programs=("runc",)),
    Package(
        name="containernetworking-plugins",
        purpose="gives pods their network",
        programs=tuple(f"/usr/lib/cni/{name}" for name in ("bridge", "host-local", "loopback", "portmap")),
    ),
    Package(
        name="iptables",
        purpose="routes Services to pods",
        programs=("iptables", "ip6tables", "iptables-save", "iptables-restore"),
    ),
    Package(name="conntrack", purpose="forgets connections to pods that are gone", programs=("conntrack",)),
    Package(name="nftables", purpose="enforces network policies", programs=("nft",)),
    Package(name="iproute2", purpose="makes links and bridges", programs=("ip",)),
    Package(name="util-linux", purpose="enters namespaces", programs=("unshare", "nsenter")),
    Package(name="kmod", purpose="loads the kernel's modules", programs=("modprobe",)),
    Package(name="mount", purpose="mounts file systems", programs=("mount", "umount")),
)
IMAGES = (
    Package(name="mmdebstrap", purpose="makes the base image", programs=("mmdebstrap",)),
    Package(name="buildah", purpose="builds images from Dockerfiles", programs=("buildah",)),
)
# Not what an `up` needs: whoever asks for these has them installed.
MIRROR = (Package(name="skopeo", purpose="copies images between registries", programs=("skopeo",)),)
PACKAGES = (*NODE, *IMAGES)


def find(program: str) -> Path | None:
    """A program by name (on PATH and in the system's folders) or by its whole path; None where it is not.

    A library, known by its `.so`, is read and not run.
    """
    if program.startswith("/"):
        return Path(program) if os.access(program, os.R_OK if ".so" in program else os.X_OK) else None
    hit = shutil.which(program, path=os.pathsep.join([*os.get_exec_path(), *_SYSTEM_FOLDERS]))
    return None if hit is None else Path(hit)


def missing(packages: Iterable[Package] = PACKAGES) -> list[Package]:
    """The packages whose programs are not all there."""
    return [package for package in packages if not package.present()]


def is_debian() -> bool:
    """Debian or one of its family: it has apt-get and says so."""
    return Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None


def can_install() -> bool:
    """Whether `ensure` can install packages here."""
    return is_debian() and os.geteuid() == 0


def how_to_install(packages: Sequence[Package]) -> str:
    """What a person does to get the packages."""
    names = " ".join(package.name for package in packages)
    if is_debian():
        return f"sudo apt-get update && sudo apt-get install --no-install-recommends -y {names}"
    programs = ", ".join(program for package in packages for program in package.programs)
    return f"install with this system's package manager: {programs} (on Debian: {names})"


def ensure(progress: Progress, packages: Iterable[Package] = PACKAGES) -> None:
    """Install what is missing, as root on Debian. Raises UserError with the command to run where it cannot."""
    absent = missing(packages)
    if not absent:
        return
    names = [package.name for package in absent]
    if not can_install():
        raise UserError(what=f"these programs are missing: {', '.join(names)}", fix=how_to_install(absent))
    with progress.step(f"Installing Debian packages: {', '.join(names)}") as step:
        # An installation that was killed leaves packages unpacked; nothing else installs before they are configured.
        for detail, command in (
            ("finishing what was begun", ["dpkg", "--configure", "-a", "--force-confold"]),
            ("package lists", _apt("update")),
            ("", _apt("install", "-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold", *names)),
        ):
            step.update(detail)
            _run(command, absent)
    still = missing(absent)
    if still:
        raise UserError(
            what=f"installed, but programs are still not there: {', '.join(one.name for one in still)}",
            fix=f"look at: dpkg --listfiles {still[0].name}",
            code=ExitCode.ERROR,
        )


def _apt(*arguments: str) -> list[str]:
    return ["apt-get", "-q", "-o", f"DPkg::Lock::Timeout={_LOCK_SECONDS}", "-o", "Acquire::Retries=3", *arguments]


def _run(command: list[str], absent: Sequence[Package]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode == 0:
        return
    rows = [row.strip() for row in (done.stderr or done.stdout).splitlines() if row.strip()]
    told = next((row for row in rows if row.startswith("E:")), rows[-1] if rows else f"exit status {done.returncode}")
    raise UserError(
        what=f"{' '.join(command[:1])} could not install {', '.join(one.name for one in absent)}: {told}",
        fix=f"run it by hand to see more: {how_to_install(absent)}",
        code=ExitCode.ERROR,
    )
