"""Listeners: bytes in, bytes out, limits and timeouts."""
