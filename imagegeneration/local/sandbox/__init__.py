"""The sandbox provider: speaks the OpenAI wire format, draws pictures, costs nothing, fails on request.

    python -m imagegeneration.local.sandbox --port 9100 --log calls.jsonl

`POST /v1/images/generations`, `POST /v1/responses` and `POST /v1/moderations` behave like OpenAI's. The same sequence
of calls gives the same bytes. With `stream`, previews come as events. The moderation reads no text: it finds
something only if the text holds `[sandbox:flagged]`. Every billable call is one JSON line of the log, written before
the answer is sent.

To see how the studio handles trouble, write a fault into the prompt, with options if wanted:
`[sandbox:429]`, `[sandbox:moderation count=1]`, `[sandbox:delay delay=20]`, `[sandbox:500 target=text]`.
Programs use `POST /sandbox/faults` with `{"kind", "count", "delay", "retry_after", "target"}`. Faults wait in a
queue, each for its `count` of calls, and `DELETE /sandbox/faults` empties it. `faults.py` lists the kinds.
`GET /sandbox/calls` lists the billable calls since the start.
"""

from imagegeneration.local.sandbox.calls import Call
from imagegeneration.local.sandbox.server import Sandbox

__all__ = ["Call", "Sandbox"]
