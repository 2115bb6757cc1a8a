"""The five sources, one file each. A new source is one file and one entry here."""

from ecomm.contract import Source
from ecomm.sources import customers, inventory, orders, products, shipping

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (orders.SOURCE, customers.SOURCE, products.SOURCE, inventory.SOURCE, shipping.SOURCE)
}
