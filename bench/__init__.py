"""The benchmarks: every budget of the architecture, measured on this machine.

``python -m bench`` (or ``make bench``) prints a table and writes JSON. It never fails on a time.
"""
