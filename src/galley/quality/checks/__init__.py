"""The test types: each turns a specification into a check."""
