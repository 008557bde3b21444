"""The packaged template, read as AWS would read it: what no emulator certifies, each by name."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sqlglot

from catalog.saved import saved_queries
from deploy.inventory import resources
from deploy.regions import regions
from events.glue import columns
from events.registry import REGISTRY
from tests.packaged import ACCOUNT, ALL_SWITCHES, ROOT, Template, packaged

DEFAULTS: tuple[str, ...] = ()
BUCKET = f"playlake-demo-dev-{ACCOUNT}-eu-west-1"
LINT = Path(sys.executable).with_name("cfn-lint")
# The longest names that the plugin lets through, in the region whose name is longest.
WHOLE = [region for region, gaps in regions().items() if not gaps]
LONGEST = {"identifier": "i" * 16, "stage": "s" * 8, "region": max(WHOLE, key=len)}


@pytest.fixture(params=[DEFAULTS, ALL_SWITCHES], ids=["defaults", "all switches"])
def template(request) -> Template:
    return packaged(*request.param)


@pytest.fixture
def plain() -> Template:
    return packaged()


def data_bucket(template: Template) -> dict:
    return template.of("S3::Bucket")["Bucket"]


# --- as a whole ---


def test_cfn_lint_finds_nothing_in_any_of_three_regions(template):
    ran = subprocess.run(
        [LINT, "--regions", "us-east-1", "eu-west-1", "ap-southeast-2", "-t", template.path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "")


def test_cfn_lint_would_find_something(plain, tmp_path):
    spoiled = json.loads(plain.path.read_text())
    spoiled["Resources"]["Bucket"]["Properties"]["BucketNam"] = "x"
    path = tmp_path / "spoiled.json"
    path.write_text(json.dumps(spoiled))
    ran = subprocess.run([LINT, "--template", path], capture_output=True, text=True, check=False)
    assert "BucketNam" in ran.stdout


def test_what_no_reference_orders_is_still_ordered(template):
    needed = {
        name: resource["DependsOn"]
        for name, resource in template.made()
        if resource.get("DependsOn")
    }
    # The stream is made when its role may; a function when its log group is there, or Lambda would
    # make one that never forgets.
    assert "DeliveryPolicy" in needed["DeliveryStream"]
    for name in template.of("Lambda::Function"):
        assert needed[name] == [name.replace("LambdaFunction", "LogGroup")]


def test_every_resource_is_in_the_inventory_and_the_other_way_round(plain):
    listed = {name.replace("{name}", "demodev"): kind for name, kind in resources()}
    body = plain.body["Resources"]
    assert {name: resource["Type"] for name, resource in body.items()} == listed


def test_the_switches_turn_on_and_off_what_they_say():
    def made(*params: str) -> set[str]:
        return {name for name, _ in packaged(*params).made()}

    queries = {name for name in made() if name.endswith("Query")}
    assert len(queries) == len(saved_queries("x"))
    assert made() - made(*ALL_SWITCHES) == queries
    assert made(*ALL_SWITCHES) - made() == {"AlarmTopic", "RejectedShareAlarm"}


def test_every_name_is_within_its_services_limit_for_the_longest_identifier():
    longest = packaged(**LONGEST)
    limits = {
        "AWS::Athena::WorkGroup": 128,
        "AWS::CloudWatch::Alarm": 255,
        "AWS::CloudWatch::Dashboard": 255,
        "AWS::Events::Rule": 64,
        "AWS::IAM::Role": 64,
        "AWS::KinesisFirehose::DeliveryStream": 64,
        "AWS::Lambda::Function": 64,
        "AWS::Logs::LogGroup": 512,
        "AWS::Logs::LogStream": 512,
        "AWS::S3::Bucket": 63,
        "AWS::SNS::Topic": 256,
    }
    names = longest.names()
    assert len(names) > 30
    for logical, name in names.items():
        assert len(name) <= limits[longest.body["Resources"][logical]["Type"]], name
    (database,) = longest.of("Glue::Database").values()
    assert re.fullmatch(r"[a-z0-9_]{1,255}", database["DatabaseInput"]["Name"])
    assert len(json.dumps(longest.body)) < 1_000_000  # CloudFormation: a template in S3, 1 MB
    assert len(longest.body["Resources"]) < 500


@pytest.mark.parametrize("other", [{"identifier": "other"}, {"stage": "prod"}])
def test_two_deployments_share_no_name(plain, other):
    theirs = packaged(**other)
    shared = set(plain.names().values()) & set(theirs.names().values())
    assert shared == {"S3Delivery"}  # a stream, inside a log group of its own
    assert plain.of("Glue::Database") != theirs.of("Glue::Database")


def test_no_output_is_exported(template):
    # osls names an export by service and stage, and CloudFormation takes a name once a region: the
    # second identifier would be refused.
    assert not [name for name, output in template.body["Outputs"].items() if "Export" in output]


def test_two_regions_share_no_name_that_is_global(plain):
    # Roles, buckets and dashboards are an account's, not a region's.
    theirs = packaged(region="us-east-1").names()
    for kind in ("IAM::Role", "S3::Bucket", "CloudWatch::Dashboard"):
        for name in set(plain.of(kind)) & set(plain.names()):
            assert plain.names()[name] != theirs[name]


# --- the bucket ---


def test_the_bucket_keeps_each_prefix_as_long_as_its_switch_says(plain):
    rules = {rule["Id"]: rule for rule in data_bucket(plain)["LifecycleConfiguration"]["Rules"]}
    assert {
        name: (rule["Prefix"], rule["ExpirationInDays"])
        for name, rule in rules.items()
        if "Prefix" in rule
    } == {
        "raw": ("raw/", 90),
        "failed": ("failed/", 90),
        "query-results": ("query-results/", 7),
    }
    assert rules["unfinished-uploads"]["AbortIncompleteMultipartUpload"] == {
        "DaysAfterInitiation": 1
    }
    assert all(rule["Status"] == "Enabled" for rule in rules.values())


def test_a_switch_changes_how_long_the_archive_is_kept():
    rules = data_bucket(packaged("rawDays=400"))["LifecycleConfiguration"]["Rules"]
    assert [int(rule["ExpirationInDays"]) for rule in rules if rule["Id"] == "raw"] == [400]


def test_no_rule_ever_expires_the_lake(template):
    rules = data_bucket(template)["LifecycleConfiguration"]["Rules"]
    expiring = [rule["Prefix"] for rule in rules if "ExpirationInDays" in rule]
    assert not [prefix for prefix in expiring if "lake/x".startswith(prefix)]


def test_both_buckets_are_encrypted_and_closed_to_the_public(template):
    buckets = template.of("S3::Bucket")
    assert set(buckets) == {"Bucket", "ServerlessDeploymentBucket"}
    for bucket in buckets.values():
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        blocked = bucket["PublicAccessBlockConfiguration"]
        assert len(blocked) == 4
        assert all(blocked.values())


def test_both_buckets_refuse_what_does_not_come_over_tls(template):
    policies = {
        each["Bucket"]: each["PolicyDocument"]["Statement"]
        for each in template.of("S3::BucketPolicy").values()
    }
    assert set(policies) == {BUCKET, "ServerlessDeploymentBucket"}
    for bucket, (statement,) in policies.items():
        assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
        arn = f"arn:aws:s3:::{bucket}"
        assert set(statement["Resource"]) == {arn, f"{arn}/*"}
        assert str(statement["Condition"]["Bool"]["aws:SecureTransport"]).lower() == "false"


def test_the_data_bucket_has_no_versions_and_goes_with_the_stack(template):
    assert "VersioningConfiguration" not in data_bucket(template)
    assert template.body["Resources"]["Bucket"]["DeletionPolicy"] == "Delete"


def test_s3_tells_eventbridge_and_eventbridge_the_catalog_of_the_lakes_objects_only(template):
    notified = data_bucket(template)["NotificationConfiguration"]
    assert notified == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    (rule,) = [each for each in template.of("Events::Rule").values() if "EventPattern" in each]
    assert rule["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [BUCKET]}, "object": {"key": [{"prefix": "lake/"}]}},
    }
    assert [each["Arn"].rpartition(":")[2] for each in rule["Targets"]] == [
        "playlake-demo-dev-catalog"
    ]


def test_every_rule_may_invoke_its_function(template):
    invoked = {
        (each["SourceArn"].rpartition("/")[2], each["FunctionName"])
        for each in template.of("Lambda::Permission").values()
        if each["Principal"] == "events.amazonaws.com"
    }
    targets = {
        (rule["Name"], target["Arn"])
        for rule in template.of("Events::Rule").values()
        for target in rule["Targets"]
    }
    assert invoked == targets


# --- the API ---


@pytest.mark.parametrize(
    ("params", "origins"),
    [
        (DEFAULTS, ["*"]),
        (ALL_SWITCHES, ["https://example.com", "https://www.example.com"]),
    ],
)
def test_cors_allows_the_origins_that_the_switch_names_and_so_does_the_collector(params, origins):
    template = packaged(*params)
    cors = template.of("ApiGatewayV2::Api")["HttpApi"]["CorsConfiguration"]
    assert cors["AllowOrigins"] == origins
    assert cors["AllowMethods"] == ["POST"]
    assert cors["AllowHeaders"] == ["content-type", "content-encoding"]
    variables = template.of("Lambda::Function")["CollectLambdaFunction"]["Environment"]["Variables"]
    assert variables["PLAYLAKE_ALLOWED_ORIGINS"].split(",") == origins


def test_the_api_is_throttled(plain):
    (stage,) = plain.of("ApiGatewayV2::Stage").values()
    assert stage["DefaultRouteSettings"] == {
        "ThrottlingRateLimit": 500,
        "ThrottlingBurstLimit": 1000,
    }


# --- the functions ---


@pytest.mark.parametrize(("params", "arch"), [(DEFAULTS, "arm64"), (ALL_SWITCHES, "x86_64")])
def test_every_function_has_the_architecture_and_a_handler_that_exists(params, arch):
    functions = packaged(*params).of("Lambda::Function")
    assert len(functions) == 5
    for function in functions.values():
        assert function["Architectures"] == [arch]
        assert function["Runtime"] == "python3.13"
        module, _, name = function["Handler"].rpartition(".")
        source = (ROOT / f"{module.replace('.', '/')}.py").read_text()
        assert re.search(rf"^(def {name}\(|{name} = )", source, re.MULTILINE), function["Handler"]


def test_no_functions_environment_is_over_4_kb(template):
    for function in template.of("Lambda::Function").values():
        variables = function["Environment"]["Variables"]
        assert sum(len(name) + len(value) for name, value in variables.items()) < 4096


def test_a_switch_that_is_off_leaves_no_variable_behind(plain):
    name, switched = "PLAYLAKE_MAX_LATE_DAYS", packaged(*ALL_SWITCHES)

    def variables(template: Template) -> dict:
        function = template.of("Lambda::Function")["TransformLambdaFunction"]
        return function["Environment"]["Variables"]

    assert name not in variables(plain)
    assert variables(switched)[name] == "30"
    traced = {each["TracingConfig"]["Mode"] for each in switched.of("Lambda::Function").values()}
    assert traced == {"Active"}


# --- the delivery stream ---


def stream(template: Template) -> dict:
    return template.of("KinesisFirehose::DeliveryStream")["DeliveryStream"]


def test_the_stream_archives_gzipped_by_day_and_failures_by_kind(template):
    destination = stream(template)["ExtendedS3DestinationConfiguration"]
    assert destination["BucketARN"] == f"arn:aws:s3:::{BUCKET}"
    assert destination["CompressionFormat"] == "GZIP"
    assert destination["Prefix"] == "raw/dt=!{timestamp:yyyy-MM-dd}/"
    assert destination["ErrorOutputPrefix"] == (
        "failed/!{firehose:error-output-type}/dt=!{timestamp:yyyy-MM-dd}/"
    )
    logged = destination["CloudWatchLoggingOptions"]
    assert logged["Enabled"]
    assert logged["LogGroupName"] == "/aws/kinesisfirehose/playlake-demo-dev"
    encrypted = stream(template)["DeliveryStreamEncryptionConfigurationInput"]
    assert encrypted == {"KeyType": "AWS_OWNED_CMK"}


def test_a_batch_fits_into_lambdas_answer_of_6_mb_and_the_functions_time(template):
    (processor,) = stream(template)["ExtendedS3DestinationConfiguration"][
        "ProcessingConfiguration"
    ]["Processors"]
    given = {each["ParameterName"]: each["ParameterValue"] for each in processor["Parameters"]}
    assert set(given) == {
        "LambdaArn",
        "RoleArn",
        "NumberOfRetries",
        "BufferSizeInMBs",
        "BufferIntervalInSeconds",
    }
    # base64 makes four bytes of three; a third of the answer is left for what surrounds records.
    assert float(given["BufferSizeInMBs"]) * 4 / 3 <= 4
    assert 0 <= int(given["BufferIntervalInSeconds"]) <= 900
    transform = template.of("Lambda::Function")["TransformLambdaFunction"]
    assert given["LambdaArn"].endswith(f":{transform['FunctionName']}")
    assert transform["Timeout"] <= 300  # Firehose waits no longer


# --- tables and queries ---


def test_glues_tables_are_those_of_the_declarations(template):
    made = {each["TableInput"]["Name"]: each for each in template.of("Glue::Table").values()}
    assert set(made) == {table.name for table in REGISTRY.tables}
    for table in REGISTRY.tables:
        given = made[table.name]["TableInput"]
        described = given["StorageDescriptor"]
        assert made[table.name]["DatabaseName"] == "Database"
        assert described["Columns"] == columns(table)
        assert [key["Name"] for key in given["PartitionKeys"]] == ["dt"]
        assert described["Location"] == f"s3://{BUCKET}/lake/{table.name}/"


def test_the_named_queries_are_saved_as_athenas_sql_over_this_database(plain):
    saved = {each["Name"]: each["QueryString"] for each in plain.of("Athena::NamedQuery").values()}
    assert set(saved) == {query.title for query in saved_queries("x")}
    for title, sql in saved.items():
        parsed = sqlglot.parse_one(sql, dialect="athena")
        tables = list(parsed.find_all(sqlglot.exp.Table))
        ours = {table.name for table in REGISTRY.tables}
        read = [table for table in tables if table.name in ours]
        assert read, title
        assert {table.db for table in read} == {"playlake_demo_dev"}, title
        assert "${" not in sql
    assert {each["WorkGroup"] for each in plain.of("Athena::NamedQuery").values()} == {
        "playlake-demo-dev"
    }


def test_the_workgroup_limits_a_query_and_encrypts_its_answer(plain):
    configured = plain.of("Athena::WorkGroup")["WorkGroup"]["WorkGroupConfiguration"]
    assert configured["EnforceWorkGroupConfiguration"]
    assert int(configured["BytesScannedCutoffPerQuery"]) == 100_000_000_000
    result = configured["ResultConfiguration"]
    assert result["OutputLocation"] == f"s3://{BUCKET}/query-results/"
    assert result["EncryptionConfiguration"] == {"EncryptionOption": "SSE_S3"}
    assert plain.of("Athena::WorkGroup")["WorkGroup"]["RecursiveDeleteOption"]
