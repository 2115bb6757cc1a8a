"""What people may decide about a shop's batches, at random: they arrive, are undone, replayed and replaced."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from ecomm import revise
from tests.integration.scenarios import arrival, scenario
from tests.integration.test_histories import publish
from tests.integration.test_scenarios import opened
from tests.oracle import Batch, Settings
from tests.shop import Shop

Steps = Iterator[tuple[Batch, list[Batch], Settings]]


def decisions(seed: int, folder: Path, steps: int = 6) -> tuple[Shop, Steps]:
    """A shop of five batches, of which three are published, and steps that are taken in it one by one.

    A step gives what was done (a batch without files, named so), and the batches that are live then.
    """
    made, settings = scenario(seed, batches=5)
    shop = opened(folder / "revised", settings)

    def taken() -> Steps:
        rng = random.Random(f"decisions {seed}")
        waiting, live, undone = arrival(seed, made), dict[str, Batch](), dict[str, Batch]()
        for step in range(steps + 3):
            could = ["arrive"] * bool(waiting) + ["undo", "replace", "replay"] * bool(live) + ["replay"]
            action = "arrive" if step < 3 else rng.choice(could)
            if action == "arrive":
                batch = waiting.pop()
                publish(shop, [batch])
                live[batch.batch_id] = batch
            elif action == "undo":
                name = rng.choice(sorted(live))
                assert revise.undo(shop.settings, name, "why not").status == "undone"
                undone[name] = live.pop(name)
            elif action == "replay" and (known := sorted(live | undone)):
                name = rng.choice(known)
                if name in undone:
                    live[name] = undone.pop(name)
                assert {o.status for o in revise.replay(shop.settings, name)} == {"published"}
            elif action == "replace" and live:
                name = rng.choice(sorted(live))
                live[name] = other(rng, live[name], made)
                shop.drop(name, live[name].as_of, live[name].files)
                assert [(o.status, o.reason) for o in shop.run(replacing=name)] == [("published", None)]
            yield Batch(f"{step} {action}", made[0].as_of, {}), [*live.values()], settings

    return shop, taken()


def other(rng: random.Random, batch: Batch, made: Sequence[Batch]) -> Batch:
    """A batch of the same name with some of its rows, some of its files, and perhaps at another time.

    Some of its files have rows of another batch too, so that it states keys of which it said nothing before.
    """
    files: dict[str, dict[str, bytes]] = {}
    for source, contents in batch.files.items():
        if files and rng.random() < 0.3:
            continue
        files[source] = {name: some(rng, content) for name, content in contents.items()}
        strangers = [c for b in made if b.batch_id != batch.batch_id for c in b.files.get(source, {}).values()]
        name = rng.choice(sorted(files[source]))
        header = files[source][name].splitlines()[:1]
        if fitting := [c for c in strangers if c.splitlines()[:1] == header and header]:
            files[source][name] += b"".join(some(rng, rng.choice(fitting)).splitlines(keepends=True)[1:])
    return replace(batch, files=files, as_of=batch.as_of + timedelta(days=rng.choice([0, 0, -40, 40])))


def some(rng: random.Random, content: bytes) -> bytes:
    """The header of a file, and some of its lines."""
    header, *lines = content.splitlines(keepends=True)
    return header + b"".join(line for line in lines if rng.random() < 0.6)
