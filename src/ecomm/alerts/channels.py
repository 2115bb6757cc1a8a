"""How an event is told: to the log, to a program, to a server, by mail and chat."""

from __future__ import annotations

import json
import shlex
import subprocess
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import structlog

from ecomm.errors import StorageError, UsageError
from ecomm.settings import Alerts

log = structlog.get_logger()

_PATIENCE = 10.0  # seconds; for a program or a server that is told
Event = Mapping[str, Any]
"""An event as JSON: event, key, rule, subject, sentence, batch, since, until, at."""
Channel = Callable[[Event], None]


def channels_of(said: Alerts) -> dict[str, Channel]:
    """How events are told, by the settings; a channel's name holds no secret."""
    found: dict[str, Channel] = {"log": _log}
    if said.command:
        found["command"] = partial(_command, said.command)
    if said.webhook:
        found["webhook"] = partial(_webhook, said.webhook)
    return found | {f"apprise {n}": partial(_apprise, url) for n, url in enumerate(said.apprise, 1)}


def tell(name: str, channel: Channel, events: Sequence[Event]) -> Sequence[Event]:
    """Tell events in their order; those that are left when the channel fails."""
    for told, event in enumerate(events):
        try:
            channel(event)
        except Exception as error:  # of another's program or server; its words may hold an address with a password
            log.warning("alert_not_told", channel=name, error=type(error).__name__, events=len(events) - told)
            return events[told:]
    return []


def _log(event: Event) -> None:
    log.warning("alert", **{("what" if key == "event" else key): value for key, value in event.items()})


def _text(event: Event) -> str:
    return str(event["sentence"]) if event["event"] == "fired" else f"Over: {event['sentence']}"


def _command(command: str, event: Event) -> None:
    """The event as JSON on its input; exit code 0 means that it was told."""
    subprocess.run(
        shlex.split(command),
        input=json.dumps(event),
        text=True,
        check=True,
        timeout=_PATIENCE,
        stdout=subprocess.DEVNULL,
    )


def _webhook(url: str, event: Event) -> None:
    """The event as JSON by POST, with a `text` that chat programs show; a status of 2xx means that it was told."""
    body = json.dumps({"text": _text(event), **event}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")
    with urllib.request.urlopen(request, timeout=_PATIENCE):
        return


def _apprise(url: str, event: Event) -> None:
    """By mail or chat, as the address says."""
    try:
        import apprise
    except ModuleNotFoundError as error:
        raise UsageError("alerts.apprise asks for a package that is not here: install `ecomm[alerts]`.") from error
    sender = apprise.Apprise()
    kind = apprise.NotifyType.WARNING if event["event"] == "fired" else apprise.NotifyType.SUCCESS
    if not (sender.add(url) and sender.notify(body=_text(event), title=f"ecomm: {event['key']}", notify_type=kind)):
        raise StorageError("not told")
