"""The player: the login and its days left, and the device to play on."""

from __future__ import annotations

from mien.doctor.facts import PlayerFacts
from mien.doctor.probes.player_probe import probe_player
from mien.doctor.subject import Subject
from mien.doctor.verdict import Check, CheckGroup, Verdict, advice, bad, good, skipped

LOGIN = "mien spotify login"
FEW_DAYS = 14
"""Days before the end of the consent from which on a new login is recommended."""

_CURES = {
    "not logged in": LOGIN,
    "consent ended": LOGIN,
    "no Premium": f"{LOGIN} with a Premium account",
    "not registered": "add the user under User Management in the Spotify Developer Dashboard",
    "offline": "check the network (ping -c1 api.spotify.com), then run mien doctor again",
    "unusable": "run this command as the user who logged in",
}


def gather(subject: Subject) -> PlayerFacts:
    """Make two requests, where music is on."""
    assert subject.state is not None
    return probe_player(subject.config, subject.state)


def check_player(facts: PlayerFacts) -> Verdict:
    """Check that Spotify is reached and accepts the login."""
    if not facts.enabled:
        return skipped("Music is off ([music] enabled).")
    if facts.state == "ready":
        return good("Spotify accepts the login.")
    sentence = facts.sentence.partition(": ")[0].rstrip(".")
    cure = _CURES.get(facts.state, f"wait, then run {'mien spotify status'}")
    return bad(f"{sentence}.", cure) if facts.needs_person or facts.state == "offline" else advice(f"{sentence}.", cure)


def check_consent(facts: PlayerFacts) -> Verdict:
    """Check for how long the consent holds."""
    days = facts.days_left
    if days is None:
        return skipped("It is not known when the consent ends.")
    if days < FEW_DAYS:
        return advice(f"The consent to Spotify ends in {max(0, days)} days.", LOGIN)
    return good(f"The consent to Spotify holds for about {days} days.")


def check_player_device(facts: PlayerFacts) -> Verdict:
    """Check that there is a device to play on, and the configured one."""
    names = [name for name, _ in facts.devices]
    if facts.wanted and not any(facts.wanted in device for device in facts.devices):
        known = f" (there: {', '.join(names)})" if names else ""
        return advice(
            f"Spotify does not list the device {facts.wanted}{known}.",
            "switch it on, or set [spotify] device to one of 'mien spotify devices'",
        )
    if not names:
        return advice("Spotify lists no device.", "open Spotify on one, or start raspotify on this Pi")
    return good(f"Spotify lists {facts.wanted or ', '.join(names)}.")


GROUP = CheckGroup(
    gather,
    {
        "player": Check(check_player),
        "consent": Check(check_consent, ("player",)),
        "player device": Check(check_player_device, ("player",)),
    },
    needs=("configuration", "state"),
)
