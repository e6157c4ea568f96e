"""/docs: /openapi.json for people, in Swagger UI. Everything it needs comes from here, out of a Python package."""

from __future__ import annotations

from functools import partial
from importlib.resources import files
from typing import Final

from flask import Request

from .page import Content, Page

PATH: Final = "/docs"

# Swagger UI draws its icons from data: URLs in its style sheet, and reads /openapi.json.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>OpenAPI</title>
<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
<script defer src="docs/swagger-ui-bundle.js"></script>
<script defer src="docs/start.js"></script>
</head>
<body>
<div id="swagger-ui"></div>
<noscript>This page needs JavaScript. What it shows is in <a href="openapi.json">openapi.json</a>.</noscript>
</body>
</html>
"""
# A request must be signed, which Swagger UI cannot do: it shows no button to send one.
_START: Final = """SwaggerUIBundle({
  url: "openapi.json", dom_id: "#swagger-ui", supportedSubmitMethods: [], docExpansion: "full",
});
"""
_DIST: Final = files("flask_swagger_ui").joinpath("dist")
_ASSETS: Final = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "favicon-32x32.png": "image/png",
}


def pages() -> dict[str, Page]:
    """Path -> page: the page itself, its script, and what Swagger UI ships."""
    return {
        PATH: lambda _: Content(_PAGE.encode(), "text/html; charset=utf-8", _POLICY),
        f"{PATH}/start.js": lambda _: Content(_START.encode(), "text/javascript; charset=utf-8"),
        **{f"{PATH}/{name}": partial(_asset, name, type_) for name, type_ in _ASSETS.items()},
    }


def _asset(name: str, content_type: str, _: Request) -> Content:
    return Content(_DIST.joinpath(name).read_bytes(), content_type)
