"""The form of answers, with one form for all errors (docs/api.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from imagegeneration.core.errors import InvalidRequest, NotFound, PromptRefused, StudioError, TooLarge
from imagegeneration.core.value import Value


class ErrorFacts(Value):
    """An error, as a code for clients and in words for people."""

    code: str
    message: str
    resolution: str
    request_id: str


class ErrorAnswer(Value):
    """The body of every error answer."""

    error: ErrorFacts


_MEANINGS = {
    401: "Not signed in (IMG_010)",
    402: "Budget, credits or price limit (IMG_006)",
    403: "Not allowed (IMG_010)",
    404: "No such thing (IMG_008)",
    405: "Wrong method (IMG_009)",
    408: "The body did not arrive in time (IMG_009)",
    409: "Not possible in this state (IMG_011, IMG_012)",
    413: "Body or references too large (IMG_007)",
    415: "Not JSON (IMG_009)",
    422: "Invalid request, refused prompt or unpriced model (IMG_003, IMG_009, IMG_013)",
    429: "Rate limit or full queue (IMG_005)",
    500: "A fault of ours (IMG_015)",
    502: "Failed at the provider or the storage (IMG_002, IMG_004)",
    503: "Not configured or down (IMG_001, IMG_014)",
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the error answers of a route for the OpenAPI document, with those that every route can give."""
    everywhere = (401, 403, 408, 413, 422, 429, 500, 503)
    return {
        status: {"model": ErrorAnswer, "description": _MEANINGS[status]} for status in sorted({*statuses, *everywhere})
    }


def error_response(error: StudioError, request_id: str) -> JSONResponse:
    """Return the error as an answer with its request id and headers."""
    facts = ErrorFacts(code=error.code, message=error.message, resolution=error.resolution, request_id=request_id)
    headers = {"X-Request-Id": request_id, "Cache-Control": "no-store", **error.headers}
    return JSONResponse(ErrorAnswer(error=facts).document(), status_code=error.status, headers=headers)


def request_id_of(request: Request) -> str:
    """Return the request id that the gate gave to this request."""
    return str(getattr(request.state, "request_id", "none"))


async def on_studio_error(request: Request, error: Exception) -> JSONResponse:
    """Answer an error of the studio."""
    assert isinstance(error, StudioError)  # noqa: S101  # registered for nothing else
    return error_response(error, request_id_of(request))


async def on_invalid_request(request: Request, error: Exception) -> JSONResponse:
    """Answer a request that does not have the documented form."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for nothing else
    return error_response(invalid_request(error.errors()), request_id_of(request))


async def on_http_exception(request: Request, error: Exception) -> JSONResponse:
    """Answer what the framework refuses: unknown paths, wrong methods, unreadable bodies."""
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for nothing else
    refusals: Mapping[int, StudioError] = {
        404: NotFound("There is nothing at this address."),
        405: InvalidRequest(f"{request.method} is not possible here.", status=405),
        413: TooLarge("The body is too large."),
        415: InvalidRequest("The body must be JSON, sent as application/json.", status=415),
    }
    refusal = refusals.get(error.status_code, InvalidRequest("The request cannot be read."))
    response = error_response(refusal, request_id_of(request))
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


def invalid_request(problems: Sequence[Mapping[str, Any]]) -> StudioError:
    """Return the error for the first invalid field: IMG_003 if only its text is invalid, else IMG_009."""
    problem = problems[0]
    where = ".".join(str(part) for part in problem["loc"] if part not in ("body", "query", "path", "header"))
    said = f"{where or 'the body'}: {problem['msg']}".replace("\x00", "")
    return PromptRefused(said) if problem["type"] == "text" else InvalidRequest(said)
