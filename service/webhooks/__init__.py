"""What goes out when a job has ended: signed webhooks and finished pictures, sent by the dispatcher's threads."""
