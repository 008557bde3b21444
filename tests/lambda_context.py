"""What Lambda hands a handler beside the event."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LambdaContext:
    """The parts of the context that handlers read (Lambda developer guide, "Python context")."""

    function_name: str = "playlake-demo-dev-function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = (
        "arn:aws:lambda:eu-west-1:123456789012:function:playlake-demo-dev-function"
    )
    aws_request_id: str = "52fdfc07-2182-454f-963f-5f0f9a621d72"
    remaining_ms: int = 900_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


CONTEXT = LambdaContext()
