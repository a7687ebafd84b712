"""Two servers and three workers over one PostgreSQL, any of which is killed at random."""

import random
import time

import pytest

from galley.runs.model import RunState
from tests.integration.engine.plant import Plant
from tests.integration.server.kit import Site, free_port, kill, said, url_of


@pytest.mark.kill
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("site", ["postgres"], indirect=True)
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
def test_whoever_is_killed_nothing_is_lost_or_doubled(site: Site, seed: int) -> None:
    works, chance, site.lease = site.works, random.Random(seed), 4
    ports = [free_port(), free_port()]
    plant = Plant(works, seed=seed)
    servers = [site.server(port) for port in ports]
    urls = [url_of(server) for server in servers]
    workers = [site.worker(*urls[n % 2 :], *urls[: n % 2]) for n in range(3)]
    for batch in range(1, 4):
        run = works.launch()
        for _ in range(2):
            time.sleep(chance.uniform(0.5, 2.5))
            if chance.random() < 0.4:
                at = chance.randrange(2)
                kill(servers[at])
                servers[at] = site.server(ports[at])
            else:
                at = chance.randrange(3)
                kill(workers[at])
                workers[at] = site.worker(*urls)
        ended = site.wait(run, 120)
        while ended.state is not RunState.SUCCEEDED:
            # Killed three times at the same step: it is poisoned, and says so.
            assert "tried 3 times" in (ended.message or ""), said(works)
            ended = site.wait(works.launch(), 120)
        assert plant.shown() == batch
        plant.grow()
