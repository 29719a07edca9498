"""Double entry that knows no card: accounts, entries, postings, pools in slices, the business day."""
