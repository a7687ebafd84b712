"""A day with the interface: log in, run, promote, fail, look, mend, look back, roll back.

The tests follow each other: each goes on where the one before it stopped.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.cast import PASSWORD, PHONE, Kitchen, opened, settled

pytestmark = [pytest.mark.browser, pytest.mark.timeout(200)]
LONG = 90_000


def who(kitchen: Kitchen) -> str:
    """The name of the first admin."""
    found = json.loads(kitchen.galley("users", "--json"))
    return str(found["users"][0]["user"])


def run_pipeline(page: Page, window: str) -> None:
    """Ask for a run of `delays` where the page is, and go to it."""
    page.get_by_role("button", name=re.compile("^Run")).click()
    page.get_by_label("Pipeline").last.select_option("delays")
    page.get_by_label("Window").fill(window)
    plan = page.get_by_role("region", name="Plan")
    expect(plan).to_contain_text(f"1 window missing ({window[:10]}..", timeout=LONG)
    expect(plan).not_to_contain_text("windows missing")
    page.get_by_role("button", name=re.compile("^Run in ")).click()
    page.wait_for_url(re.compile("/runs/"))


def test_nobody_comes_in_without_a_password(browser: Browser, kitchen: Kitchen, admin: Any) -> None:
    with opened(browser, kitchen.url) as (page, _):
        page.goto("/p/flights/runs?state=failed")
        page.get_by_label("Name").fill(who(kitchen))
        page.get_by_label("Password").fill("guess")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_be_visible()
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", name="Runs")).to_be_visible()
        expect(page).to_have_url(re.compile("state=failed"))
        page.get_by_role("button", name="You are").click()
        page.get_by_role("menuitem", name="Log out").click()
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_first_run(page: Page) -> None:
    page.goto("/")
    expect(page).to_have_url(re.compile("ref=kitchen"))
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("p")
    page.get_by_role("link", name="delays").click()
    expect(page.get_by_role("button", name=re.compile("raw_flights"))).to_be_visible()
    run_pipeline(page, "2013-12-30..2013-12-31")
    expect(page.get_by_label("What came of it")).to_contain_text("Published to", timeout=LONG)
    expect(page.get_by_role("list", name="Steps").get_by_role("button")).to_have_count(14)


def test_a_promotion_shows_its_plan_and_is_watched(page: Page) -> None:
    page.goto("/p/flights/environments")
    page.get_by_role("button", name="Promote", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("15 steps arrive for the first time")
    expect(dialog.get_by_role("table", name="Differences")).to_contain_text("added")
    dialog.get_by_role("button", name="Promote to production").click()
    page.wait_for_url(re.compile("/runs/"))
    expect(page.get_by_label("What came of it")).to_contain_text("Published to", timeout=LONG)
    page.get_by_role("link", name="Metrics").click()
    expect(page.get_by_role("table", name="Measured columns")).to_contain_text("late_share")
    page.goto("/p/flights/environments")
    expect(page.get_by_role("table", name="Versions of the project")).to_contain_text("production")


def test_a_bad_day_fails_and_shows_its_rows(page: Page, kitchen: Kitchen) -> None:
    kitchen.deliver("bad_day")
    page.goto("/")
    expect(page).not_to_have_url(re.compile("ref="))
    page.get_by_role("link", name="Runs").click()
    run_pipeline(page, "2013-12-31")
    verdict = page.get_by_label("What came of it")
    expect(verdict).to_contain_text("failed and stopped the run", timeout=LONG)
    verdict.get_by_role("link", name="unique_flight_id").click()
    rows = page.get_by_role("table", name="Failing rows of unique_flight_id")
    expect(rows.get_by_role("row")).not_to_have_count(1)
    expect(rows).to_contain_text("2013-12-31-")


def test_the_mended_day_is_published(page: Page, kitchen: Kitchen) -> None:
    kitchen.deliver("good_day")
    page.goto("/p/flights/runs?state=failed")
    page.get_by_role("table", name="Runs").get_by_role("link", name="delays").click()
    page.get_by_role("button", name="Resume").click()
    plan = page.get_by_role("region", name="Plan")
    expect(plan).to_contain_text("(2013-12-31..", timeout=LONG)
    expect(plan).not_to_contain_text("2013-11")
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    expect(page.get_by_label("What came of it")).to_contain_text("Published to", timeout=LONG)
    steps = page.get_by_role("list", name="Steps")
    steps.get_by_role("button", name=re.compile(" flights ")).click()
    expect(page.get_by_label("Step flights")).to_contain_text("Computed in")


def test_a_table_as_it_was(page: Page) -> None:
    page.goto("/p/flights/tables")
    tables = page.get_by_role("table", name="Tables").get_by_role("row")
    tables.first.get_by_role("link", name="Rows").click()
    expect(tables.nth(1)).to_contain_text("raw_flights")
    expect(page).to_have_url(re.compile("sort=-rows"))
    page.get_by_role("link", name="daily_delay", exact=True).click()
    page.get_by_role("link", name="Versions").click()
    versions = page.get_by_role("table", name="Versions")
    expect(versions.get_by_role("row")).to_have_count(3)
    versions.get_by_role("link", name="See it then").last.click()
    expect(page.get_by_role("status")).to_contain_text("as it was at commit")
    expect(page.get_by_role("table", name="Rows of daily_delay")).not_to_contain_text("2013-12-31")
    page.get_by_role("link", name="Back to the present").click()
    expect(page.get_by_role("table", name="Rows of daily_delay")).to_contain_text("2013-12-31")


def test_a_question_in_sql(page: Page) -> None:
    page.goto("/p/flights/sql?q=SELECT count(*) AS n FROM flights WHERE date = '2013-12-31'")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("table", name="Answer")).to_contain_text("776")


def test_a_pipeline_says_when_it_runs_by_itself(page: Page) -> None:
    page.goto("/p/flights/pipelines/delays?tab=runs")
    expect(page.get_by_text("30 5 * * * America/New_York")).to_be_visible()
    page.get_by_role("button", name=re.compile("3 runs, of them 1 promotion, failed")).click()
    rows = page.get_by_role("table", name="Runs").get_by_role("row")
    expect(rows).to_have_count(4)
    expect(rows.last).to_contain_text("promotion")
    expect(rows.last).to_contain_text("15/15")
    page.get_by_role("link", name="Tests").click()
    expect(page.get_by_role("table", name="Tests").get_by_role("row").nth(1)).to_contain_text(
        "warn"
    )


def test_rolling_back_shows_its_plan_and_wants_a_reason(page: Page) -> None:
    later = ask_back(page.context.new_page())
    dialog = ask_back(page)
    expect(dialog.get_by_label("Why")).to_be_focused()
    go = dialog.get_by_role("button", name="Roll production back")
    expect(go).to_be_disabled()
    dialog.get_by_label("Why").fill("the airport asks for a recount")
    go.click()
    history = page.get_by_role("list", name="History").get_by_role("listitem")
    expect(history.first).to_contain_text("the airport asks for a recount")
    page.goto("/p/flights")
    expect(page.get_by_label("What needs somebody")).to_contain_text("was taken back")
    later.get_by_label("Why").fill("I was slower")
    go = later.get_by_role("button", name="Roll production back")
    go.click()
    expect(later.get_by_role("alert")).to_contain_text("has moved since")
    expect(go).to_be_disabled()
    later.get_by_role("button", name="Look at it again").click()
    expect(later).to_contain_text("would be taken back")
    expect(go).to_be_enabled()


def ask_back(page: Page) -> Locator:
    """Ask what would be taken back of production, and go no further."""
    page.goto("/p/flights/environments/production")
    page.get_by_role("button", name="Take the last publish back").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 commit would be taken back")
    return dialog


def test_what_was_taken_back_is_released(page: Page) -> None:
    page.goto("/p/flights/environments/production")
    release = page.get_by_role("button", name="Release")
    expect(release.first).to_be_visible()
    held = release.count()
    release.first.click()
    page.get_by_role("dialog").get_by_role("button", name="Release").click()
    expect(release).to_have_count(held - 1)


def test_the_keyboard_is_enough_to_start(page: Page) -> None:
    page.goto("/p/flights/settings")
    settled(page)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Search")).to_be_focused()
    page.keyboard.type("delays")
    expect(page.get_by_role("option", selected=True)).to_contain_text("pipeline")
    page.keyboard.press("Enter")
    run = page.get_by_role("button", name="Run", exact=True)
    run.press("Enter")
    expect(page.get_by_label("Pipeline").last).to_be_focused()
    page.keyboard.press("Escape")
    expect(run).to_be_focused()


def test_a_page_waits_for_a_server_that_is_away(
    browser: Browser, kitchen: Kitchen, admin: Any
) -> None:
    away = re.compile("/health$|/assets/Settings")
    with opened(browser, kitchen.url, storage_state=admin) as (page, _):
        page.context.route(away, lambda route: route.abort("connectionrefused"))
        page.goto("/p/flights/runs")
        settled(page)
        with page.expect_request(re.compile("/health$")):
            page.get_by_role("link", name="Settings").click()
        expect(page.get_by_role("heading", name="Runs")).to_be_visible()
        page.context.unroute(away)
        expect(page.get_by_role("heading", name="Settings")).to_be_visible()


def test_a_session_that_ends_leads_to_the_door_and_back(
    browser: Browser, kitchen: Kitchen, admin: Any
) -> None:
    with opened(browser, kitchen.url, storage_state=admin) as (page, _):
        page.goto("/p/flights/runs")
        settled(page)
        page.context.clear_cookies()
        page.get_by_role("link", name="Tables").click()
        expect(page.get_by_role("status")).to_contain_text("Your session has ended")
        page.get_by_label("Name").fill(who(kitchen))
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", name="Tables")).to_be_visible()


def test_theme_is_kept_and_nothing_overflows_a_phone(page: Page) -> None:
    page.set_viewport_size(PHONE)
    page.goto("/p/flights/tables/flights")
    page.get_by_role("button", name="Dark theme").click()
    for place in ("", "/runs", "/pipelines/delays", "/tables/flights", "/environments/production"):
        page.goto(f"/p/flights{place}")
        settled(page)
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], place
    page.get_by_role("button", name="Open the menu").click()
    page.get_by_role("link", name="Workers").click()
    expect(page.get_by_role("heading", name="Workers")).to_be_visible()


def test_pages_are_accessible(page: Page, axe: str) -> None:
    for place in ("", "/runs", "/pipelines/delays?tab=runs", "/tables/flights", "/sql"):
        page.emulate_media(color_scheme="light")
        page.goto(f"/p/flights{place}")
        settled(page)
        page.evaluate(axe)
        assert wrong(page, "['wcag2a', 'wcag2aa', 'wcag21aa']") == [], place
        page.keyboard.press("t")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert wrong(page, "['color-contrast']") == [], place
        page.keyboard.press("t")


def wrong(page: Page, rules: str) -> list[tuple[str, str]]:
    """What axe does not like."""
    found = page.evaluate(f"axe.run({{runOnly: {rules}}})")
    return [(one["id"], one["nodes"][0]["html"][:200]) for one in found["violations"]]


def test_a_viewer_is_told_why_not(browser: Browser, kitchen: Kitchen, admin: Any) -> None:
    told = kitchen.galley("users", "add", "cleo", "--role", "viewer", "--json")
    with opened(browser, kitchen.url) as (page, _):
        page.goto(f"/welcome#{json.loads(told)['link']}")
        page.get_by_label("Choose a password").fill(PASSWORD[::-1])
        page.get_by_label("Once more").fill(PASSWORD[::-1])
        page.get_by_role("button", name="Go in").click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        page.goto("/p/flights/environments")
        page.get_by_role("button", name="Promote", exact=True).click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("alert")).to_contain_text("cleo")
        expect(dialog.get_by_role("button", name="Promote to production")).to_be_disabled()


def test_an_address_that_is_wrong_names_the_nearest(
    browser: Browser, kitchen: Kitchen, admin: Any
) -> None:
    with opened(browser, kitchen.url, storage_state=admin) as (page, _):
        page.goto("/p/flights/tables/fligths")
        expect(page.get_by_role("heading", name="fligths")).to_be_visible()
        page.get_by_role("alert").get_by_role("link", name="flights").click()
        expect(page.get_by_role("heading", name="flights")).to_be_visible()


def test_a_form_is_filled_in_and_started(browser: Browser, kitchen: Kitchen, admin: Any) -> None:
    with opened(browser, kitchen.url, storage_state=admin) as (page, _):
        page.goto("/p/flights/triggers")
        page.get_by_role("button", name="Start delays.again").click()
        dialog = page.get_by_role("dialog")
        fire = dialog.get_by_role("button", name="Fire")
        expect(fire).to_be_disabled()
        dialog.get_by_label("Late after minutes").fill("200")
        fire.click()
        expect(dialog.get_by_role("alert")).to_contain_text("120")
        dialog.get_by_label("Late after minutes").fill("20")
        fire.click()
        page.wait_for_url(re.compile("/runs/"))
        expect(page.get_by_text("trigger by")).to_be_visible()
