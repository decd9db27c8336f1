"""Recognizes requests that no person made by opening a link: chats and mail readers that preview it, and crawlers.

They identify themselves by words in their User-Agent, or ask for a preview in a header. Some pretend to be a browser,
such as the scanners of mail servers and some antivirus programs: those are counted as clicks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

USER_AGENTS: Mapping[str, str] = {
    "facebookexternalhit": "https://developers.facebook.com/docs/sharing/webmasters/web-crawlers",
    "facebot": "https://developers.facebook.com/docs/sharing/webmasters/web-crawlers",
    "meta-external": "https://developers.facebook.com/docs/sharing/webmasters/web-crawlers",
    "twitterbot": "https://developer.x.com/en/docs/x-for-websites/cards/guides/getting-started",
    "whatsapp": "https://developers.facebook.com/docs/whatsapp/link-previews",
    "telegrambot": "https://core.telegram.org/bots/webhooks",
    "slackbot": "https://api.slack.com/robots",
    "slack-imgproxy": "https://api.slack.com/robots",
    "discordbot": "https://discord.com/developers/docs/reference",
    "linkedinbot": "https://www.linkedin.com/robots.txt",
    "skypeuripreview": "https://learn.microsoft.com/skype-sdk/skypeuris/skypeuriapireference_uris",
    "pinterestbot": "https://help.pinterest.com/en/business/article/pinterest-crawler",
    "applebot": "https://support.apple.com/en-us/119829",
    "googlebot": "https://developers.google.com/search/docs/crawling-indexing/overview-google-crawlers",
    "google-pagerenderer": "https://developers.google.com/search/docs/crawling-indexing/overview-google-crawlers",
    "googlemessages": "https://developers.google.com/search/docs/crawling-indexing/overview-google-crawlers",
    "bingbot": "https://www.bing.com/webmasters/help/which-crawlers-does-bing-use-8c184ec0",
    "bingpreview": "https://www.bing.com/webmasters/help/which-crawlers-does-bing-use-8c184ec0",
    "duckduckbot": "https://duckduckgo.com/duckduckgo-help-pages/results/duckduckbot",
    "yandex": "https://yandex.com/support/webmaster/robot-workings/check-yandex-robots.html",
}
"""Words of User-Agents in lower case, each with the page of its maker. iMessage calls itself facebookexternalhit,
Facebot and Twitterbot when it previews a link."""

_PREVIEW_HEADERS = ("Purpose", "Sec-Purpose", "X-Purpose", "X-Moz")
_PREVIEW_VALUES = ("prefetch", "preview")


def is_preview(header: Callable[[str], str | None]) -> bool:
    """Returns whether a request is no click. `header` returns the value of a header of the request."""
    user_agent = (header("User-Agent") or "").lower()
    if any(word in user_agent for word in USER_AGENTS):
        return True
    values = ((header(name) or "").lower() for name in _PREVIEW_HEADERS)
    return any(word in value for value in values for word in _PREVIEW_VALUES)
