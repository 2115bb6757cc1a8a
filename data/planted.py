"""Every odd or broken row of the sample files, beside what must become of it.

`generate.py` lays the cells of a spec over a clean row and strews the specs evenly over their file, in the
order in which they stand here. A row that is not in this list is plain and must be accepted.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

ACCEPTED = "accepted"
DUPLICATE = "duplicate"
SUPERSEDED = "superseded"
SEQUENCE_CONFLICT = "sequence_conflict"


class Raw(str):
    """The text of a cell that is written just as it stands here, never quoted by the writer."""


def as_is(line: bytes) -> bytes:
    """The line as written."""
    return line


def without_last_field(line: bytes) -> bytes:
    """Too few fields."""
    return line.rpartition(b",")[0]


def with_two_more_fields(line: bytes) -> bytes:
    """Too many fields."""
    return line + b",n/a,0"


def with_trailing_comma(line: bytes) -> bytes:
    """One empty field too many."""
    return line + b","


def in_latin_1(line: bytes) -> bytes:
    """An é as a program without UTF-8 writes it."""
    return line.replace("é".encode(), "é".encode("latin-1"))


@dataclass(frozen=True)
class Planted:
    """One record that is not plain."""

    what: str
    becomes: str = ACCEPTED
    cells: dict[str, str] = field(default_factory=dict)
    again: bool = False  # laid over the record planted before it, not over a fresh row
    damage: Callable[[bytes], bytes] = as_is
    lines_before: str = ""  # blank lines, which are no records


def odd(what: str, lines_before: str = "", **cells: str) -> Planted:
    """A strange row that is nevertheless right."""
    return Planted(what, cells=cells, lines_before=lines_before)


def bad(rules: str, what: str, **cells: str) -> Planted:
    """A row that fails just these rules."""
    return Planted(what, f"rejected: {rules}", cells)


def torn(what: str, damage: Callable[[bytes], bytes] = as_is, **cells: str) -> Planted:
    """A record that cannot be split into the header's fields."""
    return Planted(what, "rejected: line_malformed", cells, damage=damage)


def first(becomes: str, what: str, **cells: str) -> Planted:
    """A row about which `again` says more."""
    return Planted(what, becomes, cells)


def again(becomes: str, what: str, **cells: str) -> Planted:
    """Another record made of the planted one before it."""
    return Planted(what, becomes, cells, again=True)


# The rules that reject a row, by source: each is broken below.
RULES = {
    "orders": "line_malformed currency_known order_id_present order_id_well_formed customer_id_present "
    "product_id_present order_date_present order_date_readable order_amount_present order_amount_readable "
    "order_date_plausible order_amount_not_negative order_has_one_product",
    "customers": "line_malformed customer_id_present customer_id_well_formed",
    "products": "line_malformed currency_known product_id_present product_id_well_formed price_present "
    "price_readable price_not_negative",
    "inventory": "line_malformed product_id_present product_id_well_formed warehouse_location_well_formed "
    "location_well_formed stock_quantity_present stock_quantity_readable stock_quantity_not_negative",
    "shipping": "line_malformed currency_known order_id_present order_id_well_formed "
    "tracking_number_well_formed shipping_cost_readable shipping_cost_not_negative",
}

# Rejected on day 1, accepted on day 2.
PRE_ORDER = {
    "order_id": "PRE-000007",
    "customer_id": "CUST0011",
    "product_id": "P011",
    "order_date": "2025-01-17",
    "order_amount": "109.98",
    "payment_method": "invoice",
    "shipping_address": "12 Harbor Street, Portland, OR 97202",
    "order_status": "pending",
    "created_timestamp": "2025-01-15 04:55:00",
}

ORDERS_1 = [
    odd(
        "time with an offset: in UTC it is 14 January",
        order_date="2025-01-13 23:30:00-05:00",
        order_status="confirmed",
        created_timestamp="2025-01-14 04:30:20",
    ),
    odd(
        "time as T..Z",
        order_date="2025-01-14T10:30:00Z",
        order_status="pending",
        created_timestamp="2025-01-14T10:30:05Z",
    ),
    odd(
        "midnight beside the day",
        order_date="2025-01-12 00:00:00",
        order_status="processing",
        created_timestamp="2025-01-12 14:02:51",
    ),
    odd(
        "time without an offset",
        order_date="2025-01-11 21:05:44",
        order_status="processing",
        created_timestamp="2025-01-12 01:00:00",
    ),
    odd("the earliest day allowed", order_date="2000-01-01", order_status="completed"),
    odd(
        "the latest day allowed: one after the trigger's",
        order_date="2025-01-16",
        order_status="pending",
        created_timestamp="2025-01-15 05:40:00",
    ),
    odd("a gift: 0.00", order_amount="0.00"),
    odd("amount `12.500`", order_amount="12.500"),
    odd("amount `+15.00`", order_amount="+15.00"),
    odd("amount without decimals and with leading zeros", order_amount="0089"),
    odd("amount in quotes, blanks outside them", order_amount=Raw(' "64.50"  ')),
    odd("an amount above 100,000 may be real", order_amount="125000.00"),
    odd("currency `usd`", currency="usd"),
    odd("no currency: USD", currency=""),
    odd("EUR has no rate yet", currency="EUR"),
    odd("a refund is a status, the amount stays positive", order_status="refunded"),
    odd("`canceled` with one l", order_status="canceled"),
    odd("status `On-Hold`", order_status="On-Hold"),
    odd("status with capitals and blanks", order_status="  Awaiting  Pickup "),
    odd("a payment method that nobody knows", payment_method="seashells"),
    odd("blanks and a tab around the cells", customer_id="  CUST0011 ", product_id="\tP011 "),
    odd("no-break spaces around the cells", customer_id="\u00a0CUST0012\u00a0", order_amount="\u00a058.00"),
    odd("a zero-width space and a BOM around the id", order_id="\u200bWEB-90017\ufeff"),
    odd("no address: a download", shipping_address=""),
    odd(
        "a comma and doubled quotes in the address",
        shipping_address='The "Blue" House, 4 Hill Rd, Boise, ID 83702',
    ),
    odd("a newline in the address", shipping_address="Ana Ruiz\n88 Cedar Lane, Reno, NV 89501"),
    odd(
        "a carriage return and newline in the address",
        shipping_address="Unit 5\r\n7 Elm Street, Tampa, FL 33606",
    ),
    odd("an inch sign in a bare field", shipping_address=Raw('Locker with the 5" screen by Gate 2')),
    odd("a backslash before the closing quote", shipping_address="Depot 3, shelf C:\\"),
    odd("quotes around nothing: an empty cell", shipping_address=Raw('""')),
    odd("an id of digits, zeros in front", order_id="000123"),
    odd("the same without the zeros is another order", order_id="123"),
    odd("`#` in front is no comment", order_id="#1042"),
    odd("an id with `-`", order_id="WEB-2025-0114-A"),
    odd("an id that looks like a number", order_id="1E5"),
    odd("an id of 64 characters", order_id="MKT-" + "7Q4Z" * 15),
    odd("a customer who comes on day 2", customer_id="CUST0205"),
    odd("a customer who never comes", customer_id="CUST9999"),
    odd("a product that comes on day 2", product_id="P131"),
    odd("created_timestamp missing", created_timestamp=""),
    odd("created_timestamp unreadable, not a high rule", created_timestamp="14/01/2025 08:15"),
    bad("order_id_present", "no order id", order_id=""),
    bad("order_id_well_formed", "a blank inside the id", order_id="ORD 000777"),
    bad("order_id_well_formed", "a no-break space inside the id", order_id="ORD\u00a0000778"),
    bad("order_id_well_formed", "a tab inside the id", order_id="ORD\t000779"),
    bad("order_id_well_formed", "a newline inside the id", order_id="ORD\n000780"),
    bad("order_id_well_formed", "an id of 65 characters", order_id="MKT-" + "7Q4Z" * 15 + "9"),
    bad("customer_id_present", "no customer id", customer_id=""),
    bad("product_id_present", "no product id", product_id=""),
    bad("order_date_present", "no date", order_date=""),
    bad("order_date_present", "blanks for a date", order_date="   "),
    bad("order_date_readable", "date `2025`", order_date="2025"),
    bad("order_date_readable", "date `10:30:00`", order_date="10:30:00"),
    bad("order_date_readable", "31 February", order_date="2025-02-31"),
    bad("order_date_readable", "date `29.02.2025`", order_date="29.02.2025"),
    bad("order_date_readable", "date `01/14/2025`", order_date="01/14/2025"),
    bad("order_date_readable", "a year after 2200 is no date", order_date="5202-01-14"),
    bad("order_date_plausible", "the last day of 1999", order_date="1999-12-31"),
    bad(
        "order_date_plausible",
        "two days after the trigger; day 2 says it again",
        **PRE_ORDER,
    ),
    bad("order_amount_present", "no amount", order_amount=""),
    bad("order_amount_present", "quotes around blanks for an amount", order_amount=Raw('"  "')),
    bad("order_amount_readable", "amount `12.999`", order_amount="12.999"),
    bad("order_amount_readable", "amount `1e3`", order_amount="1e3"),
    bad("order_amount_readable", "amount `1,234.50`", order_amount="1,234.50"),
    bad("order_amount_readable", "amount `$49.99`", order_amount="$49.99"),
    bad("order_amount_readable", "amount `NaN`", order_amount="NaN"),
    bad("order_amount_not_negative", "below zero", order_amount="-25.00"),
    again("rejected: order_amount_not_negative", "the same row again: rejected first, so no duplicate"),
    bad("currency_known", "currency `BTC`", currency="BTC"),
    bad("currency_known", "currency `US$`", currency="US$"),
    bad(
        "customer_id_present, order_date_readable, order_amount_not_negative, currency_known",
        "four defects at once",
        customer_id="",
        order_date="yesterday",
        order_amount="-1.00",
        currency="DOLLARS",
    ),
    bad(
        "product_id_present, order_date_plausible, order_amount_readable",
        "three defects at once",
        product_id="",
        order_date="2025-11-14",
        order_amount="12,50",
    ),
    torn("too few fields", without_last_field),
    torn("too many fields", with_two_more_fields),
    torn("a trailing comma", with_trailing_comma),
    torn("text after the closing quote", shipping_address=Raw('"14 Elm Street, Denver, CO 80205" rear door')),
    torn(
        "a quote that is never closed, good rows follow",
        shipping_address=Raw('"9 Oak Street, Madison, WI 53703'),
    ),
    torn("an é in Latin-1", in_latin_1, shipping_address="12 rue André, 75011 Paris"),
    bad("order_has_one_product", "two products in one order, first line", product_id="P021"),
    again("rejected: order_has_one_product", "two products in one order, second line", product_id="P022"),
    bad("order_has_one_product", "fails because of the next one", product_id="P023"),
    again(
        "rejected: order_has_one_product, order_amount_not_negative",
        "the other product, and below zero",
        product_id="P024",
        order_amount="-5.00",
    ),
    odd("an order of one product: the next row names none", product_id="P025"),
    again("rejected: product_id_present", "no product is no other product", product_id=""),
    odd("an exact duplicate follows"),
    again(DUPLICATE, "the same row again"),
    odd("two duplicates in other spelling follow", order_amount="44.50", shipping_address="3 Union Street"),
    again(
        DUPLICATE,
        "the same values: zeros, blanks, quotes differ",
        order_amount="44.500",
        shipping_address=Raw(' "3 Union Street"'),
    ),
    again(DUPLICATE, "and a third time", order_amount="+044.5", shipping_address="3 Union Street  "),
    first(
        SUPERSEDED,
        "an older statement of an order",
        order_date="2025-01-12",
        order_status="pending",
        created_timestamp="2025-01-12 09:00:00",
    ),
    again(
        ACCEPTED,
        "the newest statement of it",
        order_status="processing",
        created_timestamp="2025-01-13 15:30:00",
    ),
    again(
        SUPERSEDED,
        "one without created_timestamp: the oldest",
        order_status="confirmed",
        created_timestamp="",
    ),
    again(
        DUPLICATE,
        "a copy of the older statement",
        order_status="pending",
        created_timestamp="2025-01-12 09:00:00",
    ),
    first(
        SEQUENCE_CONFLICT,
        "two statements of one instant, status pending: the later record counts",
        order_status="pending",
        created_timestamp="2025-01-14 12:00:00",
    ),
    again(
        ACCEPTED,
        "two statements of one instant, status confirmed",
        order_status="confirmed",
        created_timestamp="2025-01-14 12:00:00",
    ),
]

CUSTOMERS_1 = [
    odd("a plus-address", email="rebecca.stone+shop@example.com", first_name="Rebecca", last_name="Stone"),
    odd("names of one letter and of two", first_name="Q", last_name="Ng", email="q@example.org"),
    odd(
        "an apostrophe in the name",
        first_name="Shane",
        last_name="O'Brien",
        email="shane.o'brien@example.net",
    ),
    odd("a single name", first_name="Suharto", last_name="", email="suharto@example.com"),
    odd(
        "Chinese",
        first_name="小明",
        last_name="王",
        email="xiaoming.wang@example.com",
        phone="+886 2 0000 0117",
        address="松壽路12號",
        city="台北市",
        state="",
        zip_code="110",
        country="Taiwan",
    ),
    odd(
        "Arabic",
        first_name="ليلى",
        last_name="حداد",
        email="layla.haddad@example.org",
        phone="+962 6 000 0142",
        address="شارع الرينبو 18",
        city="عمّان",
        state="",
        zip_code="11181",
        country="Jordan",
    ),
    odd(
        "Cyrillic",
        first_name="Дмитрий",
        last_name="Лебедев",
        email="d.lebedev@example.net",
        phone="+380 44 000 0163",
        address="вулиця Садова 7",
        city="Київ",
        state="",
        zip_code="01001",
        country="Ukraine",
    ),
    odd("accents", first_name="Zoë-Łucja", last_name="Müller-Żółć", email="zoe.mueller@example.com"),
    odd("an emoji in the name", first_name="Sunny 🌻", last_name="Park", email="sunny.park@example.org"),
    odd("the name Null is a name", first_name="Jordan", last_name="Null", email="jordan.null@example.com"),
    odd("a guest without e-mail and phone", email="", phone=""),
    odd("a foreign phone with an extension", phone="+44 (0)20 7946-0958 x12"),
    odd(
        "born on 29 February",
        date_of_birth="2024-02-29",
        registration_date="2024-12-20",
        last_login="2024-12-20 18:00:00",
        created_timestamp="2024-12-20 18:00:00",
    ),
    odd("31 February as a birthday: empty, not a high rule", date_of_birth="31 Feb"),
    odd("registration `2025`: empty, not a high rule", registration_date="2025"),
    odd("last login `10:30:00`: empty, not a high rule", last_login="10:30:00"),
    odd("comes after two blank lines, which are no records", lines_before="\n \t \n"),
    odd(
        "blanks around the cells",
        first_name="  Eleanor",
        last_name="Whitfield   ",
        email="  e.whitfield@example.net ",
    ),
    odd("no-break spaces around the cells", city="\u00a0Portland\u00a0", state="\u3000OR", zip_code="97214"),
    odd("a newline and doubled quotes in the address", address='Studio "Nine"\n1120 Church Street'),
    odd("tier with capitals", customer_tier="GOLD"),
    odd("an id of digits, zeros in front", customer_id="000123"),
    odd("an id with `#`", customer_id="POS#77"),
    odd("a name like a formula", first_name="=1+1", last_name="@home", email="formula@example.com"),
    bad("customer_id_present", "no customer id", customer_id=""),
    bad("customer_id_well_formed", "a blank inside the id", customer_id="CUST 0900"),
    bad("customer_id_well_formed", "an id of 65 characters", customer_id="C" * 65),
    torn("too few fields", without_last_field),
    torn("text after the closing quote", address=Raw('"221 Elm Street"B')),
    torn(
        "an é in Latin-1",
        in_latin_1,
        first_name="Renée",
        last_name="Larsen",
        email="renee.larsen@example.net",
    ),
    odd("an exact duplicate follows"),
    again(DUPLICATE, "the same row again"),
    first(
        SUPERSEDED,
        "an older statement of a customer",
        customer_tier="bronze",
        created_timestamp="2025-01-09 10:00:00",
    ),
    again(ACCEPTED, "the newer statement of it", customer_tier="silver", created_timestamp="2025-01-13 10:00:00"),
]

PRODUCTS_1 = [
    odd(
        "an inch sign in a bare field",
        product_name=Raw('27" Curved Monitor'),
        category="Electronics",
        subcategory="Computers",
        brand="Pixelry",
        price="279.00",
        weight_kg="5.2",
        dimensions_cm="62x46x21",
        color="black",
        material="plastic",
        description="WQHD panel, height adjustable.",
    ),
    odd("a free sample: price 0.00", price="0.00"),
    odd("a formula for a description", description="=SUM(1,2)"),
    odd(
        "a newline and doubled quotes in the description",
        description='Called "the best of 2024".\nShips in May.',
    ),
    odd("discontinued `Y`", discontinued="Y", stock_quantity="0"),
    odd("discontinued `no`", discontinued="no"),
    odd("stock `12.0`", stock_quantity="12.0"),
    odd("stock `1e3`: empty, here not a high rule", stock_quantity="1e3"),
    odd("weight `12.999`: four decimals are allowed", weight_kg="12.999"),
    odd("launched on `29.02.2025`: empty, not a high rule", launch_date="29.02.2025"),
    odd("currency ` usd `", currency=" usd "),
    odd("EUR has no rate yet", currency="EUR"),
    odd("an id that looks like a number", product_id="00E12"),
    bad("product_id_present", "no product id", product_id=""),
    bad("product_id_well_formed", "a blank inside the id", product_id="P 900"),
    bad("price_present", "no price", price=""),
    bad("price_readable", "price `12.999`", price="12.999"),
    bad("price_readable", "price `1e3`", price="1e3"),
    bad("price_readable", "price `1,234.50`", price="1,234.50"),
    bad("price_not_negative", "below zero", price="-4.99"),
    bad("currency_known", "currency `DOLLAR`", currency="DOLLAR"),
    torn("a trailing comma", with_trailing_comma),
    torn("an é in Latin-1", in_latin_1, brand="Café Mondial"),
    odd("an exact duplicate follows", price="45.90"),
    again(DUPLICATE, "the same values, other zeros and quotes", price=Raw('"45.9000"')),
    first(SUPERSEDED, "an older price", price="22.00", created_timestamp="2025-01-07 08:00:00"),
    again(ACCEPTED, "the newer price", price="23.50", created_timestamp="2025-01-10 08:00:00"),
]

INVENTORY_1 = [
    odd("stock `12.0`", stock_quantity="12.0"),
    odd("stock `+40`", stock_quantity="+40", stock_status="In Stock"),
    odd("no warehouse: UNKNOWN", warehouse_location=""),
    odd("a comma in the warehouse", warehouse_location="Rotterdam, Pier 7"),
    odd("a product that comes on day 2", product_id="P132"),
    odd("last_updated `10:30:00`: empty, not a high rule", last_updated="10:30:00"),
    bad("product_id_present", "no product id", product_id=""),
    bad("product_id_well_formed", "a blank inside the id", product_id="P0 14"),
    bad("warehouse_location_well_formed", "a newline inside the warehouse", warehouse_location="Reno\nNV"),
    bad(
        "warehouse_location_well_formed",
        "a warehouse of 65 characters",
        warehouse_location="Annex " + "9" * 59,
    ),
    bad("stock_quantity_present", "no stock", stock_quantity=""),
    bad("stock_quantity_readable", "stock `12.5`", stock_quantity="12.5"),
    bad("stock_quantity_readable", "stock `1e3`", stock_quantity="1e3"),
    bad("stock_quantity_readable", "stock `1,234.50`", stock_quantity="1,234.50"),
    bad("stock_quantity_not_negative", "below zero", stock_quantity="-3"),
    torn("too few fields", without_last_field),
    torn("a quote that is never closed, and no quote after it", warehouse_location=Raw('"Dallas TX')),
    odd("an exact duplicate follows"),
    again(DUPLICATE, "the same row again"),
    first(SUPERSEDED, "an older count", stock_quantity="31", created_timestamp="2025-01-14 02:00:00"),
    again(ACCEPTED, "the newer count", stock_quantity="28", created_timestamp="2025-01-15 02:00:00"),
]

SHIPPING_1 = [
    odd("a split order: the first parcel", tracking_number="SPLIT-0001-A"),
    again(ACCEPTED, "a split order: the second parcel", tracking_number="SPLIT-0001-B", shipping_cost="0.00"),
    odd("no tracking number yet", tracking_number="", actual_delivery=""),
    odd(
        "an order that comes on day 2",
        order_id="LATE-000031",
        estimated_delivery="2025-01-20",
        actual_delivery="",
        created_timestamp="2025-01-15 04:10:00",
    ),
    odd("a cost of `12.500`", shipping_cost="12.500"),
    odd("free", shipping_cost="0"),
    odd("no cost: not a high rule", shipping_cost=""),
    odd("currency `usd`", currency="usd"),
    odd("EUR has no rate yet", currency="EUR"),
    odd("delivered on 31 February: empty, not a high rule", actual_delivery="2025-02-31"),
    odd("a shipping method that nobody knows", shipping_method="Carrier Pigeon"),
    odd("a tracking number with `#` and `-`", tracking_number="#77-0042"),
    bad("order_id_present", "no order id", order_id=""),
    bad("order_id_well_formed", "a blank inside the order id", order_id="ORD 000042"),
    bad("tracking_number_well_formed", "a blank inside the tracking number", tracking_number="1Z 999 AA1"),
    bad("shipping_cost_readable", "a cost of `12.999`", shipping_cost="12.999"),
    bad("shipping_cost_readable", "a cost of `1e3`", shipping_cost="1e3"),
    bad("shipping_cost_readable", "a cost of `1,234.50`", shipping_cost="1,234.50"),
    bad("shipping_cost_not_negative", "below zero", shipping_cost="-6.99"),
    bad("currency_known", "currency `XBT`", currency="XBT"),
    bad(
        "order_id_present, shipping_cost_readable, currency_known",
        "three defects at once",
        order_id="",
        shipping_cost="free",
        currency="???",
    ),
    torn("too many fields", with_two_more_fields),
    torn("text after the closing quote", dimensions_cm=Raw('"30x20x10" cm')),
    odd("an exact duplicate follows"),
    again(DUPLICATE, "the same row again"),
    first(
        SUPERSEDED,
        "an older statement of a parcel",
        shipping_cost="9.99",
        created_timestamp="2025-01-13 10:00:00",
    ),
    again(ACCEPTED, "the newer statement of it", shipping_cost="7.49", created_timestamp="2025-01-14 10:00:00"),
]

ORDERS_2 = [
    odd("the latest day allowed: one after the trigger's", order_date="2025-01-17"),
    odd("refused on day 1 as too far ahead, now in time", **PRE_ORDER),
    odd("an order of day 1 with its id in lower case is another one", order_id="ord000010"),
    odd("comes after a line of blanks, which is no record", lines_before="   \t\n"),
    odd(
        "its parcel came on day 1",
        order_id="LATE-000031",
        order_date="2025-01-14",
        order_status="shipped",
        created_timestamp="2025-01-14 22:40:00",
    ),
    odd("no sales channel", sales_channel=""),
    odd("status `Pending`", order_status="Pending"),
    odd("a customer of day 1 with zeros in front", customer_id="000123"),
    bad("order_id_present", "no order id", order_id=""),
    bad("order_id_well_formed", "a DEL character inside the id", order_id="ORD\x7f000999"),
    bad("customer_id_present", "no-break spaces for a customer id", customer_id="\u00a0\u00a0"),
    bad("product_id_present", "no product id", product_id=""),
    bad("order_date_readable", "date `2025-1-16`", order_date="2025-1-16"),
    bad("order_date_readable", "an hour of 25", order_date="2025-01-16 25:10:00"),
    bad("order_date_plausible", "two days after the trigger", order_date="2025-01-18"),
    bad("order_amount_readable", "amount `12.999`", order_amount="12.999"),
    bad("order_amount_readable", "amount with a currency", order_amount="19.99 USD"),
    bad("order_amount_not_negative", "below zero", order_amount="-0.01"),
    bad("currency_known", "currency `EURO`", currency="EURO"),
    bad("order_has_one_product", "two products in one order, first line", product_id="P031"),
    again("rejected: order_has_one_product", "two products in one order, second line", product_id="P032"),
    torn("too few fields: the old header's ten", without_last_field),
    torn("too many fields", with_two_more_fields),
    torn("a quote that is never closed, good rows follow", shipping_address=Raw('"31 River Road, Tampa')),
    odd("an exact duplicate follows"),
    again(DUPLICATE, "the same row again"),
    first(
        SEQUENCE_CONFLICT,
        "a row that differs in sales_channel alone follows: the later record counts",
        sales_channel="web",
    ),
    again(ACCEPTED, "the same but for sales_channel", sales_channel="store"),
    odd(
        "the newer statement of an order",
        order_date="2025-01-15",
        order_status="cancelled",
        created_timestamp="2025-01-15T20:00:00Z",
    ),
    again(
        SUPERSEDED,
        "the older one: 21:30 at +02:00 is 19:30 in UTC",
        order_status="pending",
        created_timestamp="2025-01-15T21:30:00+02:00",
    ),
]

CUSTOMERS_2 = [
    odd("a carriage return and newline in the address", address="c/o Marlow\r\n540 Juniper Way"),
    odd("Devanagari", first_name="आशा", last_name="शर्मा", email="asha.sharma@example.com"),
    odd("an e-mail without an `@`: not a high rule", email="asks-for-none"),
    odd("the phone of day 1 is gone", phone=""),
    bad("customer_id_present", "blanks for a customer id", customer_id="   "),
    bad("customer_id_well_formed", "a newline inside the id", customer_id="CUST\n0901"),
    torn("too many fields", with_two_more_fields),
    torn("a quote that is never closed, good rows follow", address=Raw('"77 Orchard Lane')),
    odd("an exact duplicate follows"),
    again(DUPLICATE, "the same row again"),
    first(
        SEQUENCE_CONFLICT,
        "two statements of one instant, tier silver: the later record counts",
        customer_tier="silver",
        created_timestamp="2025-01-15 20:00:00",
    ),
    again(
        ACCEPTED,
        "two statements of one instant, tier gold",
        customer_tier="gold",
        created_timestamp="2025-01-15 20:00:00",
    ),
]

PRODUCTS_2 = [
    odd("a price of `+18.00`", price="+18.00"),
    odd("discontinued `maybe`: NULL, not a high rule", discontinued="maybe"),
    odd("a stock below zero: here not a high rule", stock_quantity="-2"),
    bad("product_id_present", "no product id", product_id=""),
    bad("product_id_well_formed", "a zero-width space inside the id", product_id="P0\u200b21"),
    bad("price_present", "no price for a product of day 1", price=""),
    bad("price_readable", "price `19,99`", price="19,99"),
    bad(
        "price_not_negative, currency_known",
        "below zero, and no currency of this world",
        price="-10",
        currency="GAL",
    ),
    torn("too few fields", without_last_field),
    torn("text after the closing quote", description=Raw('"Now in ""mint"""!')),
    odd("an exact duplicate follows"),
    again(DUPLICATE, "the same row again"),
]

INVENTORY_2 = [
    odd("a bin: another key than the warehouse without one", location="A-04-17"),
    odd("a bin with blanks", location="Mezzanine 2 left"),
    odd("a warehouse in lower case is another one", warehouse_name="reno nv"),
    odd("no warehouse: UNKNOWN", warehouse_name=""),
    bad("product_id_present", "no product id", product_id=""),
    bad("product_id_well_formed", "a tab inside the id", product_id="P\t014"),
    bad("warehouse_location_well_formed", "a newline inside the warehouse", warehouse_name="Newark\nNJ"),
    bad("location_well_formed", "a tab inside the bin", location="A-04\t18"),
    bad("location_well_formed", "a bin of 65 characters", location="B" * 65),
    bad("stock_quantity_present", "no stock", stock_quantity=""),
    bad("stock_quantity_readable", "a stock in words", stock_quantity="a dozen"),
    bad("stock_quantity_readable", "a stock of nineteen digits", stock_quantity="1" * 19),
    bad("stock_quantity_not_negative", "below zero", stock_quantity="-1.0"),
    torn("a trailing comma", with_trailing_comma),
    torn("text after the closing quote", warehouse_name=Raw('"Dallas" TX')),
    odd("an exact duplicate follows"),
    again(DUPLICATE, "the same row again"),
]

SHIPPING_2 = [
    odd("a split order: a parcel more", tracking_number="SPLIT-0002-B", shipping_cost="0.00"),
    odd("no tracking number yet", tracking_number="", actual_delivery="", shipping_status="label_created"),
    odd("an order that never comes", order_id="ORD999001"),
    odd("insured for an unreadable sum: empty, not a high rule", insurance_value="1e3"),
    odd("service type in capitals", service_type="TWO-DAY"),
    bad("order_id_present", "no order id", order_id=""),
    bad("order_id_well_formed", "a blank inside the order id", order_id="ORD 000101"),
    bad("tracking_number_well_formed", "a tracking number of 65 characters", tracking_number="9" * 65),
    bad("shipping_cost_readable", "a cost of `5.99 USD`", shipping_cost="5.99 USD"),
    bad("shipping_cost_not_negative", "below zero", shipping_cost="-0.50"),
    bad("currency_known", "currency `U$D`", currency="U$D"),
    torn("a quote that is never closed, good rows follow", destination_address=Raw('"5 Church Street, Boston')),
    torn("an é in Latin-1", in_latin_1, destination_address="Café Lumen, Lyon"),
    odd("an exact duplicate follows"),
    again(DUPLICATE, "the same row again"),
    first(
        SUPERSEDED,
        "an older statement of a parcel",
        shipping_status="in_transit",
        created_timestamp="2025-01-15 08:00:00",
    ),
    again(
        ACCEPTED,
        "the newer statement of it",
        shipping_status="out_for_delivery",
        created_timestamp="2025-01-15 16:00:00",
    ),
]
