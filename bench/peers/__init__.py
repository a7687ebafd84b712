"""The same trivial graph under other orchestrators, in an environment of their own."""
