"""The row rules of RULES.md: which are in force at which level, what a record fails, the score and its rows."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from . import values as v
from .countries import KNOWN_COUNTRIES
from .currencies import KNOWN_CURRENCIES
from .settings import Settings
from .sources import (
    CUSTOMERS,
    INVENTORY,
    ORDERS,
    PRODUCTS,
    Source,
    currency_of,
    is_rounded,
    signs_of,
    with_defaults,
)
from .values import Row

Texts = Mapping[str, str | None]
"""Stated column -> trimmed text, empty = None. A column that the header lacks is not in it."""
Check = tuple[str, bool]
"""A rule's name, and whether the record passes."""

PENALTY = {"HIGH": Decimal(1), "MEDIUM": Decimal("0.3"), "LOW": Decimal("0.1"), "NONE": Decimal(0)}
"""Row penalty: HIGH 1, MEDIUM 0.3, LOW 0.1, NONE 0; the worst first."""

NULL_WORDS = {"null", "n/a", "#n/a", "nan", "none", "nil", "\\n", "(null)", "<null>", "undefined"}
"""Issue 24: what programs write for an empty cell."""
NOBODY_WORDS = NULL_WORDS - {"<null>"} | set("0 -1 guest unknown anonymous anon nobody n.a. na - -- n.n n.n.".split())
NOBODY_WORDS |= {"walk-in", "not logged in", "gast", "unbekannt", "invité", "invite", "invitado", "ospite", "convidado"}
"""Issue 24: what programs write for a customer who is none."""
TOTAL_WORDS = {
    "total", "totals", "grand total", "sub total", "subtotal", "sub-total", "sum", "overall total", "report total",
    "summe", "gesamt", "gesamtsumme", "zwischensumme", "endsumme", "insgesamt", "total général", "total general",
    "sous-total", "somme", "suma", "suma total", "subtotale", "totale", "totale generale", "totaal", "eindtotaal",
    "subtotaal", "soma", "total geral", "totalt", "razem", "celkem", "итого", "всего", "合計", "総計", "总计", "合计",
    "합계",
}  # fmt: skip
"""docs/files.md: words for a total, in any case; a colon may stand behind."""
LIKE_IDS = {"phone", "zip_code", "tracking_number", "sku"}

_CASTABLE = {"money", "measure", "int", "bool", "date", "order_date", "timestamp"}
_READABLE_HIGH = {
    ("orders", "order_date"), ("orders", "order_amount"), ("products", "price"), ("inventory", "stock_quantity"),
    ("shipping", "shipping_cost"),
}  # fmt: skip
"""`<column>_readable`: HIGH for the column of a rule marked !, else MEDIUM."""

_LEVELS = {
    "orders": {
        "HIGH": "customer_id_present product_id_present order_date_present order_amount_present order_date_plausible "
        "order_amount_not_negative order_has_one_product order_lines_distinct superseded_amount_agrees order_id_intact "
        "line_id_intact refund_id_intact",
        "MEDIUM": "order_amount_within_bounds payment_method_known order_status_known customer_id_intact "
        "product_id_intact customer_id_names_somebody",
        "LOW": "order_amount_zero shipping_address_present updated_timestamp_plausible",
    },
    "customers": {
        "HIGH": "customer_id_intact",
        "MEDIUM": "email_format date_of_birth_plausible registration_date_plausible customer_tier_known",
        "LOW": "name_present email_present phone_format last_login_plausible address_complete country_known",
    },
    "products": {
        "HIGH": "price_present price_not_negative product_id_intact",
        "MEDIUM": "price_within_bounds product_name_present category_present category_known "
        "stock_quantity_not_negative",
        "LOW": "price_zero weight_positive dimensions_format launch_date_plausible discontinued_has_no_stock",
    },
    "inventory": {
        "HIGH": "stock_quantity_present stock_quantity_not_negative product_id_intact",
        "MEDIUM": "stock_quantity_within_bounds warehouse_location_present stock_status_known stock_status_agrees",
        "LOW": "available_agrees last_updated_plausible",
    },
    "shipping": {
        "HIGH": "shipping_cost_not_negative order_id_intact tracking_number_intact",
        "MEDIUM": "shipping_cost_within_bounds shipping_method_known carrier_known shipping_status_known "
        "package_weight_plausible",
        "LOW": "tracking_number_present destination_address_present dimensions_format delivery_dates_plausible",
    },
}
_CURRENCY = {"HIGH": "currency_known", "MEDIUM": "currency_has_rate", "LOW": "currency_assumed"}


def in_force(source: Source, settings: Settings) -> dict[str, str]:
    """Rule -> level. "`ecomm.toml` overrides any level ... or OFF": what is OFF is not in force. A rule of this name
    in several sources is overridden in all of them, but not where "without this value the row has no identity": an
    order without a customer is a guest's, a customer without is nobody."""
    levels = {"created_timestamp_plausible": "LOW", "sequence_conflict": "MEDIUM"}
    levels |= {"null_word_as_text": "LOW", "text_marker_as_text": "MEDIUM"}
    levels |= {"ids_plainly_written": "LOW", "row_is_no_total": "HIGH", "id_names_no_total": "MEDIUM"}
    fixed = {"line_malformed": "HIGH", "header_repeated": "HIGH"}
    for name in source.key:
        if name in source.required:  # "only ids required in the header"
            fixed[f"{name}_present"] = "HIGH"
        fixed[f"{name}_well_formed"] = "HIGH"
    for column in source.columns:
        if column.type in _CASTABLE and column.name in source.in_header:
            levels[f"{column.name}_readable"] = "HIGH" if (source.name, column.name) in _READABLE_HIGH else "MEDIUM"
    for by_level in [_LEVELS[source.name], *([_CURRENCY] if "currency" in source.contract else [])]:
        levels |= {name: level for level, names in by_level.items() for name in names.split()}
    if source.delivery.reads_amounts and "currency" in source.contract:  # else there is nothing to find
        levels |= {"currency_agrees": "MEDIUM", "amount_rounded": "LOW"}
    if source.delivery.refunds == "rows":  # then a negative amount is a refund
        levels.pop("order_amount_not_negative", None)
    levels = {name: settings.severity.get(name, level) for name, level in levels.items()} | fixed
    return {name: level for name, level in levels.items() if level != "OFF"}


@dataclass
class Record:
    """What a rule sees: "the row and its batch only"."""

    source: Source
    texts: Texts
    row: Row
    """The stated columns, cast; before defaults."""
    as_of: datetime
    settings: Settings
    deletes: bool = False
    total: str | None = None
    """The rule on totals that the record breaks."""
    other_ids: bool = False
    """An id was delivered otherwise than it is compared."""

    def failed(self, levels: Mapping[str, str], split: Collection[str] = ()) -> list[str]:
        """The rules in force that the record fails. `split`: the orders that fail order_has_one_product in this
        file."""
        return [name for name, ok in self.checks(split) if not ok and name in levels]

    def checks(self, split: Collection[str]) -> list[Check]:
        """All rules about one record. A delete is judged only by its key's."""
        if self.deletes:
            return self._key_checks()
        return [*self._key_checks(), *self._readable(), *self._common(), *self._own(split)]

    # -- what rules ask ---------------------------------------------------------------------------

    def get(self, name: str) -> Any:
        """The value; None also if it was not stated."""
        return self.row.get(name)

    def missing(self, name: str) -> bool:
        """Stated and empty; it looks at the text: unreadable is not missing."""
        return name in self.texts and self.texts[name] is None

    def later(self, days: int) -> date:
        """That many days after the as-of date (UTC)."""
        return self.as_of.astimezone(UTC).date() + timedelta(days=days)

    @property
    def today(self) -> date:
        """The day of the as-of in shop_timezone."""
        return self.as_of.astimezone(self.settings.zones.shop).date()

    def not_future(self, day: date | None) -> bool:
        """ "Future" = after the end of the as-of date + 1 day."""
        return day is None or day <= self.later(1)

    def not_future_instant(self, instant: datetime | None) -> bool:
        """Timestamps: after the end of the as-of date + 2 days."""
        return instant is None or instant < datetime.combine(self.later(3), time(), tzinfo=UTC)

    def known(self, name: str) -> bool:
        """In the vocabulary of its column (compared as normalised words)."""
        word = v.as_word(self.get(name))
        return word is None or word in map(v.as_word, getattr(self.settings.vocabularies, name))

    def local_day(self, name: str) -> date | None:
        """The day of a timestamp in shop_timezone."""
        instant = self.get(name)
        return None if instant is None else v.local_day(instant, self.settings.zones)

    # -- the rules --------------------------------------------------------------------------------

    def _key_checks(self) -> list[Check]:
        """`<key>`_present, `<key>`_well_formed: blanks in `warehouse_location` and `location` pass. And what the
        sources say of an empty key part."""
        checks: list[Check] = []
        for name in self.source.key:
            if name in self.source.required:
                checks.append((f"{name}_present", not self.missing(name)))
            blanks_pass = name in ("warehouse_location", "location", "line_id")
            text = self.texts.get(name)
            longest = 255 if name == "line_id" else 64
            checks.append((f"{name}_well_formed", v.is_well_formed(text, blanks_pass=blanks_pass, longest=longest)))
            if name not in ("warehouse_location", "location"):
                checks.append((f"{name}_intact", not is_ruined(text)))
        if self.source.name == "inventory":  # empty: key part `UNKNOWN`
            checks.append(("warehouse_location_present", not self.missing("warehouse_location")))
        if self.source.name == "shipping":  # empty: no label yet; key part empty text
            checks.append(("tracking_number_present", not self.missing("tracking_number")))
        return checks

    def _readable(self) -> list[Check]:
        """Text that does not cast fails `<column>_readable`."""
        return [
            (f"{column.name}_readable", self.texts.get(column.name) is None or self.get(column.name) is not None)
            for column in self.source.columns
            if column.type in _CASTABLE and column.name in self.texts
        ]

    def _common(self) -> list[Check]:
        """created_timestamp_plausible: missing, before 2000, future. currency_known: given, but no ISO 4217 code.
        currency_assumed: empty (also a column that the header lacks). currency_has_rate: no rate for its day: "not in
        sums"; there is none for an unknown day. currency_agrees: an amount's sign or code is not the row's
        currency."""
        created = self.get("created_timestamp")
        since_2000 = created is None or created >= datetime(2000, 1, 1, tzinfo=UTC)
        plausible = not self.missing("created_timestamp") and since_2000 and self.not_future_instant(created)
        checks = [("created_timestamp_plausible", plausible), *self._texts()]
        if "currency" in self.source.contract:
            currency = self.get("currency")
            has_rate = currency is None or self.settings.rate_on(currency, self._rate_day()) is not None
            checks.append(("currency_known", currency is None or currency in KNOWN_CURRENCIES))
            checks.append(("currency_assumed", currency is not None))
            checks.append(("currency_has_rate", has_rate))
        if "currency" in self.source.contract and self.source.delivery.reads_amounts:
            own = currency_of(self.texts, self.settings)
            checks.append(("amount_rounded", not is_rounded(self.source, self.texts, own)))
            checks.append(("currency_agrees", all(own in meant for meant in signs_of(self.source, self.texts))))
        return checks

    def _texts(self) -> list[Check]:
        """null_word_as_text: a text column, but customer_id of an order and words, says NULL, N/A, nan, None ... and
        nothing else. text_marker_as_text: an id (of this or another thing), phone or zip code begins with `'` or
        `="`."""
        names = [c.name for c in self.source.columns if c.type == "string"]
        stated = {name: self.texts.get(name) or "" for name in names}
        own_or_no_customer = [n for n in names if n != "customer_id" or n in self.source.key]
        like_ids = [n for n in names if n in self.source.key or n.endswith("_id") or n in LIKE_IDS]
        return [
            ("null_word_as_text", not any(stated[n].lower() in NULL_WORDS for n in own_or_no_customer)),
            ("ids_plainly_written", not self.other_ids),
            ("row_is_no_total", self.total != "row_is_no_total"),
            ("id_names_no_total", self.total != "id_names_no_total"),
            ("text_marker_as_text", not any(stated[n].startswith(("'", '="', '=("')) for n in like_ids)),
        ]

    def _rate_day(self) -> date | None:
        """The rate's day: an order's `order_date`, a shipment's created day, a product's: today (the batch's)."""
        if self.source.name == "orders":
            day: date | None = self.get("order_date")
            return day
        return self.local_day("created_timestamp") if self.source.name == "shipping" else self.today

    def _own(self, split: Collection[str]) -> list[Check]:
        if self.source.name == ORDERS.name:
            return self._order(split)
        if self.source.name == CUSTOMERS.name:
            return self._customer()
        if self.source.name == PRODUCTS.name:
            return self._product()
        return self._inventory() if self.source.name == INVENTORY.name else self._shipment()

    def _order(self, split: Collection[str]) -> list[Check]:
        day, amount = self.get("order_date"), self.get("order_amount")
        since_2000 = day is None or day >= date(2000, 1, 1)
        one_product = self.source.key_of(with_defaults(self.source, dict(self.row), "")) not in split
        updated = self.get("updated_timestamp")
        updated_since_2000 = updated is None or updated >= datetime(2000, 1, 1, tzinfo=UTC)
        return [
            ("customer_id_intact", not is_ruined(self.texts.get("customer_id"))),
            ("product_id_intact", not is_ruined(self.texts.get("product_id"))),
            ("updated_timestamp_plausible", updated_since_2000 and self.not_future_instant(updated)),
            ("customer_id_present", not self.missing("customer_id")),
            ("customer_id_names_somebody", (self.texts.get("customer_id") or "").lower() not in NOBODY_WORDS),
            ("product_id_present", not self.missing("product_id")),
            ("order_date_present", not self.missing("order_date")),
            ("order_amount_present", not self.missing("order_amount")),
            ("order_date_plausible", since_2000 and self.not_future(day)),  # before 2000, future
            ("order_amount_not_negative", amount is None or amount >= 0),
            ("order_amount_zero", amount is None or amount != 0),
            ("order_amount_within_bounds", amount is None or amount <= self.settings.bounds.order_amount),
            ("order_has_one_product", one_product),  # same order in the batch, other product, no line_id
            ("payment_method_known", self.known("payment_method")),
            ("order_status_known", self.known("order_status")),
            ("shipping_address_present", not self.missing("shipping_address")),
        ]

    def _customer(self) -> list[Check]:
        """registration_date_plausible: future, before birth. last_login_plausible: future, before registration.
        address_complete: address, city, country empty."""
        birth, registered = self.get("date_of_birth"), self.get("registration_date")
        login = self.get("last_login")
        old = birth is not None and v.full_years(birth, self.today) > self.settings.bounds.age
        before_birth = birth is not None and registered is not None and registered < birth
        login_day = self.local_day("last_login")
        before_registration = login_day is not None and registered is not None and login_day < registered
        country = v.as_word(self.get("country"))
        return [
            ("name_present", not (self.missing("first_name") and self.missing("last_name"))),
            ("email_present", not self.missing("email")),
            ("email_format", is_email(self.get("email"))),
            ("phone_format", is_phone(self.get("phone"))),
            ("date_of_birth_plausible", self.not_future(birth) and not old),
            ("registration_date_plausible", self.not_future(registered) and not before_birth),
            ("last_login_plausible", self.not_future_instant(login) and not before_registration),
            ("customer_tier_known", self.known("customer_tier")),
            ("address_complete", not any(map(self.missing, ("address", "city", "country")))),
            ("country_known", country is None or country in KNOWN_COUNTRIES),
        ]

    def _product(self) -> list[Check]:
        """launch_date_plausible: before 1900, > 2 years ahead. discontinued_has_no_stock: discontinued, stock > 0."""
        price, stock, weight = self.get("price"), self.get("stock_quantity"), self.get("weight_kg")
        launch, category = self.get("launch_date"), v.as_word(self.get("category"))
        categories = [v.as_word(name) for name in self.settings.vocabularies.categories]
        launched = launch is None or date(1900, 1, 1) <= launch <= _years_later(self.today, 2)
        return [
            ("price_present", not self.missing("price")),
            ("price_not_negative", price is None or price >= 0),
            ("price_zero", price is None or price != 0),
            ("price_within_bounds", price is None or price <= self.settings.bounds.price),
            ("product_name_present", not self.missing("product_name")),
            ("category_present", not self.missing("category")),
            ("category_known", not categories or category is None or category in categories),
            ("stock_quantity_not_negative", stock is None or stock >= 0),
            ("weight_positive", weight is None or weight > 0),
            ("dimensions_format", self._dimensions()),
            ("launch_date_plausible", launched),
            ("discontinued_has_no_stock", not (self.get("discontinued") and stock is not None and stock > 0)),
        ]

    def _inventory(self) -> list[Check]:
        """stock_status_agrees: contradicts quantity (in_stock, low_stock: there is some; out_of_stock: there is none).
        available_agrees: <> stock - reserved."""
        stock, reserved, available = map(self.get, ("stock_quantity", "reserved_quantity", "available_quantity"))
        in_stock = {"in_stock": True, "low_stock": True, "out_of_stock": False}.get(self.get("stock_status") or "")
        agrees = stock is None or in_stock is None or in_stock == (stock > 0)
        adds_up = None in (stock, reserved, available) or available == stock - reserved
        return [
            ("stock_quantity_present", not self.missing("stock_quantity")),
            ("stock_quantity_not_negative", stock is None or stock >= 0),
            ("stock_quantity_within_bounds", stock is None or stock <= self.settings.bounds.stock_quantity),
            ("stock_status_known", self.known("stock_status")),
            ("stock_status_agrees", agrees),
            ("available_agrees", adds_up),
            ("last_updated_plausible", self.not_future_instant(self.get("last_updated"))),
        ]

    def _shipment(self) -> list[Check]:
        """delivery_dates_plausible: delivered before the created day; status delivered and no date, or one after the
        as-of date + 1."""
        cost, weight, delivered = map(self.get, ("shipping_cost", "package_weight", "actual_delivery"))
        created = self.local_day("created_timestamp")
        too_early = delivered is not None and created is not None and delivered < created
        is_delivered = self.get("shipping_status") == "delivered"
        without = is_delivered and (self.missing("actual_delivery") or not self.not_future(delivered))
        weighs = weight is None or 0 < weight <= self.settings.bounds.package_weight
        affordable = cost is None or cost <= self.settings.bounds.shipping_cost
        return [
            ("shipping_cost_not_negative", cost is None or cost >= 0),
            ("shipping_cost_within_bounds", not self.missing("shipping_cost") and affordable),
            ("shipping_method_known", self.known("shipping_method")),
            ("carrier_known", self.known("carrier")),
            ("shipping_status_known", self.known("shipping_status")),
            ("package_weight_plausible", weighs),
            ("destination_address_present", not self.missing("destination_address")),
            ("dimensions_format", self._dimensions()),
            ("delivery_dates_plausible", not too_early and not without),
        ]

    def _dimensions(self) -> bool:
        text = self.get("dimensions_cm")
        return text is None or v.as_dimensions(text) is not None


def is_email(text: str | None) -> bool:
    """Not one `@`, blank, empty part, no dot in domain, > 254 (plus, IDN, sub-domain pass)."""
    if text is None:
        return True
    local, _, domain = text.partition("@")
    parts = [*local.split("."), *domain.split(".")]
    blank = any(c in v.TRIM for c in text)
    return text.count("@") == 1 and not blank and all(parts) and "." in domain and len(text) <= 254


def is_phone(text: str | None) -> bool:
    """Less blanks `().-/` and `x12`: not `+`? and 5-15 digits (`555-0101`, E.164 pass)."""
    if text is None:
        return True
    left = "".join(c for c in text if c not in v.TRIM and c not in "().-/")
    return re.fullmatch(r"\+?[0-9]{5,15}(x[0-9]+)?", left) is not None


def _years_later(day: date, years: int) -> date:
    """The same day of the year; 28 February where there is no 29th."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def is_ruined(text: str | None) -> bool:
    """ "Ids that a spreadsheet has ruined (`1.23457E+11`, `17850.0`, `#N/A`)": and its other errors."""
    if text is None:
        return False
    if text in ("#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!"):
        return True
    if text.endswith(".0"):
        return text[:-2].isascii() and text[:-2].isdigit()
    return re.fullmatch("[0-9]([.,][0-9]+)?[Ee][+][0-9]{2,3}", text) is not None


def split_orders(source: Source, records: Iterable[Texts]) -> set[str]:
    """order_has_one_product: over all readable records of the same BATCH with the same order and refund and without a
    line_id, which end nothing: two different non-empty product_ids -> every record of the order fails. The keys."""
    products: dict[str, set[str]] = {}
    for texts in records:
        key = source.key_of(with_defaults(source, {n: texts.get(n) for n in source.key}, ""))
        if key is not None and texts.get("product_id") is not None and texts.get("line_id") is None:
            products.setdefault(key, set()).add(str(texts["product_id"]))
    return {key for key, items in products.items() if len(items) > 1}


# -- score -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """Of a row that counts (duplicates and superseded rows do not): its key and the rules that it failed."""

    key: str | None
    failed: tuple[str, ...]


def worst(levels: Iterable[str]) -> str:
    """The worst level, NONE if there is none."""
    there = set(levels)
    return next((level for level in PENALTY if level in there), "NONE")


def validation(name: str, levels: Mapping[str, str], verdicts: Collection[Verdict], judged: int) -> list[Row]:
    """`validation_results` of a source's rules in a batch that holds its file: "every check of a source gets a row,
    also with 0"; `rows_checked` = the rows that were accepted or rejected, for duplicate and superseded ones are not
    counted among those that fail either; sample_keys: the least five of the keys that could be read."""
    rows: list[Row] = []
    for rule, level in levels.items():
        failing = [one for one in verdicts if rule in one.failed]
        rows.append(
            {
                "table_name": name,
                "check_name": rule,
                "category": category(rule),
                "rule_severity": level,
                "severity": level if failing else "NONE",
                "rows_checked": judged,
                "failed_rows": len(failing),
                "failed_share": v.published(v.ratio(len(failing), judged), 4),
                "sample_keys": [
                    v.written_key(v.key_parts(key))
                    for key in sorted({one.key for one in failing if one.key is not None})[:5]
                ],
                "score": None,
            }
        )
    return rows


def category(check: str) -> str:
    """`*_present`, `*_complete`, `*_assumed` completeness; `line_malformed`, `header_repeated`, `*_format`,
    `*_readable`, `*_well_formed` format; `*_exists` referential; `*_agrees`, `sequence_conflict`, `email_unique`
    consistency; the rest business_rule. (rules.md: `column_disappeared` is consistency.)"""
    if check.endswith(("_present", "_complete", "_assumed")):
        return "completeness"
    if check in ("line_malformed", "header_repeated") or check.endswith(("_format", "_readable", "_well_formed")):
        return "format"
    if check.endswith("_exists"):
        return "referential"
    if check in ("sequence_conflict", "email_unique", "column_disappeared") or check.endswith("_agrees"):
        return "consistency"
    return "business_rule"


def repeats(header: Sequence[str], cells: Sequence[str]) -> bool:
    """header_repeated: every cell is its column's name, in any case; blanks, quotes and marks of an encoding do not
    count."""

    def plain(text: str) -> str:
        return "".join(c for c in text if c not in v.TRIM + '"').lower()

    return [*map(plain, cells)] == [*map(plain, header)]


def total_of(word: str, others: Sequence[str]) -> str | None:
    """The rule that a record breaks whose id (the first column of the key) is a word for a total: row_is_no_total if
    more than half of its other cells are empty, else id_names_no_total."""
    if word.strip(v.TRIM).lower().removesuffix(":") not in TOTAL_WORDS:
        return None
    empty = sum(not cell.strip(v.TRIM) for cell in others)
    return "row_is_no_total" if 2 * empty > len(others) else "id_names_no_total"


def batch_score(levels: Mapping[str, Mapping[str, str]], verdicts: Mapping[str, Collection[Verdict]]) -> Row:
    """The row `batch_score`. Row penalty = its worst level. `score` = 100 x (1 - sum of penalties / rows read), 2
    decimals; no rows = 100; duplicates and superseded rows count in neither. Batch severity = worst level found."""
    found = [worst(levels[source][rule] for rule in one.failed) for source, ones in verdicts.items() for one in ones]
    penalties = sum((PENALTY[level] for level in found), Decimal(0))
    failed = sum(level != "NONE" for level in found)
    score = v.published(v.ratio(100 * (len(found) - penalties), len(found)), 2)
    return {
        "table_name": "batch",
        "check_name": "batch_score",
        "category": "business_rule",
        "rule_severity": "NONE",
        "severity": worst(found),
        "rows_checked": len(found),
        "failed_rows": failed,
        "failed_share": v.published(v.ratio(failed, len(found)), 4),
        "sample_keys": [],
        "score": Decimal("100.00") if score is None else score,
    }
