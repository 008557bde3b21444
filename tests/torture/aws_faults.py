"""What AWS does to playlake: see `put_faults`, `firehose_faults`, `s3_faults`, `glue_faults`."""

from tests.torture import firehose_faults, glue_faults, put_faults, s3_faults
from tests.torture.row import Fault

FAULTS: tuple[Fault, ...] = (
    Fault("firehose-again", 100, firehose_faults.again),
    Fault("firehose-recut", 100, firehose_faults.recut),
    Fault("put-partly", 200, put_faults.put_partly),
    Fault("put-wholly", 200, put_faults.put_wholly),
    Fault("put-throttled", 200, put_faults.put_throttled),
    Fault("put-timed-out", 200, put_faults.put_timed_out),
    Fault("s3-5xx", 200, s3_faults.overloaded),
    Fault("s3-conflict", 200, s3_faults.conflicting),
    Fault("glue-throttled", 100, glue_faults.throttled),
    Fault("glue-down", 50, glue_faults.down),
    Fault("catalog-behind", 50, glue_faults.behind),
)
