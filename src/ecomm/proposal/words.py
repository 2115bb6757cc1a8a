"""Words that stand for something else: for an empty cell, for nobody, for a word of the contract; and text markers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from ecomm.proposal.findings import Finding
from ecomm.sources.rules import NOBODY

_NULLS = ("null", "#n/a", "n/a", "nan", "none", r"\n", "nil", "<null>", "(null)", "#null!", "#value!")
_MARKED = re.compile(r"'[0-9+=@-].*|=\"[^\"]*\"")
_FEW = 20
"""So many different words at most are statuses: beyond, the column is something else."""
_STATUSES = {
    "completed": "paid complete closed fulfilled success successful captured done finished settled partially_refunded "
    "bezahlt abgeschlossen payee paye termine terminee pagado completado pagato completato betaald voltooid pago",
    "pending": "unpaid open awaiting_payment pending_payment new created offen en_attente pendiente in_attesa",
    "confirmed": "authorized approved accepted",
    "processing": "in_progress unfulfilled unshipped awaiting_fulfillment awaiting_shipment in_bearbeitung en_cours",
    "on_hold": "holded hold",
    "shipped": "dispatched sent versendet verschickt expedie expediee enviado spedito verzonden",
    "delivered": "geliefert zugestellt livre livree entregado consegnato geleverd entregue",
    "cancelled": "voided void storniert annule annulee cancelado annullato geannuleerd expired abgebrochen",
    "refunded": "erstattet rembourse remboursee reembolsado rimborsato terugbetaald chargeback chargedback",
    "returned": "retourniert retoure retourne devuelto reso geretourneerd",
    "failed": "declined denied error abgelehnt refuse",
}
_MEANT = {word: known for known, words in _STATUSES.items() for word in words.split()}


def looked_at(cells: Mapping[str, Sequence[str]], known_statuses: Sequence[str]) -> Finding:
    """null_values, nobody, text_markers and values of order_status, as the cells of a file show them.

    cells: contract column -> its texts, empty ones too. known_statuses: the words that the shop's vocabulary has.
    """
    settings: dict[str, object] = {}
    notes = []
    texts = Counter(text for column in cells.values() for text in column if text)
    nulls = sorted(text for text in texts if text.lower() in _NULLS)
    if nulls:
        settings["null_values"] = nulls
        notes.append(f"{', '.join(nulls)} is taken for an empty cell.")
    people = Counter(cells.get("customer_id", ()))
    nobody = sorted(text for text in people if text.lower() in NOBODY and text not in nulls)
    if nobody:
        settings["nobody"] = nobody
        notes.append(f"The customer {', '.join(nobody)} is taken for nobody.")
    if any(_MARKED.fullmatch(text) for text in texts):
        settings["text_markers"] = True
    statuses = _statuses(cells.get("order_status", ()), known_statuses)
    if statuses:
        settings["values"] = {"order_status": statuses}
    return Finding(settings, notes=tuple(notes))


def _statuses(texts: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """A status of the shop's -> the contract's word, where it is well known."""
    found = {text for text in texts if text}
    if len(found) > _FEW:
        return {}
    plain = {text: re.sub(r"[\s-]+", "_", text.strip().lower()) for text in found}
    unknown = {text: word for text, word in plain.items() if word not in known and word != "canceled"}
    return {text: _MEANT[word] for text, word in sorted(unknown.items()) if word in _MEANT}
