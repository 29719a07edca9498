"""Unions, people, memberships, consent, register and roster files."""
