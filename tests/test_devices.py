"""What a user agent tells: the type of device, its system and its browser."""

import gzip
import json
import statistics
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lacking import lacking
from transform.devices import AGENT_LIMIT, DEVICE_TYPES, Device, parse_device

AGENTS = Path(__file__).parents[2] / "shared" / "data" / "user_agents.jsonl.gz"

LAB_AGENT = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_13_6) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/68.0.3440.106 Safari/537.36"
)
ENGINE = "AppleWebKit/537.36 (KHTML, like Gecko)"
MOBILE_CHROME = f"{ENGINE} Chrome/124.0.0.0 Mobile Safari/537.36"
CHROME = f"{ENGINE} Chrome/124.0.0.0 Safari/537.36"
IOS_SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1"

BY_TYPE = {
    "desktop": [
        LAB_AGENT,
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME}",
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Edg/124.0.0.0",
        f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME}",
        "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0",
        "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
    ],
    "mobile": [
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) {IOS_SAFARI}",
        f"Mozilla/5.0 (Linux; Android 13; SM-S911B) {MOBILE_CHROME}",
        f"Mozilla/5.0 (Linux; Android 10; K) {MOBILE_CHROME}",
        f"Mozilla/5.0 (Linux; Android 13; Cubot X30) {MOBILE_CHROME}",
        "Mozilla/5.0 (Android 14; Mobile; rv:125.0) Gecko/125.0 Firefox/125.0",
        "Mozilla/5.0 (Mobile; Nokia 2720 Flip; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5.4",
        "SAMSUNG-SGH-X566",
        "SonyEricssonw580i/R4EA Java/SEMC-Java/2.0 Profile/MIDP-2.0 Configuration/CLDC-1.1",
    ],
    "tablet": [
        "Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
        f"Mozilla/5.0 (Linux; Android 13; SM-X200) {CHROME}",
        f"Mozilla/5.0 (Linux; Android 10; K) {CHROME}",
        f"Mozilla/5.0 (Linux; Android 9; Lenovo TB-X705L) {MOBILE_CHROME}",
        f"Mozilla/5.0 (Linux; Android 9; KFMAWI) {ENGINE} Silk/122.3 like Chrome/122.0 Safari/537",
    ],
    "tv": [
        f"Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) {ENGINE} Version/6.0 TV Safari/537.36",
        f"Mozilla/5.0 (Web0S; Linux/SmartTV) {CHROME} WebAppManager",
        "Roku/DVP-12.5 (12.5.0.4178-88)",
        "AppleTV11,1/11.1",
        f"Mozilla/5.0 (Linux; Android 9; AFTKA) {ENGINE} Silk/122.3 like Chrome/122.0 Safari/537",
        f"Mozilla/5.0 (Linux; Android 12; Chromecast) {CHROME} CrKey/1.56.500000",
        f"Mozilla/5.0 (Linux; Android 11; BRAVIA 4K VH2) {CHROME}",
    ],
    "bot": [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
        "Gecko) Version/17.4 Mobile Safari/604.1 (compatible; AdsBot-Google-Mobile; +http://g.co)",
        f"Mozilla/5.0 (X11; Linux x86_64) {ENGINE} HeadlessChrome/124.0.0.0 Safari/537.36",
        "curl/8.5.0",
        "python-requests/2.31.0",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    ],
    "other": [
        "",
        "Mozilla/5.0 (PlayStation; PlayStation 5/2.26) AppleWebKit/605.1.15 Safari/605.1.15",
        f"Mozilla/5.0 (Nintendo Switch; WifiWebAuthApplet) {ENGINE} NF/6.0.2.21.3 NintendoBrowser",
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) {CHROME} Edge/44.18363",
        "Mozilla/5.0 (X11; Linux x86_64; Quest 3) AppleWebKit/537.36 OculusBrowser/32.1 VR Safari",
        "VLC/3.0.20 LibVLC/3.0.20",
    ],
}

HOSTILE = [
    "a" * AGENT_LIMIT,
    "é" * AGENT_LIMIT,
    "\0" * AGENT_LIMIT,
    "9" * AGENT_LIMIT,
    "Mozilla/5.0 (" * 40,
    "Mozilla/5.0 (Linux; Android 9; " + "é;" * 300,
    "Android 4.0.3; en-us; " * 24,
    "(KHTML, like Gecko) Chrome/1.1.1.1 " * 15,
    "SM-;" * 128,
    "compatible; " * 43,
    "; 55" + "A" * 500,
]


def labelled_agents() -> list[tuple[str, str]]:
    """(agent, device type) of every shared agent whose device type is known."""
    if not AGENTS.exists():
        lacking("The shared user agents are not beside this checkout.")
    with gzip.open(AGENTS, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        (row["user_agent"], as_type(row["expected"]["device_class"]))
        for row in rows
        if "device_class" in row["expected"]
    ]


def as_type(device_class: str) -> str:
    return device_class if device_class in DEVICE_TYPES else "other"


def test_the_lab_s_agent_is_told_whole():
    assert parse_device(LAB_AGENT) == Device(
        device_type="desktop",
        device_brand="Apple",
        device_model="Mac",
        os_name="Mac OS X",
        os_version="10.13.6",
        browser_name="Chrome",
        browser_version="68.0.3440.106",
        is_bot=False,
    )


@pytest.mark.parametrize(
    ("device_type", "agent"),
    [(kind, agent) for kind, agents in BY_TYPE.items() for agent in agents],
)
def test_an_agent_has_its_type_and_only_bots_are_bots(device_type, agent):
    device = parse_device(agent)
    assert (device.device_type, device.is_bot) == (device_type, device_type == "bot")


@pytest.mark.parametrize("agent", [None, "", "   "])
def test_no_agent_is_an_unknown_device_and_not_a_bot(agent):
    unknown = Device("other", None, None, None, None, None, None, is_bot=False)
    assert parse_device(agent) == unknown


def test_a_model_is_told_and_chrome_s_reduced_agent_has_none():
    told = parse_device(f"Mozilla/5.0 (Linux; Android 13; SM-S911B) {MOBILE_CHROME}")
    reduced = parse_device(f"Mozilla/5.0 (Linux; Android 10; K) {MOBILE_CHROME}")
    assert (told.device_brand, told.device_model) == ("Samsung", "SM-S911B")
    assert (reduced.device_brand, reduced.device_model) == (None, None)


def test_only_the_first_512_characters_count():
    head = LAB_AGENT.ljust(AGENT_LIMIT)
    assert parse_device(head + " Googlebot/2.1") == parse_device(LAB_AGENT)


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=600))
def test_any_text_has_one_of_the_six_types(agent):
    device = parse_device(agent)
    assert device.device_type in DEVICE_TYPES
    assert device.is_bot == (device.device_type == "bot")


@pytest.mark.parametrize("agent", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_agent_costs_at_most_five_milliseconds(agent):
    parse_device("warm")
    # A prefix that differs keeps the cache out of it.
    times = [seconds_for(f"{repeat:02}{agent}") for repeat in range(9)]
    assert statistics.median(times) < 0.005


def seconds_for(agent: str) -> float:
    started = time.perf_counter()
    parse_device(agent)
    return time.perf_counter() - started


def test_95_of_100_real_agents_have_their_type():
    agents = labelled_agents()
    right = sum(parse_device(agent).device_type == kind for agent, kind in agents)
    assert right / len(agents) >= 0.95


def test_next_to_no_real_browser_is_taken_for_a_bot():
    people = [agent for agent, kind in labelled_agents() if kind != "bot"]
    taken = sum(parse_device(agent).is_bot for agent in people)
    assert taken / len(people) < 0.005
