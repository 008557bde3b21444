"""What `playlake doctor` judges: clock, quotas, region, tools, and what IAM says of permissions."""

import json
from datetime import UTC, datetime

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from playlake.deployed.diagnosis import Verdict, judge_clock, judge_concurrency, judge_region, named
from playlake.deployed.policy import Question, questions, read_policy
from playlake.deployed.toolchain import check_tools, is_node_enough
from playlake.drivers.checkup import check_up
from playlake.drivers.permissions import check_permissions


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [(0, "ok"), (-59, "ok"), (61, "warning"), (-299, "warning"), (300, "failed"), (-900, "failed")],
)
def test_a_clock_five_minutes_off_is_refused_by_aws(seconds, verdict):
    assert judge_clock(seconds).verdict is Verdict(verdict)


def test_a_new_accounts_concurrency_is_a_warning():
    assert judge_concurrency(10).verdict is Verdict.WARNING
    assert judge_concurrency(1_000).verdict is Verdict.OK


def test_a_region_without_a_service_is_named_with_one_that_has_all():
    found = judge_region("eu-x-1", ["firehose", "glue"], ["eu-west-1"])
    assert found.verdict is Verdict.FAILED
    assert "eu-x-1 has no firehose, glue" in found.detail
    assert "eu-west-1" in found.detail


def test_many_names_are_counted():
    assert named([str(n) for n in range(9)]) == "0, 1, 2, 3, 4, 5 and 3 more"


@pytest.mark.parametrize(
    ("version", "enough"),
    [
        ("v18.20.0", False),
        ("v20.18.3", False),
        ("v20.19.0", True),
        ("v21.7.0", False),
        ("v22.12.0", False),
        ("v22.13.0", True),
        ("v23.5.0", False),
        ("v24.0.0", True),
        ("v26.1.0", True),
        ("nonsense", False),
    ],
)
def test_node_is_new_enough_for_osls_or_not(version, enough):
    assert is_node_enough(version) is enough


def checkout(folder, installed="4.3.1"):
    (folder / "serverless.yml").touch()
    (folder / "package.json").write_text(json.dumps({"devDependencies": {"osls": "4.3.1"}}))
    if installed:
        package = folder / "node_modules" / "osls" / "package.json"
        package.parent.mkdir(parents=True)
        package.write_text(json.dumps({"version": installed}))
    return folder


def tools(folder, **versions):
    found = check_tools(folder, lambda command: versions.get(command[0].rsplit("/")[-1]))
    return {each.check: each.verdict.value for each in found}


def test_a_checkout_with_its_tools_can_deploy(tmp_path):
    found = tools(checkout(tmp_path), node="v22.13.0", uv="uv 0.8.0")
    assert found == dict.fromkeys(["python", "node", "osls", "zips"], "ok")


def test_each_tool_that_a_checkout_lacks_is_found(tmp_path):
    found = tools(checkout(tmp_path, installed=None))
    assert (found["node"], found["osls"], found["zips"]) == ("failed", "failed", "warning")


def test_another_version_of_osls_than_the_pinned_one_is_a_warning(tmp_path):
    assert tools(checkout(tmp_path, "4.0.0"), node="v24.0.0")["osls"] == "warning"


def test_where_there_is_no_checkout_nothing_is_missing_for_asking(tmp_path):
    assert tools(tmp_path) == {"python": "ok", "checkout": "warning"}


POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["s3:CreateBucket", "s3:Get*"],
                "Resource": "arn:${Partition}:s3:::playlake-${Identifier}-${Stage}-*",
            },
            {
                "Effect": "Allow",
                "Action": "iam:PassRole",
                "Resource": ["arn:aws:iam::${Account}:role/playlake-${Identifier}-*"],
                "Condition": {
                    "StringEquals": {"iam:PassedToService": ["lambda.amazonaws.com"]},
                    "ForAnyValue:StringLike": {"aws:CalledVia": "cloudformation.*"},
                },
            },
            {"Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*"},
        ],
    }
)
NAMES = {
    "Identifier": "demo",
    "Stage": "dev",
    "Region": "eu-west-1",
    "Account": "123456789012",
    "Partition": "aws",
}


def test_a_policy_is_asked_about_with_names_in_the_stead_of_its_placeholders():
    assert list(questions(POLICY, NAMES)) == [
        Question(("s3:CreateBucket",), ("arn:aws:s3:::playlake-demo-dev-playlake",)),
        Question(
            ("iam:PassRole",),
            ("arn:aws:iam::123456789012:role/playlake-demo-playlake",),
            (
                ("iam:PassedToService", "string", ("lambda.amazonaws.com",)),
                ("aws:CalledVia", "stringList", ("cloudformation.playlake",)),
            ),
        ),
    ]


USER = "arn:aws:iam::123456789012:user/me"


@pytest.mark.parametrize(
    ("date", "verdicts"),
    [
        ("Tue, 24 Nov 2026 12:00:00 GMT", ["ok"]),
        ("Tue, 24 Nov 2026 12:00:00", ["ok"]),
        ("Tue, 24 Nov 2026 12:10:00 -0000", ["failed"]),
        ("today", []),
        (None, []),
    ],
)
def test_the_clock_is_judged_by_any_date_that_is_one(date, verdicts):
    session = Answering({"date": date} if date else {})
    found = check_up(session, None, lambda: datetime(2026, 11, 24, 12, tzinfo=UTC))
    assert [each.verdict.value for each in found if each.check == "clock"] == verdicts


class Answering:
    """A session whose STS knows nobody, and answers with these headers."""

    region = "eu-west-1"

    def __init__(self, headers):
        self._answered = {"Error": {"Code": "X"}, "ResponseMetadata": {"HTTPHeaders": headers}}

    def regions(self, _service):
        return [self.region]

    def client(self, _service):
        return self

    def get_caller_identity(self):
        raise ClientError(self._answered, "GetCallerIdentity")


class Simulating:
    """A session whose IAM answers what it is told to, in order."""

    def __init__(self):
        self.iam = boto3.client(
            "iam", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        self.stubber = Stubber(self.iam)
        self.stubber.activate()

    def client(self, service):
        assert service == "iam"
        return self.iam

    def decides(self, decision, **more):
        result = {"EvalActionName": "s3:CreateBucket", "EvalDecision": decision, **more}
        self.stubber.add_response(
            "simulate_principal_policy", {"EvaluationResults": [result], "IsTruncated": False}
        )

    def denies(self, action):
        self.stubber.add_client_error(action, "AccessDenied", "no")


def checked(session, caller=USER):
    asked = iter([Question(("s3:CreateBucket",), ("*",))])
    return check_permissions(session, caller, asked, "playlake-demo-dev")


def test_permissions_that_suffice_are_ok():
    session = Simulating()
    session.decides("allowed")
    assert checked(session).verdict is Verdict.OK


def test_an_action_that_is_denied_is_named_with_whoever_forbids_it():
    session = Simulating()
    session.decides("implicitDeny")
    assert (
        "may not do s3:CreateBucket, which deploying playlake-demo-dev" in checked(session).detail
    )
    session.decides("explicitDeny", OrganizationsDecisionDetail={"AllowedByOrganizations": False})
    found = checked(session)
    assert found.verdict is Verdict.FAILED
    assert "s3:CreateBucket (the organization forbids it)" in found.detail


def test_who_may_not_simulate_is_warned_that_nothing_was_checked():
    session = Simulating()
    session.denies("simulate_principal_policy")
    found = checked(session)
    assert (found.verdict, "iam:SimulatePrincipalPolicy" in found.detail) == (Verdict.WARNING, True)


def test_a_role_is_asked_about_by_its_own_name_path_included():
    session = Simulating()
    arn = "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/Deployer"
    role = {
        "Path": "/aws-reserved/sso.amazonaws.com/",
        "RoleName": "Deployer",
        "RoleId": "AROA0123456789ABCDEF",
        "Arn": arn,
        "CreateDate": "2026-01-01T00:00:00Z",
    }
    session.stubber.add_response("get_role", {"Role": role}, {"RoleName": "Deployer"})
    session.stubber.add_response(
        "simulate_principal_policy",
        {"EvaluationResults": [{"EvalActionName": "a:B", "EvalDecision": "allowed"}]},
        {
            "PolicySourceArn": arn,
            "ActionNames": ["s3:CreateBucket"],
            "ResourceArns": ["*"],
            "ContextEntries": [],
        },
    )
    assert (
        checked(session, "arn:aws:sts::123456789012:assumed-role/Deployer/me").verdict is Verdict.OK
    )


@pytest.mark.parametrize("caller", ["root", "federated-user/me"])
def test_whom_iam_simulates_nothing_for_is_warned(caller):
    found = checked(Simulating(), f"arn:aws:iam::123456789012:{caller}")
    assert found.verdict is Verdict.WARNING


def test_the_shipped_policy_can_be_asked_about():
    asked = list(questions(read_policy(), NAMES))
    assert any("cloudformation:CreateStack" in question.actions for question in asked)
    assert not [name for question in asked for name in question.resources if "${" in name]
