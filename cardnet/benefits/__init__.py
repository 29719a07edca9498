"""Programs, the rule documents that define them, and every use of them at a merchant."""
