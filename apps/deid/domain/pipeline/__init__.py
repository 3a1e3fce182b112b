"""One instance's way: parse, classify, harvest, propose; then clean, write; then search the result.

Everything works on seekable binary files and append-only writers, so that the same code serves the
quarantine (encrypted files) and the folder-to-folder command. Nothing is kept between the steps but
what they return; each step can be run again.
"""

from .checking import Checked, check, left_in_stream, report
from .examining import Examined, examine
from .kinds import Tell, as_refused, device_in, kind_of, pictured
from .producing import Produced, header_actions, produce

__all__ = [
    "Checked",
    "Examined",
    "Produced",
    "Tell",
    "as_refused",
    "check",
    "device_in",
    "examine",
    "header_actions",
    "kind_of",
    "left_in_stream",
    "pictured",
    "produce",
    "report",
]
