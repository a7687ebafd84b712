"""Commands that work through a server's API instead of on a home."""
