"""One frozen settings object, from triptych.toml and the environment. The only room that reads the environment."""
