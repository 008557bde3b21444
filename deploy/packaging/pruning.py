"""What of the libraries a function never opens.

Patterns are `fnmatch`'s over the path in the zip, where `*` crosses folders. What is cut wrongly is
found by tests/test_zips.py, which calls each function with nothing but its zip to import from.
"""

import re
from collections.abc import Iterator, Mapping
from fnmatch import translate
from pathlib import Path

from deploy.packaging import endpoints
from deploy.packaging.elf import Library
from deploy.packaging.errors import PackagingError

SERVICES = ("firehose", "glue", "kinesis", "s3", "sts")
"""The services that the functions make clients of; botocore's models of 400 others stay behind."""

_EVERYWHERE = (
    "*/__pycache__/*",
    "*.pyc",
    "*.pyi",
    "*/py.typed",
    "bin/*",
    "*-stubs/*",
    "*/tests/*",
    # For machines without a time zone database, and botocore asks for UTC alone.
    "dateutil/zoneinfo/*.tar.gz",
    # Sources of extension modules, and headers to compile against.
    *(f"*.{suffix}" for suffix in ("c", "cc", "cpp", "h", "hpp", "pxd", "pxi", "pyx", "cmake")),
)

# Logger and Metrics stay, with what they load when they are used.
_POWERTOOLS = (
    "aws_lambda_powertools/event_handler/*",
    *(
        f"aws_lambda_powertools/utilities/{name}/*"
        for name in (
            *("auth_alpha", "batch", "circuit_breaker", "data_classes", "data_masking"),
            *("feature_flags", "idempotency", "kafka", "metadata", "parameters", "parser"),
            *("streaming", "validation"),
        )
    ),
)

# boto3's own data describe its resources; clients are made from botocore's.
_BOTO = ("boto3/data/*", "boto3/examples/*", "botocore/data/*/examples-1.json")

# What stays computes (acero, too), and reads and writes Parquet.
_ARROW = (
    "pyarrow/include/*",
    "pyarrow/includes/*",
    "pyarrow/src/*",
    # Other formats than Parquet, and file systems: boto3 puts the objects.
    *(
        f"pyarrow/{name}*"
        for name in (
            *("libarrow_flight", "libarrow_python_flight", "_flight", "flight"),
            *("_orc", "orc"),
            *("libarrow_s3", "_s3fs", "_gcsfs", "_azurefs", "_hdfs"),
            *("libarrow_substrait", "_substrait", "substrait"),
            *("libarrow_dataset", "_dataset", "dataset"),
            *("libarrow_python_parquet_encryption", "_parquet_encryption", "parquet/encryption"),
            *("_csv", "csv", "_json", "json", "_feather", "feather", "interchange/"),
            *("_pyarrow_cpp_tests", "_cuda", "cuda"),
        )
    ),
    # The names that a linker looks for; libraries load each other by the name with the version.
    "pyarrow/libarrow_python*.so",
    "pyarrow/libarrow_python*.so.*.*.*",
)

_CUT = re.compile("|".join(map(translate, (*_EVERYWHERE, *_POWERTOOLS, *_BOTO, *_ARROW))))
_MODEL = re.compile(r"botocore/data/([^/]+)/")
_METADATA = re.compile(r"[^/]+\.dist-info/(.+)")
# What importlib.metadata answers from, and what a licence asks to travel with the copy.
_KEPT_METADATA = re.compile(
    r"METADATA|(licenses/.*|.*(LICEN[CS]E|NOTICE|COPYING|AUTHORS).*)", re.IGNORECASE
)


def keeps(path: str) -> bool:
    """Whether a library's file, named by its path in the zip, is needed when a function runs."""
    if found := _METADATA.match(path):
        return _KEPT_METADATA.fullmatch(found[1]) is not None
    if found := _MODEL.match(path):
        return found[1] in SERVICES and not _CUT.match(path)
    return not _CUT.match(path)


def pruned(folder: Path) -> dict[str, bytes]:
    """The libraries' files that are needed, by their path in the zip.

    Shared libraries are stripped, and no longer linked to those that go. Raises `PackagingError`
    when one that stays needs a symbol of one that goes.
    """
    files = {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()
    }
    kept = {name: path.read_bytes() for name, path in files.items() if keeps(name)}
    if endpoints.PATH in kept:
        kept[endpoints.PATH] = endpoints.of_services(kept[endpoints.PATH], SERVICES)
    gone = {path.name: path.read_bytes() for name, path in files.items() if name not in kept}
    return kept | {name: library.data for name, library in _linked(kept, gone)}


def _linked(kept: Mapping[str, bytes], gone: Mapping[str, bytes]) -> Iterator[tuple[str, Library]]:
    """What stays of the shared libraries, as it is to be.

    pyarrow's are linked to each other whether they use each other or not, and the loader would look
    for one that is gone.
    """
    stay, cut = _libraries(kept), _libraries(gone)
    _refuse_loss(stay, cut)
    return ((name, each.without_needed(cut).stripped()) for name, each in stay.items())


def _libraries(files: Mapping[str, bytes]) -> dict[str, Library]:
    return {name: found for name, data in files.items() if (found := Library.read(data))}


def _refuse_loss(stay: Mapping[str, Library], gone: Mapping[str, Library]) -> None:
    there = frozenset[bytes]().union(*(each.defined for each in stay.values()))
    for name, library in stay.items():
        missing = library.undefined - there
        for other, cut in gone.items():
            if both := missing & cut.defined:
                raise PackagingError(
                    f"{name} needs {min(both).decode()} of {other}: keep that one, or cut both"
                )
