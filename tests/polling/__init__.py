"""Programs that are not ours read a warehouse again and again, while batches are published, killed, undone, replayed.

`python -m tests.polling --batches 1000` plays it and says what every reader saw (docs/reliability.md).
"""
