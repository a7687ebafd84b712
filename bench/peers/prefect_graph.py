"""Steps that do nothing under Prefect; run by its own interpreter with (shape, steps, executor)."""

import json
import sys
import time

from prefect import flow, task  # type: ignore[import-not-found]

SHAPE, STEPS = sys.argv[1], int(sys.argv[2])


@task
def nothing(_before: object = None) -> int:
    """Nothing."""
    return 0


@flow
def graph(steps: int) -> None:
    """A chain, or one task and all others after it."""
    made = [nothing.submit()]
    for number in range(1, steps):
        made.append(nothing.submit(made[number - 1 if SHAPE == "chain" else 0]))
    for one in made:
        one.result()


if __name__ == "__main__":
    graph(1)  # starts the server
    started = time.perf_counter()
    graph(STEPS)
    print(json.dumps({"seconds": time.perf_counter() - started}))
