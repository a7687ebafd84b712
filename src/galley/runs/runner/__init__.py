"""Running one step inside a worker process.

The package holds nothing itself, so that the engine can import ``probe`` without the libraries
that steps run with: ``run.run_step`` does a step, ``handler.handle`` is the worker's side of it.
"""
