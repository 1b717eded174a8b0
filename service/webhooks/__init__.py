"""Messages at the end of a job: signed webhooks and finished pictures, sent by the dispatcher's threads."""
