"""One module for each command that works through a server, named as the local one."""
