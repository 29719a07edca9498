"""Merchants, stores, terminals."""
