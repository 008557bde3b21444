"""KCL's MultiLangDaemon on this machine: is everything there, and how is it started?"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from events.errors import SettingsError

_MAIN = "software.amazon.kinesis.multilang.MultiLangDaemon"
_LOGBACK = Path(__file__).with_name("logback.xml")
_MULTILANG = "amazon-kinesis-client-multilang-*.jar"
_OLDEST_JAVA = 8
"""What KCL 3 takes (its README, "Requirements")."""

JAVA_OPTIONS = "PLAYLAKE_JAVA_OPTIONS"
"""The environment variable with options of the JVM, separated by spaces; the last one counts."""
_JAVA_OPTIONS = (
    # A shard has up to three reads of 10 MB waiting, and the one that is being handed over as JSON.
    "-Xmx512m",
    "-XX:+UseSerialGC",
    # A daemon without memory does nothing and renews its leases all the same.
    "-XX:+ExitOnOutOfMemoryError",
)


@dataclass(frozen=True, slots=True)
class Program:
    """What starts a daemon."""

    java: str
    jars: Path
    """A folder."""
    version: tuple[int, ...]
    """KCL's, such as (3, 5, 3)."""
    java_options: Sequence[str] = ()

    def command(self, properties: Path) -> list[str]:
        """A daemon with these properties. It ends with the process that started it."""
        launched = (sys.executable, "-m", "playlake.consuming.launch")
        options = (*_JAVA_OPTIONS, *self.java_options, "-classpath", f"{self.jars}/*")
        given = ("--properties-file", str(properties), "--log-configuration", str(_LOGBACK))
        return [*launched, self.java, *options, _MAIN, *given]


def find_program(environment: Mapping[str, str]) -> Program:
    """Java and KCL, as they are installed. Raises SettingsError, saying what to install."""
    jars = find_jars()
    options = environment.get(JAVA_OPTIONS, "").split()
    return Program(find_java(environment), jars, kcl_version(jars), options)


def find_jars(package: str = "amazon_kclpy") -> Path:
    """The folder of KCL's jars. Raises SettingsError."""
    found = find_spec(package)
    if found is None or found.origin is None:
        raise SettingsError(
            "The Kinesis Client Library is not installed: pip install 'playlake[kinesis]'."
        )
    jars = Path(found.origin).parent / "jars"
    if not any(jars.glob(_MULTILANG)):
        raise SettingsError(
            f"{jars} lacks KCL's jars, which are fetched from Maven Central when amazon_kclpy is"
            " installed: pip install --force-reinstall --no-cache-dir amazon_kclpy."
        )
    return jars


def kcl_version(jars: Path) -> tuple[int, ...]:
    """KCL's version, by the name of its jar."""
    name = max(each.stem for each in jars.glob(_MULTILANG))
    return tuple(map(int, re.findall(r"\d+", name.rpartition("-")[2])))


def find_java(environment: Mapping[str, str], ask: Callable[[str], str] | None = None) -> str:
    """The path of a Java that is new enough, JAVA_HOME's before PATH's. Raises SettingsError.

    `ask` gives what `java -version` of a path says.
    """
    home = environment.get("JAVA_HOME")
    java = f"{home}/bin/java" if home else shutil.which("java", path=environment.get("PATH"))
    if java is None or shutil.which(java) is None:
        where = f"JAVA_HOME is {home}, where there is none" if home else "there is none on PATH"
        raise SettingsError(
            f"The Kinesis Client Library needs Java {_OLDEST_JAVA} or newer, and {where}: install"
            " a JRE, on Debian `apt-get install default-jre-headless`."
        )
    said = (ask or _asked)(java)
    if java_version(said) < _OLDEST_JAVA:
        raise SettingsError(
            f"{java} is no Java {_OLDEST_JAVA} or newer; it says: {said.strip() or 'nothing'}."
            " Install a newer JRE, or name it by JAVA_HOME."
        )
    return java


def java_version(said: str) -> int:
    """The feature release that `java -version` tells; 0 when it tells none.

    Up to 8 that is the second number: 1.8.0 (JEP 223).
    """
    found = re.search(r'version "(\d+)(?:\.(\d+))?', said)
    if not found:
        return 0
    first, second = int(found[1]), int(found[2] or 0)
    return second if first == 1 else first


def _asked(java: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 (the operator's own Java)
            [java, "-version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stderr
