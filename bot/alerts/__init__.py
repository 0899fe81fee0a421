"""Alerts of other systems: taken in, put into groups, shown as one message a group."""
