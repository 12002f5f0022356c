"""mim beside ejabberd and Prosody: the same operations, one run, CPU per operation and ratios."""
