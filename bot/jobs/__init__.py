"""What runs behind the conversation: the queue and its supervised worker, due rows, wakes."""
