"""Quota, applications, reviews, cards, bindings."""
