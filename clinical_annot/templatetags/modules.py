"""The JavaScript modules that a page needs, named in its head: without a build step a browser finds
them only by reading one after the other, a round of requests a level."""

from __future__ import annotations

import functools
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from django import template
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

register = template.Library()

# At the beginning of a line, where comments have no `import`; and one that is awaited.
_STATIC = re.compile(r"""^(?:import|export)\b(?:[^;"']*\bfrom)?\s*["'](\.[^"']+)["']""", re.M)
_AWAITED = re.compile(r"""\bawait import\(\s*["'](\.[^"']+)["']""")


@register.simple_tag
def module_preloads(entry: str) -> SafeString:
    """Links that bring what a page's ``entry`` imports, all at once."""
    return _links("modulepreload", entry)


@register.simple_tag
def module_prefetches(entry: str) -> SafeString:
    """Links that bring them while the page before is looked at."""
    return _links("prefetch", entry)


def _links(rel: str, entry: str) -> SafeString:
    rows = [(rel, static(path)) for path in modules_of(entry)]
    return format_html_join("\n", '  <link rel="{}" href="{}" fetchpriority="low">', rows)


@functools.cache
def modules_of(entry: str) -> tuple[str, ...]:
    """``entry`` and all that it imports, each once, by distance from it."""
    found = {entry: None}
    waiting = [entry]
    while waiting:
        at = waiting.pop(0)
        new = [path for path in _imports(at) if path not in found]
        found |= dict.fromkeys(new)
        waiting += dict.fromkeys(new)
    return tuple(found)


def _imports(path: str) -> Iterator[str]:
    file = finders.find(path)
    # What stands in one piece imports nothing, and is long to search.
    if file is None or "vendor/" in path:
        return
    text = Path(str(file)).read_text()
    for pattern in (_STATIC, _AWAITED):
        for named in pattern.findall(text):
            yield posixpath.normpath(posixpath.join(posixpath.dirname(path), named))
