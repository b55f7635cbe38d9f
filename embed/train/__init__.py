"""How is it trained? The loop, its checkpoints and what is chosen around it."""
