"""Programs, rule documents and their engine, limits, redemptions."""
