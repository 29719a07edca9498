"""The demonstration: 云间区总工会 on the embedded PostgreSQL, built through the same services as a real union."""
