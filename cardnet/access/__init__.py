"""Staff accounts, roles, scope, sign-in, sessions of staff and members."""
