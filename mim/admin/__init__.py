"""The ``mongoose_api_admin`` handler: commands over HTTP, their document, a page to try them."""

from mim.admin.api import AdminApi

__all__ = ["AdminApi"]
