"""One file a command, imported when the command is used; each has an ``app``."""
