"""Open models in a process of their own: what a folder holds, how it is loaded, and how it draws. Only that process loads PyTorch."""
