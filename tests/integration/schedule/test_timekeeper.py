"""The scheduler, the looks and the messages of a server, with nothing but time going by."""

import time

from galley import clock
from galley.project.schedule import Every
from galley.runs.model import RunState
from galley.runs.schedule_tables import fire
from galley.server.timekeeper import Timekeeper
from tests.integration.schedule.conftest import Sink
from tests.schedule_cast import Works, rule, trigger


def test_time_alone_fires_and_tells(works: Works, web: Sink) -> None:
    works.now = clock.now()
    address = f"http://127.0.0.1:{web.port}/hook"
    works.activate(trigger(Every("every", 1.0)), alerts=(rule(address),))
    timekeeper = Timekeeper(works.home)
    timekeeper.start()
    try:
        end = time.monotonic() + 60
        failed = False
        while not web.found and time.monotonic() < end:
            if works.rows(fire) and not failed:
                works.end(works.runs()[0], RunState.FAILED)
                failed = True
            time.sleep(0.05)
    finally:
        timekeeper.stop()
    assert "failed" in web.found[0]
