"""Webhooks: which hosts they may go to, how they are signed and sent, and who sees to it."""
