"""Quiet hours: a span of the local day in which mien starts no music."""

from __future__ import annotations

from datetime import datetime


def is_quiet(span: str, now: float) -> bool:
    """True if the wall-clock second lies in the span "HH:MM-HH:MM", which may pass midnight; "" is never."""
    if not span:
        return False
    start, end = span.split("-")
    time = f"{datetime.fromtimestamp(now).astimezone():%H:%M}"
    return start <= time < end if start <= end else time >= start or time < end
