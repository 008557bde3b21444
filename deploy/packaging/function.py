"""The Lambda packages: what each is entered by, and what it is made of."""

import platform
import sys
from dataclasses import dataclass
from typing import Self

from deploy.packaging import elf
from deploy.packaging.errors import PackagingError

MB = 1024 * 1024
"""As Lambda counts: its 250 MB are 262,144,000 bytes."""

RUNTIME_PYTHON = "3.13"
"""The Lambda runtime that serverless.yml names."""


@dataclass(frozen=True)
class Package:
    """One zip. Its sources are the modules that `handler` imports, those of theirs, and so on.

    `extras` are pyproject.toml's; `leaves_out` are modules that are imported for local drivers
    only, with everything that only they import; `assets` are folders taken as they are.
    """

    name: str
    handler: str
    extras: tuple[str, ...]
    leaves_out: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    most_unzipped: int = 80 * MB

    @property
    def file_name(self) -> str:
        """The name of the zip."""
        return f"{self.name}.zip"


PACKAGES = (
    Package("collect", "ingest.handler", ("lambda",), leaves_out=("ingest.drivers.spool",)),
    Package(
        "transform",
        "transform.handler",
        ("transform", "lambda"),
        leaves_out=("transform.drivers.file_store",),
    ),
    Package(
        "compact",
        "playlake.compacting.handler",
        ("transform", "lambda"),
        leaves_out=("transform.drivers.file_store", "catalog.drivers.local"),
    ),
    Package("catalog", "catalog.handler", ("lambda",), leaves_out=("catalog.drivers.local",)),
    Package("page", "playlake.web.handler", ("page", "lambda"), assets=("webapp",)),
)


@dataclass(frozen=True)
class _Architecture:
    platform: str
    machine: int


# Amazon Linux 2023, which the runtimes from Python 3.12 on are built on, has glibc 2.34. With the
# older tag manylinux2014 an old pyarrow would be taken, without a word.
_ARCHITECTURES = {
    "arm64": _Architecture("aarch64-manylinux_2_28", elf.AARCH64),
    "x86_64": _Architecture("x86_64-manylinux_2_28", elf.X86_64),
}
_HOSTS = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64", "AMD64": "x86_64"}


@dataclass(frozen=True)
class Target:
    """What a package is to run on: `arch` as Lambda names it, `python` as "3.13"."""

    arch: str
    python: str

    @classmethod
    def parse(cls, arch: str, python: str) -> Self:
        """Read "host" as this machine's. Raises `PackagingError` for what Lambda does not have."""
        arch = _HOSTS.get(platform.machine(), platform.machine()) if arch == "host" else arch
        python = "{}.{}".format(*sys.version_info) if python == "host" else python
        if arch not in _ARCHITECTURES:
            raise PackagingError(
                f"no Lambda runs on {arch!r}; give --arch {' or '.join(_ARCHITECTURES)}"
            )
        return cls(arch, python)

    @property
    def platform(self) -> str:
        """The platform, as uv names it."""
        return _ARCHITECTURES[self.arch].platform

    @property
    def machine(self) -> int:
        """The ELF machine of its libraries."""
        return _ARCHITECTURES[self.arch].machine

    @property
    def runs_here(self) -> bool:
        """Whether this machine can run what is built, given an interpreter of the version."""
        return sys.platform == "linux" and _HOSTS.get(platform.machine()) == self.arch
