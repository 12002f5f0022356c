"""The modules that ship with mim; each is switched on by its ``[modules.mod_*]`` section."""
