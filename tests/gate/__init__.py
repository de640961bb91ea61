"""The regression gate: what a request costs, counted instead of timed, so that no noise can trip it."""
