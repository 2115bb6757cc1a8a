"""Orders: one row says one line of an order, or a refund of it. A shop without lines has one line an order."""

from __future__ import annotations

from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ecomm import canonical
from ecomm.contract import Before, ContractColumn, Reading, Severity, Source, rule, text
from ecomm.delivery import LINE_SEPARATOR
from ecomm.money import MONEY
from ecomm.sources.rules import (
    TOTAL_RULES,
    created_timestamp_plausible,
    currency_rules,
    customer_id_names_somebody,
    day,
    intact,
    key_rules,
    known,
    not_future,
    not_negative,
    not_zero,
    present,
    readable_rules,
    text_rules,
    updated_timestamp_plausible,
    within_bounds,
)

LINE_ID_LENGTH = 255
"""A line_id may be several cells, or the name of a product."""
TIMES = ("updated_timestamp", "created_timestamp")
REFUND_IS_A_STATUS = 'a refund is a status; refunds = "rows" in [sources.orders] if it is a row of its own'

COLUMNS = (
    ContractColumn("order_id", "string", "The shop's number of the order.", required=True, key=True),
    ContractColumn(
        "line_id", "string", "Which line of the order; empty text if the shop has no lines.", key=True, default=""
    ),
    ContractColumn("refund_id", "string", "Which refund of the line; empty text for a sale.", key=True, default=""),
    ContractColumn("customer_id", "string", "Who ordered.", required=True),
    ContractColumn("product_id", "string", "What was ordered.", required=True),
    ContractColumn("order_date", "date", "The day of the order in the shop's time zone.", required=True),
    ContractColumn("order_amount", MONEY, "What the order costs, in its currency.", required=True),
    ContractColumn("currency", "string", "ISO 4217 code of order_amount; empty = the reporting currency."),
    ContractColumn("payment_method", "string", "How it is paid.", word=True),
    ContractColumn("shipping_address", "string", "Where it goes, as one text.", personal=True),
    ContractColumn("order_status", "string", "Where the order stands; `canceled` is stored as `cancelled`.", word=True),
    ContractColumn("created_timestamp", "timestamp", "When the shop's system wrote the row.", tracked=False),
    ContractColumn("quantity", "decimal(18,4)", "How many were ordered.", tracked=False),
    ContractColumn("unit_price", MONEY, "What one costs, in currency.", tracked=False),
    ContractColumn("discount", MONEY, "What the line's price was reduced by, in currency.", tracked=False),
    ContractColumn("tax", MONEY, "The tax of the line, in currency.", tracked=False),
    ContractColumn(
        "order_total", MONEY, "What the whole order costs, repeated on its lines, in currency.", tracked=False
    ),
    ContractColumn("updated_timestamp", "timestamp", "When the shop's system last changed the row.", tracked=False),
)
ORDERED_AT = ContractColumn(
    "ordered_at",
    "timestamp",
    "The instant of the order: order_date's time, else created_timestamp if it falls on that day, else NULL; "
    "in the target the least one stated in the key's life for the version's order_date.",
    tracked=False,
)


def parsed(reading: Reading) -> dict[str, Column]:
    """The day and the instant of an order, of which order_date's text may state both."""
    shop = reading.shop
    stated = text("order_date")
    instant = canonical.timestamp(F.when(~canonical.is_day(stated), stated), shop.source_timezone)
    order_date = F.coalesce(canonical.date(stated), canonical.local_date(instant, shop.shop_timezone))
    created = canonical.timestamp(text("created_timestamp"), shop.source_timezone)
    on_that_day = F.when(canonical.local_date(created, shop.shop_timezone) == order_date, created)
    status = canonical.word(text("order_status"))
    return {
        "order_date": order_date,
        "ordered_at": F.coalesce(instant, on_that_day),
        "order_status": F.when(status == F.lit("canceled"), F.lit("cancelled")).otherwise(status),
    }


def statements(frame: DataFrame) -> DataFrame:
    """ordered_at becomes the least one stated so far, in the key's life, for the same order_date."""
    so_far = (
        Window.partitionBy("key", "life", "order_date")
        .orderBy("as_of", "batch_id")
        .rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )
    return frame.withColumn("ordered_at", F.min("ordered_at").over(so_far))


def continued(before: Before) -> dict[str, Column]:
    """ordered_at after one more statement for the same order_date: the lesser of the two."""
    return {"ordered_at": F.least(F.col("ordered_at"), before("ordered_at"))}


def refolded(before: Before) -> Column:
    """Another order_date: only the whole history knows whether an instant was stated for it before."""
    return before("order_date") != F.col("order_date")


def rate_day(_: Reading) -> Column:
    """The day whose rate turns order_amount into the reporting currency."""
    return F.col("order_date")


@rule(Severity.HIGH)
def order_date_plausible(reading: Reading) -> Column:
    """before 2000, future: bends trends"""
    return (F.col("order_date") >= day(date(2000, 1, 1))) & not_future("order_date", reading)


@rule(Severity.HIGH, among_rivals=True)
def order_has_one_product(_: Reading) -> Column:
    """same order in the batch, other product, and no line_id: a line would be lost. Say what tells the lines of an \
order apart: line_id = "a header of yours" in [sources.orders], or line_id = "position" if a file always has whole \
orders
    """
    of_order = Window.partitionBy("key")
    product = F.when(~F.col("ends"), F.col("product_id"))  # a row that ends the order states no product
    same = F.min(product).over(of_order) == F.max(product).over(of_order)
    return (F.col("line_id") != F.lit("")) | same


@rule(Severity.HIGH, among_rivals=True)
def order_lines_distinct(_: Reading) -> Column:
    """line_id is the product, and the file has the same product in the order twice: two units, or one line listed \
twice. Name a header with a number for each line, line_id = "order_item_id", or set line_id = "position" in \
[sources.orders]
    """
    parts, product = (
        F.concat(F.lit(LINE_SEPARATOR), F.col(name), F.lit(LINE_SEPARATOR)) for name in ("line_id", "product_id")
    )
    is_product = F.coalesce((F.col("line_id") != F.lit("")) & F.contains(parts, product), F.lit(False))
    at_once = Window.partitionBy("source_file", "key", *TIMES)
    return ~is_product | (F.sum(F.when(F.col("ends"), 0).otherwise(1)).over(at_once) < F.lit(2))


SOURCE = Source(
    name="orders",
    columns=COLUMNS,
    computed=(ORDERED_AT,),
    rules=(
        *key_rules("order_id"),
        *key_rules("line_id", required=False, blanks=True, longest=LINE_ID_LENGTH),
        *key_rules("refund_id", required=False),
        *(intact(name) for name in ("order_id", "line_id", "refund_id")),
        *(intact(name, Severity.MEDIUM) for name in ("customer_id", "product_id")),
        present("customer_id"),
        customer_id_names_somebody,
        present("product_id"),
        present("order_date"),
        present("order_amount"),
        *text_rules(COLUMNS),
        *readable_rules(COLUMNS, high=("order_date", "order_amount")),
        *currency_rules(rate_day),
        created_timestamp_plausible,
        updated_timestamp_plausible,
        order_date_plausible,
        not_negative("order_amount", REFUND_IS_A_STATUS),
        not_zero("order_amount", "gift, replacement; no revenue"),
        within_bounds("order_amount"),
        order_has_one_product,
        order_lines_distinct,
        known("payment_method"),
        known("order_status"),
        present("shipping_address", Severity.LOW, "empty: digital, pick-up"),
    ),
    parsed=parsed,
    statements=statements,
    continued=continued,
    refolded=refolded,
    at_stake=("order_amount", "currency", "product_id"),
    about_people=("null_word_as_text", "text_marker_as_text", *TOTAL_RULES),
)
