"""Accounts, entries, postings, pools in slices: double entry that knows no card."""
