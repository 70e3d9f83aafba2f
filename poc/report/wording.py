"""How the report writes numbers and texts: two languages side by side, intervals, money."""

import math

from markupsafe import Markup, escape

from poc.words import Text, both


def t(en, ja=None) -> Markup:
    """A text in both languages, escaped; the page shows one of them. `en` may be {"en", "ja"}."""
    if isinstance(en, dict):
        en, ja = en.get("en") or en.get("ja", ""), en.get("ja") or en.get("en", "")
    if ja is None or en == ja:
        return escape(en)
    return Markup('<span class="en" lang="en">{}</span><span class="ja" lang="ja">{}</span>').format(en, ja)


def percent(value: float | None, digits: int = 1) -> str:
    """A share as a percentage; an en dash where there is none."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.{digits}f}%"


def points(value: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * value:+.1f}".replace("-", "−")


def yen(value: float, currency: str = "JPY") -> Text:
    """An amount to the unit."""
    return _money(f"{abs(value):,.0f}", value < 0 and round(value) != 0, currency)


def about(value: float, currency: str = "JPY") -> Text:
    """An amount to two significant digits, as it is said aloud."""
    if value == 0:
        return yen(0, currency)
    step = 10 ** (math.floor(math.log10(abs(value))) - 1)
    rounded = round(abs(value) / step) * step
    if currency != "JPY" or rounded < 10_000:
        return _money(f"{rounded:,.0f}", value < 0, currency)
    unit, name = (1e8, "億") if rounded >= 1e8 else (1e4, "万")
    spoken = f"{rounded / unit:,.2f}".rstrip("0").rstrip(".")
    return both(_money(f"{rounded:,.0f}", value < 0, currency)["en"], f"{'−' if value < 0 else ''}{spoken}{name}円")


def _money(digits: str, negative: bool, currency: str) -> Text:
    sign = "−" if negative else ""
    if currency == "JPY":
        return both(f"{sign}¥{digits}", f"{sign}{digits}円")
    return both(f"{sign}{currency} {digits}", f"{sign}{digits} {currency}")


def span(low: Text, high: Text) -> Text:
    """From low to high."""
    return both(f"{low['en']} to {high['en']}", f"{low['ja']}～{high['ja']}")


def duration(seconds: float) -> Text:
    """Minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return both(f"{minutes} min {rest} s" if minutes else f"{rest} s", f"{minutes}分{rest}秒" if minutes else f"{rest}秒")
