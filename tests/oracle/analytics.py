"""The analytics tables as they stand today: each a whole function of the targets and of enriched_orders.

`orders` is enriched_orders. "A sum adds the published column; a formula uses the published columns that it names." """

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from . import sources, values
from .enriched import season_of
from .settings import Settings
from .tables import (
    ZERO,
    Targets,
    by,
    cancelled_orders,
    current,
    distinct,
    exact_sum,
    money_each,
    order_figures,
    orders_in,
    price_reporting,
    ratio_of,
    return_rate,
    revenue_only,
    sales,
    share,
    stock,
    total,
)
from .values import Row

YEAR = 365
SEGMENTS = ("VIP", "High Value", "Medium Value", "Low Value")


def _of_each(versions: Iterable[Row], orders: Iterable[Row], key: str) -> list[tuple[str, Row, list[Row]]]:
    """Of each key with a current version or an order: key, current version or {}, orders."""
    version = {row[key]: row for row in current(versions)}
    placed = {name: rows for (name,), rows in by(orders, key).items() if name is not None}
    return [(name, version.get(name, {}), placed.get(name, [])) for name in sorted({*version, *placed})]


def _first(counted: dict[str, Any]) -> str | None:
    """Most, then alphabet."""
    return min(counted, key=lambda name: (-counted[name], name), default=None)


# -- customer_analytics ----------------------------------------------------------------------------


def customer_analytics(targets: Targets, orders: list[Row], today: date, settings: Settings) -> list[Row]:
    """One row a customer with a current version or an order."""
    return [
        _customer(customer_id, version, its_orders, today, settings)
        for customer_id, version, its_orders in _of_each(targets["customers"], orders, "customer_id")
    ]


def _customer(customer_id: str, version: Row, orders: list[Row], today: date, settings: Settings) -> Row:
    figures = order_figures(orders, settings)
    spent, margin = figures["revenue"], figures["margin_estimate"]
    row = {
        "customer_id": customer_id,
        "orders": figures["orders"],
        "revenue_orders": figures["revenue_orders"],
        "total_spent": spent,  # = revenue, net
        "gross_revenue": figures["gross_revenue"],
        "refunds": figures["refunds"],
        "aov": figures["aov"],
        **_dates(orders, today),
        "cancelled_orders": cancelled_orders(orders),
        "return_rate": return_rate(orders),
        "favourite_category": _favourite_category(orders),
        "margin_estimate": margin,
        "customer_tier": version.get("customer_tier"),
        "age_group": sources.age_group(version.get("date_of_birth"), today),
        "lifecycle_stage": sources.customer_lifecycle(version.get("registration_date"), today),
        "customer_segment": _segment(spent, figures["revenue_orders"], settings),
        "clv_historic": margin,  # = sum of margin_estimate
        "clv_model": "historic_v1",
    }
    return row | _rfm(row, settings) | _clv(row, settings)


def _days(rows: list[Row]) -> list[date]:
    """The day of each revenue order: of its first revenue line."""
    return [min(line["order_date"] for line in lines) for lines in orders_in(revenue_only(rows)).values()]


def _dates(orders: list[Row], today: date) -> Row:
    """Over revenue orders: `order_days` (distinct), `first_order_date, last_order_date, days_since_first_order,
    days_since_last_order, avg_days_between_orders` = (last - first) / (order_days - 1). No revenue order: dates and
    days NULL (the number of days is 0)."""
    days = sorted({*_days(orders)})
    first, last = (days[0], days[-1]) if days else (None, None)
    return {
        "order_days": len(days),
        "first_order_date": first,
        "last_order_date": last,
        "days_since_first_order": sources.days_between(first, today),
        "days_since_last_order": sources.days_between(last, today),
        "avg_days_between_orders": share((days[-1] - days[0]).days, len(days) - 1) if days else None,
    }


def _favourite_category(orders: list[Row]) -> str | None:
    """Most orders, then alphabet; "counts all orders, NULL left out"; a category of refunds alone has none."""
    placed = by(sales(orders), "product_category")
    return _first({category: len(orders_in(rows)) for (category,), rows in placed.items() if category is not None})


def _segment(spent: Decimal, revenue_orders: int, settings: Settings) -> str:
    """total_spent and revenue_orders: VIP >= 1000 and >= 5; High Value >= 500, >= 3; Medium Value >= 200, >= 2; Low
    Value"""
    scale = settings.scale
    bounds = (scale.vip, scale.high_value, scale.medium_value)
    for name, (money, least) in zip(SEGMENTS, bounds, strict=False):
        if spent >= money and revenue_orders >= least:
            return name
    return "Low Value"


def _score(fits: Callable[[Any], bool], bounds: Sequence[Any]) -> int:
    """5, 4, 3, 2 for the first bound that fits, else 1."""
    return next((score for score, bound in zip((5, 4, 3, 2), bounds, strict=True) if fits(bound)), 1)


def _rfm(row: Row, settings: Settings) -> Row:
    """`r_score` by days_since_last_order (<= 30: 5, <= 60: 4, <= 90: 3, <= 180: 2, else 1), `f_score` by
    revenue_orders (>= 10: 5, >= 5: 4, 3-4: 3, 2: 2, 1: 1), `m_score` by total_spent (>= 1000: 5, >= 500: 4, >= 200:
    3, >= 100: 2, else 1). No revenue order: NULL."""
    if not row["revenue_orders"]:
        return dict.fromkeys(("r_score", "f_score", "m_score", "rfm_group"))
    scale = settings.scale
    r = _score(lambda most: row["days_since_last_order"] <= most, scale.recency_days)
    f = _score(lambda least: row["revenue_orders"] >= least, scale.frequency_orders)
    m = _score(lambda least: row["total_spent"] >= least, scale.monetary)
    return {"r_score": r, "f_score": f, "m_score": m, "rfm_group": _rfm_group(r, f)}


def _rfm_group(r: int, f: int) -> str:
    """First that fits: Champion r>=4 f>=4; Loyal f>=4; New r>=4 f=1; At Risk r<=2 f>=3; Lost r=1; else Regular."""
    groups = [
        ("Champion", r >= 4 and f >= 4),
        ("Loyal", f >= 4),
        ("New", r >= 4 and f == 1),
        ("At Risk", r <= 2 and f >= 3),
        ("Lost", r == 1),
    ]
    return next((name for name, fits in groups if fits), "Regular")


def _clv(row: Row, settings: Settings) -> Row:
    """`expected_orders_12m` = 365 x (order_days - 1) / (365 + days_since_first_order). `clv_estimate` = clv_historic +
    expected_orders_12m x clv_historic / revenue_orders. No revenue order: nothing is expected."""
    if not row["revenue_orders"]:
        return {"expected_orders_12m": Decimal("0.0000"), "clv_estimate": row["clv_historic"]}
    expected = share(YEAR * (row["order_days"] - 1), YEAR + row["days_since_first_order"])
    if expected is None:  # the first order lies a year ahead: order_date_plausible knows better
        return {"expected_orders_12m": None, "clv_estimate": None}
    promised = values.ratio(values.product(expected, row["clv_historic"]), row["revenue_orders"])
    assert promised is not None
    return {
        "expected_orders_12m": expected,
        "clv_estimate": values.money(exact_sum([row["clv_historic"], promised]), settings.places),
    }


# -- product_analytics -----------------------------------------------------------------------------


def product_analytics(targets: Targets, orders: list[Row], today: date, settings: Settings) -> list[Row]:
    """One row a product with a current version or an order."""
    bins = by(current(targets["inventory"]), "product_id")
    rows = [
        _product(product_id, version, its_orders, bins.get((product_id,), []), today, settings)
        for product_id, version, its_orders in _of_each(targets["products"], orders, "product_id")
    ]
    ordered = [row for row in rows if row["orders"]]
    for row in rows:
        row["performance_score"] = _performance_score(row, ordered)
    return rows


def _product(product_id: str, version: Row, orders: list[Row], bins: list[Row], today: date, settings: Settings) -> Row:
    """`customers`, `last_order_date`: both of revenue orders. `stock_quantity`: inventory's."""
    counted = revenue_only(orders)
    row = {
        "product_id": product_id,
        "product_name": version.get("product_name"),
        "category": version.get("category"),
        "brand": version.get("brand"),
        "price_reporting": price_reporting(version, today, settings),
        **order_figures(orders, settings),
        "customers": distinct(counted, "customer_id"),
        "last_order_date": max((order["order_date"] for order in counted), default=None),
        "return_rate": return_rate(orders),
        "stock_quantity": stock(bins),
        "lifecycle_stage": _product_stage(version, today),
    }
    return (
        row | _pace(_days(orders), row["stock_quantity"], today) | {"performance_category": _performance(row, settings)}
    )


def _product_stage(version: Row, today: date) -> str | None:
    """As in stage (Discontinued; Upcoming < 0; New < 90; Growing < 365; Mature), as at today."""
    if not version:
        return None
    return sources.product_lifecycle(version["discontinued"], sources.days_between(version["launch_date"], today))


def _pace(days: list[date], stock_quantity: int | None, today: date) -> Row:
    """`orders_per_day` = n / d (n revenue orders of days after today - 90 and up to today; d = days from the first of
    them to today + 1), `days_of_stock` = stock_quantity x d / n."""
    recent = [day for day in days if today - timedelta(days=90) < day <= today]
    if not recent:  # no first of them: d is unknown
        return {"orders_per_day": None, "days_of_stock": None}
    n, d = len(recent), (today - min(recent)).days + 1
    return {
        "orders_per_day": share(n, d),
        "days_of_stock": None if stock_quantity is None else share(stock_quantity * d, n),
    }


def _performance(row: Row, settings: Settings) -> str:
    """revenue and revenue_orders: Star >= 5000 and >= 20; High Performer >= 2000, >= 10; Medium Performer >= 500, >= 5;
    Low Performer"""
    scale = settings.scale
    for name, (money, least) in [
        ("Star", scale.star),
        ("High Performer", scale.high_performer),
        ("Medium Performer", scale.medium_performer),
    ]:
        if row["revenue"] >= money and row["revenue_orders"] >= least:
            return name
    return "Low Performer"


def _percent_rank(value: Any, among: list[Any]) -> Fraction:
    """As in SQL: (rank - 1) / (n - 1), 0 when n = 1."""
    lesser = sum(other < value for other in among)
    return Fraction(lesser, len(among) - 1) if len(among) > 1 else Fraction(0)


def _performance_score(row: Row, ordered: list[Row]) -> Decimal | None:
    """(0-100) = 100 x (0.5 x percent_rank(revenue) + 0.3 x percent_rank(revenue_orders) + 0.2 x (1 - return_rate))
    among products with orders; else 0."""
    if not row["orders"]:
        return Decimal("0.0000")
    score = 50 * _percent_rank(row["revenue"], [other["revenue"] for other in ordered])
    score += 30 * _percent_rank(row["revenue_orders"], [other["revenue_orders"] for other in ordered])
    score += 20 * (1 - Fraction(row["return_rate"]))
    return share(score.numerator, score.denominator)


# -- seasonal_analysis -----------------------------------------------------------------------------


def seasonal_analysis(orders: list[Row], today: date, settings: Settings) -> list[Row]:
    """One row a month with orders or refunds."""
    rows = [_month(month, its_orders, today, settings) for (month,), its_orders in by(orders, "order_month").items()]
    revenue_of = {row["order_month"]: row["revenue"] for row in rows}
    complete = [row["revenue"] for row in rows if row["is_complete"]]
    mean = values.ratio(sum(complete, ZERO), len(complete))
    for row in rows:
        month: date = row["order_month"]
        before = (month - timedelta(days=1)).replace(day=1)
        row["change_previous"] = _change(row["revenue"], revenue_of.get(before))
        row["change_year"] = _change(row["revenue"], revenue_of.get(month.replace(year=month.year - 1)))
        # revenue / mean revenue of the complete months
        row["seasonal_index"] = share(row["revenue"], mean) if mean is not None and mean > 0 else None
    return sorted(rows, key=lambda row: str(row["order_month"]))


def _month(month: date, orders: list[Row], today: date, settings: Settings) -> Row:
    """`new_buyers` = orders with is_first_order; `is_complete`: the month has ended today."""
    figures = order_figures(orders, settings)
    following = (month + timedelta(days=31)).replace(day=1)
    return {
        "order_month": month,
        **season_of(month, settings),
        "orders": figures["orders"],
        **{name: figures[name] for name in ("revenue", "gross_revenue", "refunds", "aov")},
        "buyers": distinct(revenue_only(orders), "customer_id"),
        "new_buyers": len({order["order_id"] for order in orders if order["is_first_order"]}),
        "top_category": _top_category(orders, settings),
        "is_complete": following <= today,
    }


def _top_category(orders: list[Row], settings: Settings) -> str | None:
    """By (net) revenue, then alphabet; NULL left out, and NULL without revenue."""
    earned = {
        name: order_figures(rows, settings)["revenue"]
        for (name,), rows in by(orders, "product_category").items()
        if name is not None
    }
    return _first({name: revenue for name, revenue in earned.items() if revenue > 0})


def _change(revenue: Decimal, before: Decimal | None) -> Decimal | None:
    """Ratio - 1; no row, or one that is not above 0: NULL."""
    return ratio_of(revenue - before, before) if before is not None else None


# -- segment_analysis, category_analysis -----------------------------------------------------------


def segment_analysis(customers: list[Row], settings: Settings) -> list[Row]:
    """One row a customer_segment (always four). `customers` is customer_analytics."""
    everything = total(customers, "total_spent")
    rows: list[Row] = []
    for segment in SEGMENTS:
        its_own = [one for one in customers if one["customer_segment"] == segment]
        orders, revenue_orders = (sum(one[name] for one in its_own) for name in ("orders", "revenue_orders"))
        revenue, clv = total(its_own, "total_spent"), total(its_own, "clv_estimate")
        since = [one["days_since_last_order"] for one in its_own if one["days_since_last_order"] is not None]
        rows.append(
            {
                "customer_segment": segment,
                "customers": len(its_own),
                "orders": orders,
                "revenue_orders": revenue_orders,
                "revenue": revenue,
                "gross_revenue": total(its_own, "gross_revenue"),
                "refunds": total(its_own, "refunds"),
                "revenue_share": ratio_of(revenue, everything),
                "aov": money_each(total(its_own, "gross_revenue"), revenue_orders, settings),
                "margin_estimate": total(its_own, "margin_estimate"),
                "clv_estimate": clv,
                "avg_clv": money_each(clv, len(its_own), settings),
                "orders_per_customer": share(orders, len(its_own)),
                "avg_days_since_last_order": share(sum(since), len(since)),
            }
        )
    return rows


def category_analysis(products: list[Row], orders: list[Row], settings: Settings) -> list[Row]:
    """One row a category (NULL = `unknown`); products by today's category, orders by the category at order time.
    `products` is product_analytics."""
    products_of = by([{"category": one["category"] or "unknown"} for one in products], "category")
    orders_of = by([one | {"category": one["product_category"] or "unknown"} for one in orders], "category")
    everything = order_figures(orders, settings)["revenue"]
    rows: list[Row] = []
    for key in sorted({*products_of, *orders_of}):
        its_orders = orders_of.get(key, [])
        figures = order_figures(its_orders, settings)
        rows.append(
            {
                "category": key[0],
                "products": len(products_of.get(key, [])),
                **figures,
                "revenue_share": ratio_of(figures["revenue"], everything),
                "buyers": distinct(revenue_only(its_orders), "customer_id"),
                "return_rate": return_rate(its_orders),
            }
        )
    return rows
