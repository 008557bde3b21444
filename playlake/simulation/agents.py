"""The user agents that watch: real ones, with what an honest person says of each.

Taken from top-user-agents (MIT), WinFuture23/real-world-user-agents (CC0-1.0),
monperrus/crawler-user-agents (MIT) and ua-parser/uap-core (Apache-2.0). OS and browser are named as
ua-parser names its families. Only agents that leave no doubt about the device are here.
"""

from typing import NamedTuple


class Platform(NamedTuple):
    """What the reports say about a device. A bot's OS is often unknown: the empty text."""

    device_type: str
    os_name: str
    browser_name: str

    @property
    def is_bot(self) -> bool:
        return self.device_type == "bot"


class Agent(NamedTuple):
    user_agent: str
    platform: Platform


# device type | OS family | browser family | user agent, the most used first.
_TABLE = """\
mobile|Android|Chrome Mobile|Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/151.0.0.0 Mobile Safari/537.36
desktop|Windows|Chrome|Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/151.0.0.0 Safari/537.36
mobile|iOS|Mobile Safari|Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.6 Mobile/15E148 Safari/604.1
desktop|Windows|Firefox|Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:154.0) Gecko/20100101 Firefox/154.0
desktop|Windows|Edge|Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/151.0.0.0 Safari/537.36 Edg/151.0.0.0
mobile|Android|Samsung Internet|Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/30.0 Chrome/143.0.0.0 Mobile Safari/537.36
desktop|Mac OS X|Chrome|Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36
tablet|iOS|Mobile Safari|Mozilla/5.0 (iPad; CPU OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.6.1 Mobile/15E148 Safari/604.1
tv|Web0S|Safari|Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.41 (KHTML, like Gecko) Large Screen WebAppManager Safari/537.41
desktop|Mac OS X|Safari|Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.6 Safari/605.1.15
mobile|iOS|Chrome Mobile iOS|Mozilla/5.0 (iPhone; CPU iPhone OS 26_6_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/151.0.7922.112 Mobile/15E148 Safari/604.1
tv|Chromecast Linux|Chrome|Mozilla/5.0 (X11; Linux armv7l) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/90.0.4430.225 Safari/537.36 CrKey/1.56.500000 DeviceType/Chromecast
desktop|Linux|Chrome|Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/151.0.0.0 Safari/537.36
tablet|Android|Chrome|Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/151.0.0.0 Safari/537.36
mobile|iOS|Google|Mozilla/5.0 (iPhone; CPU iPhone OS 26_6_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) GSA/434.2.961627397 Mobile/15E148 Safari/604.1
desktop|Windows|Chrome|Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36
mobile|Android|Firefox Mobile|Mozilla/5.0 (Android 17; Mobile; rv:153.0) Gecko/153.0 Firefox/153.0
desktop|Linux|Firefox|Mozilla/5.0 (X11; Linux x86_64; rv:154.0) Gecko/20100101 Firefox/154.0
mobile|iOS|Mobile Safari|Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1
tv|Roku|Roku|Roku/DVP-6.2 (096.02E06005A)
desktop|Windows|Opera|Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36 OPR/134.0.0.0
mobile|Android|Chrome Mobile|Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Mobile Safari/537.36
desktop|Mac OS X|Edge|Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/151.0.0.0 Safari/537.36 Edg/151.0.0.0
tablet|iOS|Chrome Mobile iOS|Mozilla/5.0 (iPad; CPU OS 26_6_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/151.0.7922.112 Mobile/15E148 Safari/604.1
desktop|Mac OS X|Firefox|Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:154.0) Gecko/20100101 Firefox/154.0
mobile|iOS|Mobile Safari UI/WKWebView|Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148
tv|Chromecast Android|Chrome|Mozilla/5.0 (Linux; Android 12.0; Build/STTL.240206.002) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/92.0.4515.0 Safari/537.36 CrKey/1.56.500000 DeviceType/AndroidTV
mobile|Android|Edge Mobile|Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/151.0.0.0 Mobile Safari/537.36 EdgA/151.0.0.0
desktop|Chrome OS|Chrome|Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36
mobile|Android|Opera Mobile|Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0 Mobile Safari/537.36 OPR/100.0.0.0
desktop|Ubuntu|Firefox|Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0
mobile|iOS|Firefox iOS|Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/154.0 Mobile/15E148 Safari/604.1
tablet|iOS|Google|Mozilla/5.0 (iPad; CPU OS 26_6_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) GSA/434.2.961627397 Mobile/15E148 Safari/604.1
desktop|Mac OS X|Opera|Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0 Safari/537.36 OPR/133.0.0.0
tv|Linux|Vewd Browser|Mozilla/5.0 (Linux; Andr0id 12; BRAVIA 4K VH2) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/127.0.6533.120 Safari/537.36 OMI/4.25.1.92.StableAVB_Sony.1
mobile|iOS|Edge Mobile|Mozilla/5.0 (iPhone; CPU iPhone OS 26_6_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) EdgiOS/151.0.4129.96 Version/26.0 Mobile/15E148 Safari/604.1
desktop|Windows|Yandex Browser|Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 YaBrowser/26.6.0.0 Safari/537.36
mobile|Android|Chrome Mobile WebView|Mozilla/5.0 (Linux; Android 13; SM-N981N Build/TP1A.220624.014;) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/150.0.7871.181 Mobile Safari/537.36 Zalo android/260701901 ZaloTheme/dark ZaloLanguage/vi
tablet|Android|Opera Touch|Mozilla/5.0 (Linux; Android 16; SM-X115 Build/BP2A.250605.031.A3) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/145.0.7632.79 Safari/537.36 OPT/2.9
desktop|Windows|Firefox|Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0
mobile|iOS|DuckDuckGo Mobile|Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.6 Mobile/15E148 Safari/604.1 Ddg/26.6
tv|Philips|HbbTV|Opera/9.80 (Linux armv7l;  HbbTV/1.1.1 (; Philips; ; ; PHILIPSTV; ) CE-HTML/1.0 NETTV/4.3.1 PHILIPSTV/2.1.1 Firmware/003.001.000.001 (PhilipsTV, 2.1.1,) en) Presto/2.12.362 Version/12.11
desktop|Linux|Firefox|Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0
mobile|Android|Ecosia Android|Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Mobile Safari/537.36 (Ecosia android@150.0.0.0)
tablet|Android|Opera|Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0 Safari/537.36 OPR/100.0.0.0
desktop|Windows|Firefox|Mozilla/5.0 (Windows NT 6.1; rv:109.0) Gecko/20100101 Firefox/115.0
tv|Samsung|HbbTV|HbbTV/1.1.1 (;Samsung;SmartTV2013;T-FXPDEUC-1102.2;;) WebKit
mobile|Android|Chrome Mobile|Mozilla/5.0 (Linux; Android 12; Pixel 6) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Mobile Safari/537.36
tv|Sony|HbbTV|Opera/9.80 (Linux armv7l;  HbbTV/1.1.1 (; Sony; KDL42W805A; PKG3.208EUA; 2013;); ) Presto/2.12.362 Version/12.11
tablet|iOS|Edge Mobile|Mozilla/5.0 (iPad; CPU OS 12_5_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.0 EdgiOS/46.3.26 Mobile/15E148 Safari/605.1.15
desktop|Windows|Chrome|Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/109.0.0.0 Safari/537.36
bot||Googlebot|Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)
bot||bingbot|Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)
bot||YandexBot|Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)
bot||AhrefsBot|Mozilla/5.0 (compatible; AhrefsBot/6.1; +http://ahrefs.com/robot/)
bot||Applebot|Mozilla/5.0 (compatible; Applebot/0.3; +http://www.apple.com/go/applebot)
bot||SemrushBot|Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)
bot||CCBot|CCBot/2.0 (https://commoncrawl.org/faq/)
bot||MJ12bot|Mozilla/5.0 (compatible; MJ12bot/v1.4.8; http://mj12bot.com/)
bot||DuckDuckBot|DuckDuckBot/1.0; (+http://duckduckgo.com/duckduckbot.html)
bot||FacebookBot|facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)
bot||Twitterbot|Twitterbot/1.0
bot||archive.org_bot|Mozilla/5.0 (compatible; archive.org_bot; Wayback Machine Live Record; +http://archive.org/details/archive.org_bot)
"""  # noqa: E501


def _read(row: str) -> Agent:
    device_type, os_name, browser_name, user_agent = row.split("|")
    return Agent(user_agent, Platform(device_type, os_name, browser_name))


AGENTS = tuple(_read(row) for row in _TABLE.splitlines())
BOTS = tuple(agent for agent in AGENTS if agent.platform.is_bot)
DEVICES = tuple(agent for agent in AGENTS if not agent.platform.is_bot)
