"""What every other package stands on; knows nothing of cards, benefits or HTTP."""
