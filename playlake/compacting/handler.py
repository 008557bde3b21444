"""The Lambda that compacts by the clock: hourly, the files of the hours that are over."""

import os
import time
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers

from playlake.compacting.hourly import Hourly, Settings

logger = Logger()
copy_config_to_registered_loggers(logger, include={"playlake.transform", "playlake.compacting"})


@logger.inject_lambda_context
def compact(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """See `playlake.compacting.hourly.Hourly`. {"until": epoch seconds} stands for this hour."""
    hourly = Hourly(Settings.from_environment(os.environ))
    done = hourly.run(event.get("until", time.time() // 3600 * 3600), context)
    logger.info("compacted", **done)
    return done
