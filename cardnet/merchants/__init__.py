"""Contract partners of the union: merchants, their stores, the terminals in them, and who may call as one."""
