"""The protocol as values: no I/O, no storage, no server."""
