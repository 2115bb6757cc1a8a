"""Setting a shop up: its folders, its settings file, and triggers written for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from ecomm.batches.status import SOURCES
from ecomm.batches.trigger import TRIGGER, folder_of, read_trigger
from ecomm.errors import EcommError, StorageError, UsageError
from ecomm.settings import Settings, load

_TEMPLATE = """\
# Settings of ecomm. A flag beats an ECOMM_* environment variable, which beats this file, which beats the default.
landing = {landing}
warehouse = "warehouse"

# The folder of a source below landing; these are the defaults.
# [source_dirs]
# orders = "orders_data"
# trigger = "trigger_data"

[shop]
# reporting_currency = "USD"      # ISO 4217: what amounts are summed in
# source_timezone = "UTC"         # of times in files that state no offset
# shop_timezone = "UTC"           # of days, hours and seasons
# hemisphere = "north"            # or "south"
# business_hours = [9, 18]        # Monday to Friday, from hour to hour
# margin_rate = "0.30"            # the assumed margin
# premium_tiers = ["premium", "platinum", "vip"]
# non_revenue_statuses = ["cancelled", "returned", "refunded", "failed"]
"""


def prepare(config: Path, landing: Path | None) -> list[str]:
    """Write the settings file and make the landing folders; say what was made. What is there already stays."""
    said = []
    try:
        if config.exists():
            said.append(f"{config} is there already and stays as it is.")
        else:
            config.parent.mkdir(parents=True, exist_ok=True)
            config.write_text(_TEMPLATE.format(landing=json.dumps(str(landing or Path("landing")))), encoding="utf-8")
            said.append(f"Wrote {config}.")
        settings = load(config, landing=landing)
        for name in (*SOURCES, TRIGGER):
            folder = settings.source_dir(name)
            (folder / "source").mkdir(parents=True, exist_ok=True)
            (folder / "archive").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{error.filename}: cannot be written ({error.strerror}); check its permissions.") from error
    said.append(f"{settings.landing} has a folder for each source and for triggers; files go into its source/ folders.")
    said.append("Next: copy CSV files there, `ecomm trigger FILES...`, `ecomm run`.")
    return said


def write_trigger(
    settings: Settings, files: Sequence[str], batch_id: str | None, as_of: str | None, now: datetime
) -> Path:
    """Write a trigger for files that lie in landing; its path.

    Raises UsageError if a file is not there or the id is taken, TriggerError if the time cannot be read.
    """
    folder = settings.source_dir(TRIGGER) / "source"
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder; `ecomm init --landing {settings.landing}` makes it.")
    for name in files:
        if Path(name).name != name:
            raise UsageError(f"{name}: only the bare name of a file that lies in landing, without a folder.")
        if not any((settings.source_dir(s) / "source" / name).is_file() for s in SOURCES):
            raise UsageError(f"{name}: no source folder below {settings.landing} holds this file; copy it there first.")
    name = batch_id or f"batch_{now:%Y%m%dT%H%M%SZ}"
    path = folder / f"trigger_{folder_of(name)}.json"
    if path.exists():
        raise UsageError(f"{path}: this trigger is there already; choose another --id.")
    said = {
        "trigger_id": name,
        "trigger_timestamp": as_of or now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "expected_files": list(dict.fromkeys(files)),
        "data_files_ready": True,
    }
    # Written beside and renamed, so that a run never reads half a trigger.
    draft = path.with_suffix(".tmp")
    try:
        draft.write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        read_trigger(draft, SOURCES)
        draft.replace(path)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror}); check its permissions.") from error
    except EcommError as error:
        raise UsageError(str(error).replace(str(draft), "the trigger")) from error
    finally:
        draft.unlink(missing_ok=True)
    return path
