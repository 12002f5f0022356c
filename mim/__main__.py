"""``python -m mim`` is ``mim``."""

from mim.cli import main

main()
