"""Every table computed again from the live batches."""

from __future__ import annotations

from ecomm.attempt import Attempt, open_attempt
from ecomm.batches.ledger import Ledger
from ecomm.errors import UsageError, sentence
from ecomm.history import with_files
from ecomm.session import Session, recover, working
from ecomm.settings import Settings
from ecomm.tables import stage_name, target_name
from ecomm.tasks.change_set import check_histories, fold_difference, history_of, written
from ecomm.tasks.data_enrichment import write_enriched
from ecomm.tasks.final_merge_operation import merge_target, targets_of, write_analytics
from ecomm.tasks.found import ChangeSet


def rebuild(settings: Settings) -> dict[str, int]:
    """Fold the whole log again, and compute every table from it; how many rows of each table had to change.

    All zero if all is well: a target is a function of the log. Raises UsageError, LockedError, FormatError.
    """
    if not Ledger.of(settings).log:
        raise UsageError(f"{settings.warehouse}: there is no warehouse here to rebuild; --warehouse names another.")
    with working(settings, rebuilding=True) as session:
        return _rebuild(session)


def _rebuild(session: Session) -> dict[str, int]:
    attempt = open_attempt(session)
    session.expect()
    try:
        for name in session.sources:
            session.store.complete(stage_name(name))
            session.store.complete(target_name(name))
        rows = refold(attempt)
        session.entry("REBUILD")
    except Exception as error:
        recover(session, sentence(error, session.settings.warehouse))
        raise
    session.forget(attempt.work.folder)
    return rows


def refold(attempt: Attempt) -> dict[str, int]:
    """Bring targets and all that follows from them to what stage says; how many rows of each table had to change."""
    session, store = attempt.session, attempt.store
    changes, rows = dict[str, ChangeSet](), dict[str, int]()
    for source in session.sources.values():
        history = history_of(attempt, source, with_files(attempt.log.live.values(), source.name))
        found = written(attempt.work, source, fold_difference(attempt, history))
        merge_target(attempt, source, found)
        check_histories(source, store.read(target_name(source.name)))
        rows[target_name(source.name)] = found.entering + found.leaving
        changes[source.name] = found
    targets = targets_of(store)
    rows |= write_enriched(attempt, targets, changes)
    rows |= write_analytics(attempt, changes, everything=True)
    return rows
