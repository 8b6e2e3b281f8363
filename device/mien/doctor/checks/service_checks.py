"""The service: installed, running, how it last ended, and the groups of its user."""

from __future__ import annotations

from collections.abc import Mapping

from mien.doctor.facts import ServiceFacts
from mien.doctor.running import UNIT, find_daemon
from mien.doctor.subject import Subject
from mien.doctor.verdict import Check, CheckGroup, Verdict, advice, bad, good, skipped

_PROPERTIES = (
    *("LoadState", "ActiveState", "SubState", "UnitFileState", "Result", "ExecMainCode", "ExecMainStatus", "NRestarts"),
    *("StatusText", "User"),
)
_JOURNAL = "journalctl -u mien -n 50 shows why"
_MANY_RESTARTS = 5
_GROUPS = ("video", "render")
_ENABLED = ("enabled", "enabled-runtime", "static")
_EXITED, _KILLED = "1", ("2", "3")  # CLD_EXITED; CLD_KILLED and CLD_DUMPED of waitid(2)
_STOP_SIGNALS = ("0", "2", "15")  # SIGINT and SIGTERM

_EXIT_CODES = {
    "1": ("an unexpected error", f"{_JOURNAL}; please report it with mien doctor --report FILE"),
    "2": ("a wrong command line", "systemctl cat mien shows its ExecStart"),
    "3": ("a broken configuration", "mien config check, then sudo systemctl restart mien"),
    "4": ("a camera that does not work", "see the line 'camera' above, then sudo systemctl restart mien"),
    "5": (
        "a broken model file or runtime",
        "see the lines 'model' and 'runtime' above, then sudo systemctl restart mien",
    ),
    "6": (
        "a remote service that refuses",
        "see the lines 'broker' and 'player' above, then sudo systemctl restart mien",
    ),
}
"""How the daemon's exit codes are explained, and what to do."""

_RESULTS = {
    "watchdog": ("systemd ended it, since no frame came for too long.", "see the lines 'camera' and 'frames' above"),
    "oom-kill": ("The kernel ended it for lack of memory.", "close other programs, or add swap space"),
}
"""systemd's word for the last end: a sentence, and the cure."""


def gather(subject: Subject) -> ServiceFacts:
    """Read systemd's view of the unit."""
    system = subject.system
    facts = ServiceFacts(daemon=find_daemon(system))
    facts.present = bool(system.glob("/run/systemd/system"))
    done = system.run("systemctl", "show", UNIT, f"--property={','.join(_PROPERTIES)}") if facts.present else None
    if done is None or done.code != 0:
        facts.present = False
        return facts
    for line in done.out.splitlines():
        name, equals, value = line.partition("=")
        if equals:
            facts.properties[name] = value
    groups = system.groups_of(facts.properties.get("User") or "mien")
    facts.groups = None if groups is None else sorted(groups)
    return facts


def check_service(facts: ServiceFacts) -> Verdict:
    """Check that the service is installed and runs."""
    if not facts.present:
        return skipped("This machine does not run systemd, so that there is no service.")
    load = facts.properties.get("LoadState", "loaded")
    if load == "not-found" and facts.daemon:
        return good(f"mien runs (process {facts.daemon}), but not as a service.")
    if load == "not-found":
        return advice(
            "The service is not installed, so that mien does not start with the machine.", "sudo systemd/install.sh"
        )
    if load != "loaded":
        return bad(f"systemd cannot load the unit ({load}).", f"systemd-analyze verify {UNIT} shows why")
    return _judge_activity(facts.properties)


def _judge_activity(properties: Mapping[str, str]) -> Verdict:
    """Return the verdict on an installed unit, by whether it runs."""
    state, status = properties.get("ActiveState"), properties.get("StatusText", "")
    if state in ("active", "reloading"):
        if properties.get("UnitFileState") not in _ENABLED:
            return advice("It runs, but does not start with the machine.", "sudo systemctl enable mien")
        return good(f"It runs ({status})." if status else "It runs.")
    if state == "activating":
        return advice(
            f"It is starting ({properties.get('SubState', '')}).",
            f"wait a minute and run mien doctor again; {_JOURNAL}",
        )
    if state == "failed":
        return bad("It has failed.", f"sudo systemctl restart mien; {_JOURNAL}")
    return advice("It does not run.", "sudo systemctl enable --now mien")


def check_last_exit(facts: ServiceFacts) -> Verdict:
    """Check how the service ended last."""
    known = facts.properties
    if not facts.present or known.get("LoadState") == "not-found":
        return skipped("There is no service.")
    if known.get("Result") in _RESULTS:
        return bad(*_RESULTS[known["Result"]])
    code, how = known.get("ExecMainStatus", "0"), known.get("ExecMainCode")
    if how in _KILLED and code not in _STOP_SIGNALS:
        return bad(f"It crashed (signal {code}).", f"{_JOURNAL}; please report it with mien doctor --report FILE")
    if how == _EXITED and code in _EXIT_CODES:
        meaning, cure = _EXIT_CODES[code]
        return bad(f"It ended with exit code {code}, {meaning}.", cure)
    restarts = known.get("NRestarts", "0")
    if restarts.isdecimal() and int(restarts) > _MANY_RESTARTS:
        return advice(f"It was started again {restarts} times.", _JOURNAL)
    return good("Its last end was no failure.")


def check_service_user(facts: ServiceFacts) -> Verdict:
    """Check that the service's user may use the camera."""
    if not facts.present or facts.properties.get("LoadState") == "not-found":
        return skipped("There is no service.")
    user = facts.properties.get("User") or "mien"
    if facts.groups is None:
        return bad(f"There is no user {user}, as whom the service runs.", "sudo systemd-sysusers")
    if missing := [group for group in _GROUPS if group not in facts.groups]:
        return bad(
            f"The user {user} is not in group {' and '.join(missing)}, to which cameras belong.",
            f"sudo usermod -aG {','.join(missing)} {user}, then sudo systemctl restart mien",
        )
    return good(f"The user {user} may use cameras.")


GROUP = CheckGroup(
    gather,
    {
        "service": Check(check_service),
        "last exit": Check(check_last_exit),
        "service user": Check(check_service_user),
    },
)
