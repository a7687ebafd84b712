"""What answers over HTTP: the execution API, its host, and the worker that calls it."""
