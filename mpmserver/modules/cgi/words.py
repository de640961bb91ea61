"""What differs between mod_cgi and mod_cgid: the name and the numbers under which they log; and what doesn't."""

from __future__ import annotations

from mpmserver.records import dataclass

HANDLERS = ("cgi-script", "application/x-httpd-cgi")
"""What a script's handler is asked for by: the name, and the media type of NCSA's days (AddType)."""


@dataclass(frozen=True, slots=True)
class Words:
    """One module's name in the error log and its message numbers."""

    module: str
    exec_off: str
    not_found: str
    directory: str
    path_info: str
    body_unreadable: str
    says_timeout: bool
    """Whether a silent script is reported by name before the answer is (mod_cgid leaves that out)."""


CGI = Words("cgi", "AH02809", "AH02811", "AH02812", "AH02813", "AH01225", True)
CGID = Words("cgid", "AH01262", "AH01264", "AH01265", "AH01266", "AH01270", False)
