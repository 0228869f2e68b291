"""Workers made for AI Horde as hands of one's own: what they say and hear, and the desk where they fetch work."""
