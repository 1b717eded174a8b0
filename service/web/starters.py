"""The starters and their painters, saved while the web process begins to answer."""

from __future__ import annotations

import logging
import threading
import time

from service.api.context import AppContext
from service.errors import ServiceError, Unavailable
from service.machine.new_threads import start
from service.painters import starters as painters
from service.pictures.images import UnreadableImage
from service.styles.starters import loading

logger = logging.getLogger(__name__)

RETRY_S = 10.0  # seconds to the next try, after something was unavailable


def load_in_background(context: AppContext) -> None:
    """Save the starters in a thread of its own: a store that is down or slow must not delay the web process."""
    try:
        start(threading.Thread(target=_until_saved, args=(context,), name="starters", daemon=True))
    except Unavailable as error:  # another web process saves them, or the next start
        context.starters.pass_over()
        logger.warning("the starters and their painters are not saved by this process: %s", error.detail)


def _until_saved(context: AppContext) -> None:
    said = ""
    while True:
        try:
            loading.load(context.presets)
            painters.load(context.painters, context.model_sha256)
            return
        except (ServiceError, UnreadableImage) as error:  # their pictures, where decoding takes too long
            detail = error.detail if isinstance(error, ServiceError) else str(error)
            if detail != said:
                logger.warning(
                    "the starters or their painters could not be saved, trying every %g s: %s", RETRY_S, detail
                )
            said = detail
        time.sleep(RETRY_S)
