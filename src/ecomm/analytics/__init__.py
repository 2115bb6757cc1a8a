"""The tables that the shop looks at: one file is one table and bears its name."""
