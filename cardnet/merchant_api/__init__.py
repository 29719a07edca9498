"""The published contract /merchant/v1."""
