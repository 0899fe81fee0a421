"""An incident from its declaration to its report."""
