"""Types and rules that know no I/O and no Slack: everything else may import this, it imports nothing of ours."""
