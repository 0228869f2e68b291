"""The ASGI application: the OpenAI-compatible API, the studio's own API, events and the page."""
