"""The forms of texts in requests, each with the words for a text of another form.

Those of names are written where names are kept.
"""

from __future__ import annotations

from service.storage.names import NAME, NAME_WORDS
from service.tenants.keys import KEY_NAME, KEY_NAME_WORDS

JOB = r"^[0-9A-Za-z-]{1,64}$"  # id of a transfer or score
CURSOR = r"^[0-9A-Za-z_=-]{0,256}$"
TEXT = r"^[^\x00]*$"  # a regular expression also refuses text that is no valid Unicode
DIGEST = r"^[0-9a-f]{64}$"
REPEAT_KEY = r"^[\x21-\x7e]+$"
STATE = r"^[0-9a-f]{1,64}$"  # id of a state of a preset

WORDS = {
    NAME: NAME_WORDS,
    KEY_NAME: KEY_NAME_WORDS,
    JOB: "must be an id: 1 to 64 letters, digits and -",
    CURSOR: "must be `next` of the page before",
    TEXT: "must be valid Unicode without the character U+0000",
    DIGEST: "must be a SHA-256: 64 of 0-9 and a-f",
    REPEAT_KEY: "must be of ASCII's visible characters, without blanks",
    STATE: "must be the id of a version: 1 to 64 of 0-9 and a-f",
}
