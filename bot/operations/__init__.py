"""A change from its plan to its end: plan, approve, run, observe, record, lease and undo."""
