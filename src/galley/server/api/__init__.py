"""The REST API: the only way that the web interface and remote commands act."""
