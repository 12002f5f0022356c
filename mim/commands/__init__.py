"""Typed commands: declared once, registered while their module runs, checked and run; they know no HTTP."""

from mim.commands.model import Argument, Command, command, commands_of
from mim.commands.registry import CommandRegistry

__all__ = ["Argument", "Command", "CommandRegistry", "command", "commands_of"]
