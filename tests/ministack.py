"""AWS's stand-in: ministack, on loopback alone, its folders wiped when it ends."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore.config import Config

from tests.lacking import lacking

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / ".venv" / "emulator" / "bin" / "ministack"
ACCOUNT = "123456789012"
REGION = "eu-west-1"
_LISTENS = "0A"
_LOOPBACK = "0100007F"


@dataclass(frozen=True)
class Ministack:
    """A running emulator."""

    url: str
    process: subprocess.Popen[bytes]
    folder: Path

    def environment(self) -> dict[str, str]:
        """What makes any AWS client talk to it: the access key is the account."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "emulated",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str, **config: Any) -> Any:
        """A boto3 client of the root user."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="emulated",
            config=Config(retries={"total_max_attempts": 1}, **config),
        )

    def log(self) -> str:
        """What it printed."""
        return (self.folder / "ministack.log").read_text(errors="replace")


@contextmanager
def ministack(**settings: str) -> Iterator[Ministack]:
    """Start it, see that it listens on loopback only, and leave nothing of it behind.

    `AUTH=true` enforces the execution roles; FACTS: everything else it takes at its word.
    """
    if not PROGRAM.exists():
        lacking("ministack is not installed; `make test` sets it up.")
    folder = Path(tempfile.mkdtemp(prefix="ministack-"))
    port = _free_port()
    with (folder / "ministack.log").open("wb") as log:
        process = subprocess.Popen(
            [PROGRAM],
            cwd=folder,
            env=_environment(folder, port) | settings,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    running = Ministack(f"http://127.0.0.1:{port}", process, folder)
    try:
        _wait(running)
        assert _strangers(process.pid) == []
        yield running
    finally:
        # Its functions run as processes of its session.
        os.killpg(process.pid, 9)
        process.wait(10)
        shutil.rmtree(folder)


def _environment(folder: Path, port: int) -> dict[str, str]:
    kept: Mapping[str, str] = {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ
    }
    return {
        **kept,
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "ATHENA_ENGINE": "duckdb",
        "AUTH": "true",
        "GATEWAY_PORT": str(port),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "TMPDIR": str(folder),
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
    }


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _wait(running: Ministack) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert running.process.poll() is None, running.log()
        try:
            httpx.get(f"{running.url}/_ministack/health", timeout=2)
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(running.log())


def _strangers(pid: int) -> list[str]:
    """The addresses other than loopback that the process listens on, as /proc/net has them."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        target = str(descriptor.readlink())
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    assert inodes
    found = []
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENS and fields[9] in inodes:
                found.append(fields[1].split(":")[0])
    assert found
    return [address for address in found if address != _LOOPBACK]
