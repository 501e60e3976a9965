"""What each vendor answers to a question that costs nothing, by its documentation: the right key, a wrong one, none."""

from __future__ import annotations

from tests.wire.loopback import Loopback, Received, Sent, answer_json

KEY = "the-right-key"

_WRONG_GOOGLE_KEY = {
    "error": {
        "code": 400,
        "message": "API key not valid. Please pass a valid API key.",
        "status": "INVALID_ARGUMENT",
        "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}],
    }
}


class Accounts(Loopback):
    """Every vendor on one server: their paths differ."""

    def __init__(self) -> None:
        super().__init__()
        self.stability_credits = 12.5

    def serve(self, received: Received) -> Sent:
        if received.method != "GET":
            return Sent(405)
        path, headers = received.path, received.headers
        if path.startswith("/v1beta/models?"):
            known = headers.get("x-goog-api-key") == KEY
            return answer_json({"models": [{"name": "models/x"}]}) if known else answer_json(_WRONG_GOOGLE_KEY, 400)
        if path == "/models/pricing?endpoint_id=fal-ai/flux/dev":
            if headers.get("authorization") != f"Key {KEY}":
                return answer_json({"error": {"type": "authorization_error", "message": "Invalid API key"}}, 401)
            price = {"endpoint_id": "fal-ai/flux/dev", "unit_price": 0.025, "unit": "image", "currency": "USD"}
            return answer_json({"prices": [price], "next_cursor": None, "has_more": False})
        if headers.get("authorization") != f"Bearer {KEY}":
            return self._unauthorized(path)
        answers = {
            "/models": {"object": "list", "data": []},
            "/account": {"type": "organization", "username": "acme", "name": "Acme"},
            "/v1/user/balance": {"credits": self.stability_credits},
        }
        return answer_json(answers[path]) if path in answers else answer_json({"detail": "Not found."}, 404)

    @staticmethod
    def _unauthorized(path: str) -> Sent:
        if path == "/models":
            return answer_json({"error": {"message": "Incorrect API key provided.", "code": "invalid_api_key"}}, 401)
        if path == "/account":
            return answer_json(
                {"title": "Unauthenticated", "detail": "You did not pass a valid token.", "status": 401}, 401
            )
        if path == "/v1/user/balance":
            return answer_json({"id": "1", "name": "unauthorized", "errors": ["missing or invalid"]}, 401)
        return Sent(404, b"<html>nothing here</html>", {"content-type": "text/html"})
