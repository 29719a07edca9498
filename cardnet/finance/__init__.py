"""Business day, settlement, reconciliation, audit."""
