"""The five sources, one file each. A new source is one file and one entry here."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ecomm.contract import Source
from ecomm.delivery import Delivery
from ecomm.errors import UsageError
from ecomm.sources import customers, inventory, orders, products, shipping
from ecomm.sources.rules import key_rules

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (orders.SOURCE, customers.SOURCE, products.SOURCE, inventory.SOURCE, shipping.SOURCE)
}


def of_shop(
    deliveries: Mapping[str, Delivery], severity: Mapping[str, str], checks: Iterable[str] = ()
) -> dict[str, Source]:
    """The sources as one shop delivers and judges them. checks: what besides rules may have a level.

    Raises UsageError if a setting names a rule or a column that is not there, or changes a rule without which a row has
    no identity.
    """
    whole = {name: _keyed(source.of_shop(deliveries.get(name, Delivery()), {})) for name, source in SOURCES.items()}
    whole["orders"] = _refunding(whole["orders"])
    rules = {r.name for s in (*whole.values(), orders.SOURCE) for r in s.rules}
    free = {r.name for s in (*whole.values(), orders.SOURCE) for r in s.rules if r.name not in s.fixed}
    for name in severity:
        if name in (rules - free) | {"line_malformed", "header_repeated"}:
            raise UsageError(f"the severity of {name} cannot be changed: without its key a row has no identity.")
        if name not in rules | set(checks):
            raise UsageError(
                f"the settings give {name} a severity, but there is no such rule; docs/rules.md lists all."
            )
    return {name: source.at(severity) for name, source in whole.items()}


def _refunding(source: Source) -> Source:
    """Orders as the shop refunds them: where a refund is a row, a negative amount is none that is rejected."""
    if source.delivery.refunds != "rows":
        return source
    return replace(source, rules=tuple(r for r in source.rules if r.name != "order_amount_not_negative"))


def _keyed(source: Source) -> Source:
    """The source with the rules of a key for each part that the shop made one."""
    have = {r.name for r in source.rules}
    required = {c.name for c in source.columns if c.key and c.default is None}
    new = [r for k in source.key for r in key_rules(k, required=k in required) if r.name not in have]
    return replace(source, rules=(*new, *source.rules))
