"""The eight tasks of a batch: one file a task, the five stage loads in one."""
