"""Notices to members: what they say, the ways they go, and the gateways that carry them."""
