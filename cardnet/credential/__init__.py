"""CN1, the card credential: codec, signing, verifying, trust pack, status list, issuer keys."""
