"""The published contract with tills and POS vendors, `/merchant/v1`: wire formats, idempotency, problem documents."""
