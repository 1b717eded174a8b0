"""Client for the neural style transfer service.

from nst_client import Client

Client("http://127.0.0.1:8000").transfer("photo.jpg", preset="mosaic").wait().save("out.png")
"""

from nst_client.batches import Batch, BatchItem
from nst_client.client import Client
from nst_client.errors import (
    ClientError,
    Conflict,
    FieldError,
    Forbidden,
    InvalidInput,
    JobFailed,
    LimitExceeded,
    NotFound,
    NotUnderstood,
    Problem,
    StillRunning,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from nst_client.events import Event
from nst_client.painters import Painter
from nst_client.pictures import Picture
from nst_client.scores import Score
from nst_client.styles import Style
from nst_client.transfers import Transfer

__all__ = [
    "Batch", "BatchItem", "Client", "ClientError", "Conflict", "Event", "FieldError", "Forbidden", "InvalidInput",
    "JobFailed", "LimitExceeded", "NotFound", "NotUnderstood", "Painter", "Picture", "Problem", "Score",
    "StillRunning", "Style", "Transfer", "Unauthorized", "Unavailable", "Unreachable",
]  # fmt: skip
