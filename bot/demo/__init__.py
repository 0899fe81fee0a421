"""The demo, which is the test bench too: a local Slack, a real gateway, and the whole bot between them."""
