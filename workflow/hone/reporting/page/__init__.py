"""``report.html``: the page that people read, made of a results folder."""

from hone.reporting.page.render import page

__all__ = ["page"]
