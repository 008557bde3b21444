"""What runs the consumer's daemons: settings, properties, programs, news, and the supervisor."""

import json
import logging
import os
import socket
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.errors import SettingsError
from playlake.cli.commits import commit_line, commit_metrics
from playlake.consuming.daemon import (
    find_jars,
    find_java,
    find_program,
    java_version,
    kcl_version,
)
from playlake.consuming.news import Commit, Inbox, Left, Reporter, ReportingHandler, Said
from playlake.consuming.properties import Aws, encode, parse_overrides, properties
from playlake.consuming.settings import ConsumerSettings, beside
from tests.conftest import run_playlake

SETTINGS = ConsumerSettings(
    stream="plays",
    lake="s3://bucket/a/lake",
    catalog="glue://plays",
    application="plays-app",
    worker="host-1",
)


class TestSettings:
    def test_they_come_back_from_the_environment(self):
        assert ConsumerSettings.from_environment(SETTINGS.to_environment()) == SETTINGS

    @pytest.mark.parametrize("environment", [{}, {"PLAYLAKE_CONSUMER": "{}"}])
    def test_an_environment_without_them_is_refused(self, environment):
        with pytest.raises(SettingsError, match="PLAYLAKE_CONSUMER"):
            ConsumerSettings.from_environment(environment)

    @pytest.mark.parametrize(
        ("lake", "archive"),
        [
            ("s3://bucket/lake", "s3://bucket"),
            ("s3://bucket/a/lake/", "s3://bucket/a"),
            ("file:///data/lake", "file:///data"),
        ],
    )
    def test_the_archive_lies_beside_the_lake(self, lake, archive):
        assert beside(lake) == archive

    @pytest.mark.parametrize(
        "lake",
        ["s3://bucket", "s3:///lake", "file:///lake", "file://host/a/lake", "lake", "s3:b/l"],
    )
    def test_a_lake_with_nothing_beside_it_is_refused(self, lake):
        with pytest.raises(SettingsError, match="s3://bucket/lake"):
            beside(lake)

    @pytest.mark.parametrize("name", ["ab", "plays app", "plays/app", "a" * 238, ""])
    def test_an_application_that_dynamodb_can_have_no_table_of_is_refused(self, name):
        with pytest.raises(SettingsError, match=r"with --application, of 3 to 237"):
            msgspec.structs.replace(SETTINGS, application=name)

    def test_a_bucket_is_told_to_the_catalog_by_whole_keys_and_a_folder_by_its_own(self):
        assert SETTINGS.catalog_key("t/dt=2026-11-24/part-0.parquet").startswith("a/lake/t/")
        folder = ConsumerSettings(
            stream="s", lake="file:///d/lake", catalog="sqlite:///d/c.db", application="app"
        )
        assert folder.catalog_key("t/x") == "t/x"


class TestProperties:
    def test_endpoints_of_the_environment_are_the_daemons(self):
        aws = Aws.from_environment(
            "eu-west-1",
            {
                "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
                "AWS_ENDPOINT_URL_KINESIS": "http://127.0.0.1:2",
            },
        )
        made = properties(SETTINGS, "child", aws)
        assert made["kinesisEndpoint"] == "http://127.0.0.1:2"
        assert made["dynamoDBEndpoint"] == "http://127.0.0.1:1"
        assert made["workerId"] == "host-1"
        assert "kinesisEndpoint" not in properties(SETTINGS, "child", Aws("eu-west-1"))

    def test_what_the_operator_sets_counts(self):
        given = {"PLAYLAKE_KCL_PROPERTIES": "metricsLevel = DETAILED, maxRecords=100,"}
        made = properties(SETTINGS, "child", Aws.from_environment("eu-west-1", given))
        assert (made["metricsLevel"], made["maxRecords"]) == ("DETAILED", "100")

    @pytest.mark.parametrize("text", ["maxRecords", "=1", "a=1,b"])
    def test_what_is_no_property_is_refused(self, text):
        with pytest.raises(SettingsError, match="name=value"):
            parse_overrides(text)

    def test_the_file_holds_what_java_reads_back(self):
        # Properties.load: a backslash escapes, and what is not Latin-1 is UTF-16 in \\uXXXX.
        assert encode({"a": "C:\\x", "b": "영상😀"}) == (
            "a=C:\\\\x\nb=\\uc601\\uc0c1\\ud83d\\ude00\n"
        )


class TestPrograms:
    @pytest.mark.parametrize(
        ("said", "version"),
        [
            ('openjdk version "17.0.15" 2025-04-15', 17),
            ('java version "1.8.0_292"', 8),
            ('openjdk version "21" 2023-09-19', 21),
            ("Unable to locate a Java Runtime", 0),
        ],
    )
    def test_the_release_of_java_is_read(self, said, version):
        assert java_version(said) == version

    def test_no_java_is_one_sentence_that_says_what_to_install(self, tmp_path):
        with pytest.raises(SettingsError, match=r"Java 8 .*none on PATH.*default-jre-headless"):
            find_java({"PATH": str(tmp_path)})
        with pytest.raises(SettingsError, match=f"JAVA_HOME is {tmp_path}"):
            find_java({"JAVA_HOME": str(tmp_path), "PATH": os.environ["PATH"]})

    def test_an_old_java_is_refused_with_what_it_says(self, tmp_path):
        java = executable(tmp_path / "java", "echo 'java version \"1.7.0_80\"' >&2")
        with pytest.raises(SettingsError, match=r"is no Java 8.*1\.7\.0_80"):
            find_java({"PATH": str(java.parent) + os.pathsep + os.environ["PATH"]})

    def test_a_package_that_is_not_installed_is_one_sentence(self):
        with pytest.raises(SettingsError, match=r"pip install 'playlake\[kinesis\]'"):
            find_jars("no_such_package")

    def test_a_package_without_its_jars_is_one_sentence(self):
        with pytest.raises(SettingsError, match=r"lacks KCL's jars.*--force-reinstall"):
            find_jars("msgspec")

    def test_the_kcls_version_is_that_of_its_jar(self, tmp_path):
        (tmp_path / "amazon-kinesis-client-multilang-3.5.3.jar").touch()
        assert kcl_version(tmp_path) == (3, 5, 3)

    def test_without_java_the_command_says_so(self, tmp_path):
        if not jars_are_there():
            pytest.skip("amazon_kclpy is not installed, which is said before Java is looked for.")
        with pytest.raises(SettingsError, match="Java"):
            find_program({"PATH": str(tmp_path)})


def jars_are_there() -> bool:
    try:
        find_jars()
    except SettingsError:
        return False
    return True


def executable(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


COMMIT = Commit(
    worker="w",
    pid=1,
    shard="shard-0",
    through="5",
    records=20,
    rows=1_000,
    rejected=7,
    objects=3,
    bytes=2_500_000,
    seconds=0.25,
    lag_ms=61_000,
    behind_ms=1_500,
    again=True,
)


class TestNews:
    def test_what_is_told_is_heard(self, tmp_path):
        with Inbox(tmp_path / "news") as inbox:
            reporter = Reporter(str(inbox.path), "w", 7)
            reporter.shard = "shard-0"
            reporter.left("shard ended")
            assert inbox.wait(1) == Left(worker="w", pid=7, shard="shard-0", why="shard ended")
            assert inbox.wait(0) is None

    def test_warnings_are_told(self, tmp_path):
        with Inbox(tmp_path / "news") as inbox:
            handler = ReportingHandler(Reporter(str(inbox.path), "w", 7))
            message = f"the consumer failed {'x' * 9_999} KeyError: 'event_id'"
            handler.handle(logging.makeLogRecord({"msg": message, "levelname": "ERROR"}))
            said = inbox.wait(1)
            assert isinstance(said, Said)
            assert (said.level, len(said.message)) == ("ERROR", 4_000)
            assert said.message.startswith("the consumer failed xxx")
            assert said.message.endswith("xxx KeyError: 'event_id'")

    def test_nobody_who_listens_is_no_error(self, tmp_path):
        Reporter(str(tmp_path / "nobody"), "w", 7).left("lease lost")
        Reporter("", "w", 7).left("lease lost")

    @given(st.binary(max_size=200))
    def test_whatever_else_arrives_is_not_heard(self, data):
        # A directory of its own: Hypothesis takes no fixture of a function.
        with tempfile.TemporaryDirectory() as folder, Inbox(Path(folder) / "n") as inbox:
            send(inbox, data)
            assert inbox.wait(1) is None

    def test_a_commit_is_a_line_for_people(self):
        assert commit_line(COMMIT) == (
            "shard-0: 1,000 rows of 20 records (2.5 MB) in 3 files, 0.25 s; 1.5 s behind,"
            " begun by another"
        )

    def test_a_commit_is_a_line_of_the_embedded_metric_format(self):
        line = json.loads(json.dumps(commit_metrics(COMMIT, "plays", 1_790_000_000_000)))
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert line["_aws"]["Timestamp"] == 1_790_000_000_000
        assert directive["Namespace"] == "playlake"
        # Each metric and dimension is a member of the line's root (EMF specification).
        assert {each["Name"] for each in directive["Metrics"]} <= line.keys()
        assert all(isinstance(line[each["Name"]], int | float) for each in directive["Metrics"])
        assert directive["Dimensions"] == [["Stream"]]
        assert line["Stream"] == "plays"


def send(inbox: Inbox, data: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(data, str(inbox.path))


class TestCommand:
    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ((), "--stream"),
            (("--stream", "s"), "--lake s3://bucket/lake"),
            (("--stream", "s", "--lake", "s3://b/lake"), "--catalog glue://database"),
            (("--stream", "s", "--lake", "s3://b"), "no lake that a consumer can write"),
            (("--stream", "s", "--data", "d", "--lake", "file:///d/lake"), "leave --lake"),
            (("--identifier", "demo", "--stream", "s"), "leave --stream out"),
        ],
    )
    def test_options_that_name_no_source_or_two_are_refused(self, options, said):
        ran = run_playlake("consume", *options)
        assert ran.code == 2
        assert said in ran.err
