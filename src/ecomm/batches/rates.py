"""Exchange rates: a small CSV file that the shop keeps (currency, valid_from, rate)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from babel import Locale

from ecomm.batches import handwritten
from ecomm.contract import Rate
from ecomm.errors import StorageError, UsageError, described
from ecomm.settings import Settings

_COLUMNS = ("currency", "valid_from", "rate")
_DIGITS = Decimal("0.00000001")


def read(settings: Settings) -> tuple[Rate, ...]:
    """The shop's rates in order of currency and day; none if there is no such file.

    A rate says what one of the currency is worth in the reporting currency, from its day on until the next one. Raises
    UsageError with the line that cannot be read.
    """
    path = settings.landing / settings.rates_file
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return ()
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8; save the rates as UTF-8.") from error
    except OSError as error:
        raise StorageError(f"{path}: cannot be read ({error.strerror}); check its permissions.") from error
    lines = handwritten.records("\n".join(text.splitlines()))
    header = [name.strip().lower() for name in next(lines, (1, None))[1] or ()]
    if sorted(header) != sorted(_COLUMNS):
        raise UsageError(f"{path}: the header must be {','.join(_COLUMNS)}; it has {len(header)} columns.")
    rates: dict[tuple[str, date], Rate] = {}
    for line, row in lines:
        if row is None:
            raise UsageError(f"{path}, line {line}: its quotes are broken; correct the line.")
        if not any(cell.strip() for cell in row):
            continue
        rate = _rate(path, line, dict(zip(header, row, strict=False)))
        if rate.currency == settings.shop.reporting_currency and rate.rate != 1:
            raise UsageError(f"{path}, line {line}: {rate.currency} is the reporting currency, and 1 of itself.")
        if rates.setdefault((rate.currency, rate.valid_from), rate) != rate:
            raise UsageError(f"{path}, line {line}: {rate.currency} has two rates from {rate.valid_from} on.")
    return tuple(rates[place] for place in sorted(rates))


def _rate(path: Path, line: int, row: dict[str, str]) -> Rate:
    where = f"{path}, line {line}"
    said = {name: (row.get(name) or "").strip() for name in _COLUMNS}
    currency = said["currency"].upper()
    if currency not in Locale("en").currencies:
        raise UsageError(f"{where}: currency is {described(said['currency'])}; use an ISO 4217 code such as EUR.")
    try:
        valid_from = date.fromisoformat(said["valid_from"])
    except ValueError as error:
        raise UsageError(
            f"{where}: valid_from is {described(said['valid_from'])}, not a day; write it as 2025-01-31."
        ) from error
    try:
        rate = Decimal(said["rate"])
        fits = 0 < rate < 10**10 and rate == rate.quantize(_DIGITS)
    except InvalidOperation:
        fits = False
    if not fits:
        raise UsageError(f"{where}: rate is {described(said['rate'])}; write a number above 0 with at most 8 decimals.")
    return Rate(currency, valid_from, rate)
