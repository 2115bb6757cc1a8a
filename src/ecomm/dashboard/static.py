"""A copy of the page that opens from disk: the same files, with the answers in a script beside them.

It holds one moment: all views, the last batches, the first rows of long tables. Personal values are masked in it, for a
copy travels.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from urllib.parse import quote_plus

from ecomm.dashboard.answers import ANSWERS
from ecomm.dashboard.history import BESIDE, FOUND_IN, last_orders, lives_of
from ecomm.dashboard.listings import LISTINGS
from ecomm.dashboard.moment import Answer, Moment, as_json
from ecomm.dashboard.overview import RANGES
from ecomm.errors import StorageError, UsageError
from ecomm.settings import Settings

ASSETS = resources.files("ecomm.dashboard") / "assets"
_ROWS = 2000
_BATCHES = 20
_DRILLED = 1
_RUNS = 40
_SMALL = 5000  # versions: so many are read at one go
_CHANGED = 20
_MARK = "data.js"
# A page from disk has no server to say this; `file:` is what its scripts come from.
_POLICY = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'self' file:; "
    "style-src 'self' file:; img-src 'self' file: data:; font-src 'self' file:; base-uri 'none'; form-action 'none'\">"
)


def write(settings: Settings, into: Path) -> Path:
    """Write a copy of what is published into a folder, anew if a copy is there; the path of its page.

    Raises UsageError if there is no warehouse, or something else in the folder; StorageError if it cannot be written.
    """
    moment = Moment(settings)
    if into.exists() and not into.is_dir():
        raise UsageError(f"--export {into}: this is not a folder; name one.")
    if into.is_dir() and any(into.iterdir()) and not (into / "assets" / _MARK).is_file():
        raise UsageError(f"--export {into}: there is something else in this folder; name another.")
    if into.resolve().is_relative_to(settings.warehouse.resolve()):
        raise UsageError(f"--export {into}: this is inside the warehouse, where only tables lie; name another folder.")
    answers = dict(_answers(moment))
    said = {
        "stamp": moment.stamp(),
        "written_at": datetime.now(UTC),
        "answers": answers,
        "tables": {name: _table(moment, name) for name in LISTINGS},
    }
    try:
        assets = into / "assets"
        shutil.rmtree(assets, ignore_errors=True)
        assets.mkdir(parents=True)
        for file in ASSETS.iterdir():
            if file.is_file() and file.name != "index.html":
                (assets / file.name).write_bytes(file.read_bytes())
        (assets / _MARK).write_bytes(b"window.ECOMM_COPY=" + as_json(said) + b";\n")
        page = (ASSETS / "index.html").read_text(encoding="utf-8")
        page = page.replace('<meta name="viewport"', f'{_POLICY}\n    <meta name="viewport"', 1)
        page = page.replace(
            '<script src="assets/app.js"',
            f'<script src="assets/{_MARK}" defer></script>\n    <script src="assets/app.js"',
            1,
        )
        # Fonts from disk are another origin to a preload, and are found by the style sheet anyway.
        page = "\n".join(line for line in page.split("\n") if 'rel="preload"' not in line)
        (into / "index.html").write_text(page, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{into}: cannot be written ({error.strerror}); check the folder's permissions.") from error
    return into / "index.html"


def asked(name: str, **args: str) -> str:
    """A question as the page writes it: the arguments in order, as a browser encodes them."""
    said = "&".join(f"{k}={quote_plus(v, safe='*').replace('~', '%7E')}" for k, v in sorted(args.items()))
    return f"{name}?{said}" if said else name


def _answers(moment: Moment) -> Iterator[tuple[str, Answer]]:
    stamp = {"stamp": moment.stamp()}

    def answer(name: str, **args: str) -> tuple[str, Answer]:
        return asked(name, **args), stamp | ANSWERS[name](moment, args)

    yield answer("overview")
    for days in RANGES:
        yield answer("overview", days=days)
    yield answer("quality")
    batch = ANSWERS["quality"](moment, {})["batch"]
    judged = [t["batch_id"] for t in batch["trend"]][-_BATCHES:] if batch else []
    for place, batch_id in enumerate(reversed(judged)):
        told = answer("quality", batch=batch_id)
        yield told
        if place < _DRILLED:
            for finding in (f for f in told[1]["batch"]["findings"] if f["has_rows"]):
                yield answer("rows", batch=batch_id, source=finding["source"], check=finding["check"])
    yield answer("operations")
    for run in ANSWERS["operations"](moment, {})["runs"][:_RUNS]:
        yield answer("operations", run=str(run["revision"]))
    yield answer("ledger")
    for page in range(2, ANSWERS["ledger"](moment, {})["pages"] + 1):
        yield answer("ledger", page=str(page))
    for source in FOUND_IN:
        for key, lives in _histories(moment, source).items():
            orders = last_orders(moment, key) if source == "customers" else []
            shown = moment.masks.shown(key, FOUND_IN[source])
            yield (
                asked("history", source=source, key=shown),
                stamp | {"source": source, "key": shown, "lives": lives, "orders": orders},
            )


def _histories(moment: Moment, source: str) -> dict[str, list[Answer]]:
    """The lives of a source's keys, by their first part: of all in a small shop, else of those that changed most."""
    column = FOUND_IN[source]
    if column not in moment.sources[source].key:
        return {}
    beside = (source, *BESIDE[source])
    if all(moment.warehouse.entry.tables[f"{name}_target"][1] <= _SMALL for name in beside):
        found: dict[str, list[Answer]] = {}
        for name in beside:
            for key, life in lives_of(moment, name, []):
                found.setdefault(key[column], []).append(life)
        return {key: lives for key, lives in found.items() if lives[0]["source"] == source}
    changed = moment.rows(
        f"select {column} as key from {source}_target group by 1 order by count(*) desc, 1 limit $1", [_CHANGED]
    )
    return {
        row["key"]: [life for name in beside for _, life in lives_of(moment, name, [row["key"]])] for row in changed
    }


def _table(moment: Moment, name: str) -> Answer:
    listing = LISTINGS[name]
    column = listing.sort.removeprefix("-")
    table = moment.table(
        f'select * from {listing.table} order by "{column}" desc nulls last, "{listing.key}" limit $1', [_ROWS]
    )
    return {
        "key": listing.key,
        "money": listing.money,
        "sort": listing.sort,
        "filters": listing.filters,
        "searched": listing.searched,
        "decimals": [f.name for f in table.schema if str(f.type).startswith("decimal")],
        "rows": [moment.masks.shown(row) for row in table.to_pylist()],
        "total": moment.rows(f"select count(*) as rows from {listing.table}")[0]["rows"],
    }
