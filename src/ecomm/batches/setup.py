"""Setting a shop up: its folders, its settings file, and triggers written for it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from ecomm.batches.trigger import TRIGGER, folder_of, read_trigger
from ecomm.errors import EcommError, StorageError, UsageError
from ecomm.settings import SOURCE_NAMES, Settings, load

_TEMPLATE = """\
# Settings of ecomm. A flag beats an ECOMM_* environment variable, which beats this file, which beats the default.
landing = {landing}
warehouse = "warehouse"

# Exchange rates: currency,valid_from,rate (what one of the currency is worth in the reporting currency, from that day
# on). A relative path is below landing. Without a rate an amount is in no sum.
# rates_file = "rates.csv"

# What makes a batch: a trigger file that lists its files ("triggers"); without one, files that have come and stood
# still for quiet_seconds ("quiet"), or all that came on a day that is over ("daily").
# batches = "quiet"
# quiet_seconds = 1

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

# Rules, their levels, bounds and words: docs/rules.md. The examples are not the defaults.
# [severity]
# customer_id_present = "LOW"     # guest checkout; HIGH rejects, MEDIUM and LOW flag, NONE informs, OFF
# [bounds]
# order_amount = 250000           # more is doubted
# [vocabularies]
# payment_method = ["credit_card", "paypal", "invoice", "vouchers"]
# categories = ["Books", "Toys"]  # empty: any

# How a source's files are written, if not as docs/files.md says: `ecomm init --preset NAME` has it for a platform's
# exports, and `ecomm init --from FILE` proposes it from a file.
# [sources.orders]
# delimiter = ";"                 # default ","; a tab is "\\t"
# encoding = "cp1252"             # default "utf-8"; or "utf-16", "latin-1", "gbk" ...
# skip_lines = 3                  # lines above the header; or header_starts_with = "Order ID"
# footers = ["Total"]             # the table ends above a first cell that matches; * is any text
# sheet = "Orders"                # of an Excel workbook with several
# decimal_comma = true            # 12,50 is twelve and a half; then no number may have a point
# date_format = "dd/MM/yyyy"      # d or dd, M or MM, yyyy, with / . or - between; ISO days are always read
# line_id = "position"            # what tells the lines of an order apart: a header of yours, several, or "position"
# whole_orders = true             # each file that has an order lists all its lines: what a later one lacks has ended
# refunds = "rows"                # a row with a negative amount is a refund; default "status"
# [sources.orders.columns]        # the contract's column = its name in your header
# order_amount = "Total"
# [sources.customers]
# read_from = "orders"            # the files of orders are read for customers too
# only = {{ "Kind" = "sale" }}    # only records with such a cell; "*" is any
# [sources.products]
# delete_column = "deleted"       # a row with one of delete_values there ends its key
# delete_values = ["true", "t", "yes", "y", "1"]
# [sources.inventory]
# absence = "close"               # each batch's files are a complete snapshot: what they do not mention ends
# absence_scope = ["warehouse_location"]  # ... in the warehouses that they mention

# The margin of a category, where it is not margin_rate.
# [shop.margin_rates]
# Books = "0.20"

# The bounds of segments and scores: at least so much revenue and so many orders; days since the last order at most, and
# orders and revenue at least, for 5, 4, 3 and 2 points.
# [scale]
# vip = [1000, 5]
# high_value = [500, 3]
# medium_value = [200, 2]
# star = [5000, 20]
# high_performer = [2000, 10]
# medium_performer = [500, 5]
# recency_days = [30, 60, 90, 180]
# frequency_orders = [10, 5, 3, 2]
# monetary = [1000, 500, 200, 100]
"""


def prepare(config: Path, landing: Path | None, sources: str = "") -> list[str]:
    """Write the settings file and make the landing folders; say what was made. What is there already stays.

    sources: settings of the shop's files, which are shown instead where there is a settings file. Those above its
    first table come above those of the template.
    """
    said = []
    try:
        if config.exists():
            said.append(f"{config} is there already and stays as it is.")
            if sources:
                said += ["Put this into it, in place of what it says of these sources:", "", sources]
        else:
            config.parent.mkdir(parents=True, exist_ok=True)
            text = _TEMPLATE.format(landing=json.dumps(str(landing or Path("landing"))))
            config.write_text(_joined(text, sources) if sources else text, encoding="utf-8")
            said += [f"Wrote {config}, with this at its end:", "", sources] if sources else [f"Wrote {config}."]
        settings = load(config, landing=landing)
        for name in (*SOURCE_NAMES, TRIGGER):
            folder = settings.source_dir(name)
            (folder / "source").mkdir(parents=True, exist_ok=True)
            (folder / "archive").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{error.filename}: cannot be written ({error.strerror}); check its permissions.") from error
    said.append(f"{settings.landing} has a folder for each source and for triggers; files go into its source/ folders.")
    trigger = "`ecomm trigger FILES...`, " if settings.batches == "triggers" else ""
    said.append(f"Next: copy files there, {trigger}`ecomm run`.")
    return said


def _joined(template: str, more: str) -> str:
    """The template with more settings: what stands above their first table goes above the template's tables.

    A table that the template begins too ([shop]) stands once.
    """
    lines = more.splitlines()
    first = next((n for n, line in enumerate(lines) if line.startswith("[")), len(lines))
    plain = [line for line in lines[:first] if line and not line.startswith("#")]
    above, below = template.split("\n# Exchange rates", 1)
    tables = "\n".join(line for line in lines if line not in plain)
    if "\n[shop]\n" in tables:
        shop, rest = tables.split("\n[shop]\n", 1)
        said, _, rest = rest.partition("\n[")
        below = below.replace("\n[shop]\n", f"\n[shop]\n{said.strip()}\n", 1)
        tables = f"{shop}\n[{rest}"
    return "\n".join([above, *plain, "", "# Exchange rates" + below, tables]) + "\n"


def trigger_path(settings: Settings, batch_id: str) -> Path:
    """Where the trigger that the program writes for a batch lies."""
    return settings.source_dir(TRIGGER) / "source" / f"trigger_{folder_of(batch_id)}.json"


def write_trigger(
    settings: Settings,
    files: Sequence[str] | Mapping[str, Sequence[str]],
    batch_id: str | None,
    as_of: str | None,
    now: datetime,
) -> Path:
    """Write a trigger for files that lie in landing; its path. files: names, or source -> names.

    Raises UsageError if a file is not there or the id is taken, TriggerError if the time cannot be read.
    """
    folder = settings.source_dir(TRIGGER) / "source"
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder; `ecomm init --landing {settings.landing}` makes it.")
    said = files if isinstance(files, Mapping) else {"": files}
    for source, name in [(s, name) for s, names in said.items() for name in names]:
        if Path(name).name != name:
            raise UsageError(f"{name}: only the bare name of a file that lies in landing, without a folder.")
        if not any(
            (settings.source_dir(s) / "source" / name).is_file() for s in ([source] if source else SOURCE_NAMES)
        ):
            raise UsageError(f"{name}: no source folder below {settings.landing} holds this file; copy it there first.")
    name = batch_id or f"batch_{now:%Y%m%dT%H%M%SZ}"
    path = trigger_path(settings, name)
    if path.exists():
        raise UsageError(f"{path}: this trigger is there already; choose another --id.")
    expected = dict(files) if isinstance(files, Mapping) else list(dict.fromkeys(files))
    content = {
        "trigger_id": name,
        "trigger_timestamp": as_of or now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "expected_files": expected,
        "data_files_ready": True,
    }
    # Written beside and renamed, so that a run never reads half a trigger.
    draft = path.with_suffix(".tmp")
    try:
        draft.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        read_trigger(draft, SOURCE_NAMES)
        draft.replace(path)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror}); check its permissions.") from error
    except EcommError as error:
        raise UsageError(str(error).replace(str(draft), "the trigger")) from error
    finally:
        draft.unlink(missing_ok=True)
    return path
