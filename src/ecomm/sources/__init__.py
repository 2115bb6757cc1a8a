"""The five sources, one file each. A new source is one file and one entry here."""

from collections.abc import Iterable, Mapping

from ecomm.contract import Delivery, Source
from ecomm.errors import UsageError
from ecomm.sources import customers, inventory, orders, products, shipping

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
    rules = {r.name for s in SOURCES.values() for r in s.rules}
    fixed = {f"{k}_{ending}" for s in SOURCES.values() for k in s.key for ending in ("present", "well_formed")}
    for name in severity:
        if name in fixed & rules:
            raise UsageError(f"the severity of {name} cannot be changed: without its key a row has no identity.")
        if name not in rules | set(checks):
            raise UsageError(
                f"the settings give {name} a severity, but there is no such rule; docs/rules.md lists all."
            )
    return {name: source.of_shop(deliveries.get(name, Delivery()), severity) for name, source in SOURCES.items()}
