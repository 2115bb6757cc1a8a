"""The whole at once: every table computed anew from the live log."""

from __future__ import annotations

import shutil

from ecomm.attempt import Attempt, ChangeSet
from ecomm.batches.ledger import Ledger
from ecomm.errors import UsageError, sentence
from ecomm.session import Session, recover, working
from ecomm.settings import Settings
from ecomm.tables import stage_name, target_name
from ecomm.tasks.change_set import check_histories, fold_difference, history_of, measured
from ecomm.tasks.data_enrichment import write_enriched
from ecomm.tasks.final_merge_operation import merge_target, write_analytics
from ecomm.transforms import enrich


def rebuild(settings: Settings) -> dict[str, int]:
    """Fold the whole live log anew, and compute every table from it; how many rows of each table had to change.

    All zero if all is well: a target is a function of the log. Raises UsageError, LockedError, FormatError.
    """
    if not Ledger.of(settings).entries:
        raise UsageError(f"{settings.warehouse}: there is no warehouse here to rebuild; --warehouse names another.")
    with working(settings, rebuilding=True) as session:
        return _rebuild(session)


def _rebuild(session: Session) -> dict[str, int]:
    opened = session.entry("OPEN").seq
    session.expect()
    attempt = Attempt(session, None, opened, opened)
    session.store.begin(opened, attempt.folder)
    try:
        for name in session.sources:
            session.store.complete(stage_name(name))
            session.store.complete(target_name(name))
        rows = refold(attempt)
        session.entry("REBUILD")
    except Exception as error:
        recover(session, sentence(error, session.settings.warehouse))
        raise
    shutil.rmtree(attempt.folder, ignore_errors=True)
    return rows


def refold(attempt: Attempt) -> dict[str, int]:
    """Bring targets and all that follows from them to what stage says; how many rows of each table had to change."""
    session, store, rows = attempt.session, attempt.session.store, dict[str, int]()
    for source in session.sources.values():
        name = target_name(source.name)
        difference = fold_difference(attempt, history_of(attempt, source))
        written = attempt.materialise(f"{source.name}_changes", difference)
        attempt.changes[source.name] = ChangeSet() if written is None else measured(written, source)
        merge_target(attempt, source)
        rows[name] = attempt.changes[source.name].entering + attempt.changes[source.name].leaving
        check_histories(source, store.read(name))
    targets = enrich.Targets(**{name: store.read(target_name(name)) for name in session.sources})
    rows |= write_enriched(attempt, targets)
    rows |= write_analytics(attempt, everything=True)
    return rows
