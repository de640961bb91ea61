"""HTTPError as a value."""

from __future__ import annotations

from mpmserver.http.errors import HTTPError


def test_defaults_and_text() -> None:
    error = HTTPError(404, "gone away")
    assert (error.status, error.message, error.log, error.close, error.headers) == (404, "gone away", "", False, ())
    assert str(error) == "404: gone away"
    assert str(HTTPError(400, "page", log="AH1: log")) == "400: AH1: log"
    assert str(HTTPError(500)) == "500"
    assert error.request_line is None
