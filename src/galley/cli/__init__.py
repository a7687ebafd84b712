"""The command line: commands over the same functions as everybody else."""
