"""The studio's page: ES modules, styles and fonts served as they are; there is no build step."""

from triptych.web.assets import CSP, VERSION, Asset, Assets, asset, page

__all__ = ["CSP", "VERSION", "Asset", "Assets", "asset", "page"]
