"""The stack of a deployment, as CloudFormation describes it."""

from botocore.exceptions import ClientError

from playlake.deployed.deployment import Deployed, StackDescription, absent
from playlake.drivers.session import Session, failures


def describe(session: Session, where: Deployed) -> StackDescription:
    """The stack; raises SettingsError when there is none, and what `failures` raises."""
    with failures():
        try:
            found = session.client("cloudformation").describe_stacks(StackName=where.name)
        except ClientError as error:
            if _is_absent(error):
                raise absent(where, session.region) from None
            raise
    stack = found["Stacks"][0]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
    reason = " ".join(stack.get("StackStatusReason", "").split())
    return StackDescription(stack["StackId"], stack["StackStatus"], outputs, reason)


def _is_absent(error: ClientError) -> bool:
    # CloudFormation has no code of its own for it: "Stack with id x does not exist".
    fault = error.response["Error"]
    return fault["Code"] == "ValidationError" and "does not exist" in fault["Message"]
