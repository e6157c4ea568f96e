"""The HTTP edge as a WSGI server sees it: routes, methods, order of the checks, headers, refusals."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import Any

import pytest

from app import create_app
from refund_api.actions import Handler
from refund_api.context import RequestContext
from refund_api.ports import Clock, LedgerUnavailable, utc_now
from refund_api.settings import Settings
from tests.conformance import Recorder, environ_of
from tests.figures import counted
from tests.world import NOW
from xml_contracts.reading import Problem, Reading, Skipped
from xml_contracts.refund import ApiResult

OK = ApiResult(1, "ok", None)
ALWAYS = {"Cache-Control": "no-cache", "Pragma": "no-cache", "Expires": "-1"}
JSON = ["Content-Type", "application/json"]
AS_XML = ["Accept", "application/xml"]


class Client:
    """Calls a WSGI application with an environ that nothing has normalised."""

    def __init__(self, handler: Handler, settings: Settings | None = None, clock: Clock = utc_now) -> None:
        self.app = create_app(settings, handler=handler, clock=clock)
        self.app.add_url_rule("/ordinary", view_func=lambda: "fine")

    def send(
        self,
        method: str = "POST",
        path: str = "/api/order/cancel",
        headers: list[list[str]] | None = None,
        body: str | None = None,
        **environ: Any,
    ) -> tuple[str, dict[str, str], bytes]:
        """Status line, headers (a repeated one would be lost, so it is refused) and body."""
        request = {"method": method, "path": path, "headers": headers or [], "body": body and {"text": body}}
        started: list[Any] = []

        def start_response(status: str, pairs: list[tuple[str, str]], exc_info: Any = None) -> Any:
            started.append((status, pairs))

        content = b"".join(self.app(environ_of(request) | environ, start_response))
        ((status, pairs),) = started
        assert len({name.lower() for name, _ in pairs}) == len(pairs)
        return status, dict(pairs), content


@pytest.fixture
def recorder() -> Recorder:
    return Recorder(OK)


@pytest.fixture
def client(recorder: Recorder) -> Client:
    return Client(recorder)


# --- routes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/api/order/cancel",
        "/API/Order/CANCEL",
        "/api/order/cancel/",
        "/api/order/cancel////",
        "/api/order/cancel/5",
        "/api/order/cancel/5//",
        "/api/order/cancel/%20",
        "/api/order/cancel/%FF%0A;x",
        "/api/order/cancel?x=1",
        "/api/order/cancel?",
        "/api/order/canc%65l",
        "/api/order%2Fcancel",
        "//api/order/cancel",
    ],
)
def test_the_action_is_reached_by_every_spelling_of_its_path(client: Client, recorder: Recorder, path: str) -> None:
    status, _, body = client.send(path=path, headers=[JSON], body="{}")
    assert (status, body) == ("200 OK", b'{"code":1,"message":"ok","data":null}')
    assert len(recorder.seen) == 1


@pytest.mark.parametrize(
    ("path", "printed"),
    [
        ("/", "/"),
        ("/api", "/api"),
        ("/api/order", "/api/order"),
        ("/api/order/", "/api/order/"),
        ("/api//order/cancel", "/api//order/cancel"),
        ("/api/order//cancel", "/api/order//cancel"),
        ("/api/order/cancel//5", "/api/order/cancel//5"),
        ("///api/order/cancel", "///api/order/cancel"),
        ("/api/order/cancel/5/6", "/api/order/cancel/5/6"),
        ("/api/order/cancel/a/b?q=%C3%A9", "/api/order/cancel/a/b?q=\u00e9"),
        ("/api/order/cancel%20", "/api/order/cancel "),
        ("/api/order/cancel;x", "/api/order/cancel;x"),
        ("/api/order/cancel.json", "/api/order/cancel.json"),
        ("/ap%C4%B1/order/cancel", "/ap\u0131/order/cancel"),
        ("/help/x", "/help/x"),
    ],
)
def test_every_other_path_is_a_404_that_names_it(client: Client, recorder: Recorder, path: str, printed: str) -> None:
    text = f"No HTTP resource was found that matches the request URI 'http://localhost{printed}'."
    status, headers, body = client.send(path=path)
    assert (status, body.decode()) == ("404 Not Found", f'{{"Message":"{text}"}}')
    assert headers == ALWAYS | {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(body))}
    assert not recorder.seen


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "PATCH", "DELETE", "FOO", "get", "Put"])
def test_every_other_method_is_a_405_that_names_it_as_sent(client: Client, recorder: Recorder, method: str) -> None:
    text = f"<Error><Message>The requested resource does not support http method '{method}'.</Message></Error>"
    status, headers, body = client.send(method, headers=[AS_XML])
    assert status == "405 Method Not Allowed"
    assert headers == ALWAYS | {
        "Content-Type": "application/xml; charset=utf-8",
        "Content-Length": str(len(text)),
        "Allow": "POST",
    }
    assert body.decode() == ("" if method == "HEAD" else text)
    assert not recorder.seen


@pytest.mark.parametrize("method", ["post", "Post", "POST"])
def test_post_is_post_in_any_case(client: Client, recorder: Recorder, method: str) -> None:
    assert client.send(method)[0] == "200 OK"
    assert len(recorder.seen) == 1


def test_ordinary_routes_live_beside_the_action(client: Client) -> None:
    assert client.send("GET", "/ordinary")[2] == b"fine"
    status, headers, body = client.send("POST", "/ordinary")
    assert (status, headers["Allow"]) == ("405 Method Not Allowed", "GET, HEAD, OPTIONS")
    assert body == b'{"Message":"The requested resource does not support http method \'POST\'."}'


# --- the order of the checks ----------------------------------------------------------------------------------------


def test_the_route_is_judged_before_the_method(client: Client) -> None:
    assert client.send("GET", "/api/order/nope")[0] == "404 Not Found"


def test_the_method_is_judged_before_the_body_and_its_type(client: Client) -> None:
    encoded: dict[str, Any] = {"HTTP_CONTENT_ENCODING": "gzip", "CONTENT_LENGTH": "99999999"}
    assert client.send("PUT", headers=[["Content-Type", "text/plain"]], body="x", **encoded)[0].startswith("405")


def test_a_body_that_nobody_reads_is_a_415_and_runs_nothing(client: Client, recorder: Recorder) -> None:
    status, _, body = client.send(headers=[["Content-Type", "Text/Plain; x=y"], AS_XML], body="x")
    assert status == "415 Unsupported Media Type"
    text = "The request entity's media type 'Text/Plain' is not supported for this resource."
    assert body.decode() == f"<Error><Message>{text}</Message></Error>"
    assert not recorder.seen


@pytest.mark.parametrize("headers", [[], [JSON], [["Content-Type", "text/plain"]], [["Content-Type", "text/xml"]]])
def test_no_body_runs_the_action_with_nothing_bound(
    client: Client, recorder: Recorder, headers: list[list[str]]
) -> None:
    assert client.send(headers=headers)[0] == "200 OK"
    assert recorder.seen == [Reading(None)]


def test_the_reader_gets_the_body_in_the_charset_of_the_request(client: Client, recorder: Recorder) -> None:
    body = '{"sign":"é"}'.encode("utf-16-le")
    stream: dict[str, Any] = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    _, headers, answer = client.send(headers=[["Content-Type", "text/json; charset=utf-16"]], **stream)
    assert recorder.seen[0].value is not None and recorder.seen[0].value.sign == "é"
    assert headers["Content-Type"] == "text/json; charset=utf-16"
    assert answer.decode("utf-16") == '{"code":1,"message":"ok","data":null}'


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"CONTENT_LENGTH": "50"}, "400 Bad Request"),
        ({"CONTENT_LENGTH": "+2"}, "400 Bad Request"),
        ({"CONTENT_LENGTH": "65537"}, "413 Request Entity Too Large"),
        ({"CONTENT_LENGTH": "", "wsgi.input": io.BytesIO(b" " * 70000)}, "413 Request Entity Too Large"),
        ({"HTTP_CONTENT_ENCODING": "gzip"}, "415 Unsupported Media Type"),
    ],
)
def test_a_body_that_is_not_whole_is_refused_in_the_format_of_the_client(
    client: Client, recorder: Recorder, environ: dict[str, Any], status: str
) -> None:
    line, headers, body = client.send(headers=[JSON, AS_XML], body="{}", **environ)
    assert line == status
    assert headers == ALWAYS | {"Content-Type": "application/xml; charset=utf-8", "Content-Length": str(len(body))}
    assert body.startswith(b"<Error><Message>The ") and body.endswith(b".</Message></Error>")
    assert not recorder.seen


# --- answers --------------------------------------------------------------------------------------------------------


def test_an_answer_has_the_headers_of_the_legacy_and_no_others(client: Client) -> None:
    status, headers, body = client.send(headers=[JSON, ["Accept", "text/xml"], ["Cookie", "a=b"]], body="{}")
    assert status == "200 OK"
    assert headers == ALWAYS | {"Content-Type": "text/xml; charset=utf-8", "Content-Length": str(len(body))}


def test_try_again_is_a_503_whether_returned_or_raised() -> None:
    def returning(reading: Reading[Any], context: RequestContext) -> ApiResult:
        return ApiResult(3001, "Try again")

    def raising(reading: Reading[Any], context: RequestContext) -> ApiResult:
        raise LedgerUnavailable("down")

    answers = [Client(handler).send() for handler in (returning, raising)]
    assert answers[0] == answers[1]
    status, headers, body = answers[0]
    assert (status, headers["Retry-After"]) == ("503 Service Unavailable", "2")
    assert body == b'{"code":3001,"message":"Try again","data":null}'


@pytest.mark.parametrize("media_type", ["application/json", "text/xml"])
def test_a_result_that_cannot_be_written_is_a_500(media_type: str, caplog: pytest.LogCaptureFixture) -> None:
    status, headers, body = Client(Recorder(ApiResult(1, "\ud800"))).send(headers=[["Accept", media_type]])
    assert (status, headers["Content-Type"]) == ("500 Internal Server Error", f"{media_type}; charset=utf-8")
    assert b"An error has occurred." in body
    assert len(caplog.records) == 1


def test_a_failing_handler_is_a_500_that_tells_nothing_and_the_log_tells_where(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def failing(reading: Reading[Any], context: RequestContext) -> ApiResult:
        raise ZeroDivisionError("the secret")

    status, _, body = Client(failing).send()
    assert (status, body) == ("500 Internal Server Error", b'{"Message":"An error has occurred."}')
    (record,) = caplog.records
    assert (record.levelname, record.message) == ("ERROR", "broken")
    assert record.exc_info is not None and record.exc_info[0] is ZeroDivisionError


def test_a_failure_behind_the_view_is_answered_by_the_same_table(client: Client) -> None:
    @client.app.after_request
    def fail(response: Any) -> Any:
        raise ZeroDivisionError

    assert client.send()[2] == b'{"Message":"An error has occurred."}'


@pytest.mark.parametrize("host", ["a b<c", "[::1", "\xe9", "a:b:c", ""])
def test_an_odd_host_does_no_harm(client: Client, host: str) -> None:
    status, headers, _ = client.send(path="/nope", HTTP_HOST=host)
    assert status[:3] in ("400", "404")
    assert headers["Content-Type"] == "application/json; charset=utf-8"


def test_a_request_that_offers_to_become_a_websocket_is_served_like_any_other(
    client: Client, recorder: Recorder
) -> None:
    status, _, _ = client.send(headers=[JSON], body="{}", HTTP_CONNECTION="Upgrade", HTTP_UPGRADE="websocket")
    assert status == "200 OK" and recorder.seen


def test_no_route_redirects_because_the_application_knows_no_host_to_redirect_to() -> None:
    rules = list(create_app(Settings(help="demo", ops=True)).url_map.iter_rules())
    assert len(rules) > 10
    assert [rule for rule in rules if rule.merge_slashes or rule.redirect_to or rule.defaults] == []
    assert [rule for rule in rules if rule.strict_slashes and rule.rule.endswith("/")] == []


# --- context --------------------------------------------------------------------------------------------------------


def context_of(**environ: Any) -> RequestContext:
    seen: list[RequestContext] = []

    def handler(reading: Reading[Any], context: RequestContext) -> ApiResult:
        seen.append(context)
        return OK

    Client(handler).send(**environ)
    return seen[0]


def test_the_context_has_the_peer_and_the_id_the_client_gave() -> None:
    context = context_of(HTTP_X_REQUEST_ID="a.B-7_" + "x" * 58)
    assert (context.source, context.request_id) == ("127.0.0.1", "a.B-7_" + "x" * 58)


@pytest.mark.parametrize("request_id", ["", "x" * 65, "a b", "a\n", "caf\xe9", "a;b", "<x>"])
def test_an_id_that_is_not_harmless_is_replaced(request_id: str) -> None:
    context = context_of(HTTP_X_REQUEST_ID=request_id)
    assert len(context.request_id) == 32 and context.request_id != request_id
    assert context_of().request_id != context_of().request_id


def test_an_id_is_given_back_to_a_client_that_sent_one(client: Client) -> None:
    for path in ("/api/order/cancel", "/nowhere"):
        assert client.send(path=path, HTTP_X_REQUEST_ID="a.B-7_")[1]["X-Request-ID"] == "a.B-7_"


@pytest.mark.parametrize(
    "sent", [{}, *({"HTTP_X_REQUEST_ID": text} for text in ("", "x" * 65, "a b", "a\n", "caf\xe9"))]
)
def test_a_client_that_sent_no_harmless_id_gets_none(client: Client, sent: dict[str, Any]) -> None:
    for path in ("/api/order/cancel", "/nowhere"):
        assert "X-Request-ID" not in client.send(path=path, **sent)[1]


TRACE = f"{'4b' * 16}-{'0f' * 8}"


@pytest.mark.parametrize(
    ("sent", "carried"),
    [
        (f"00-{TRACE}-01", f"00-{TRACE}-01"),
        (f"cc-{TRACE}-00-what-will-be", f"cc-{TRACE}-00"),
    ],
)
def test_a_well_formed_traceparent_is_carried_on(sent: str, carried: str) -> None:
    assert context_of(HTTP_TRACEPARENT=sent).traceparent == carried


@pytest.mark.parametrize(
    "sent",
    [
        "",
        f"00-{TRACE}",
        f"00-{TRACE}-01-more",
        f"00-{TRACE}-01\n",
        f"\n00-{TRACE}-01",
        f"cc-{TRACE}-01more",
        f"ff-{TRACE}-01",
        f"00-{TRACE}-01,00-{TRACE}-01",
        f"00-{TRACE.upper()}-01",
        f"00-{'0' * 32}-{'0f' * 8}-01",
        f"00-{'4b' * 16}-{'0' * 16}-01",
        f"00-{'４' * 32}-{'0f' * 8}-01",
        "00-" + "4b" * 4000,
    ],
)
def test_a_malformed_traceparent_is_replaced(sent: str) -> None:
    context = context_of(HTTP_TRACEPARENT=sent)
    assert re.fullmatch(f"00-{context.request_id}-[0-9a-f]{{16}}-00", context.traceparent)
    assert sent == "" or sent.strip() not in context.traceparent


def test_a_request_is_received_when_its_whole_body_is_there() -> None:
    """Else a client could send its headers in time and its body, with a captured signature, long afterwards."""
    now = [NOW]

    class SlowBody(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            now[0] = NOW + timedelta(hours=1)
            return super().read(size)

    seen: list[RequestContext] = []

    def handler(reading: Reading[Any], context: RequestContext) -> ApiResult:
        seen.append(context)
        return OK

    slow: dict[str, Any] = {"wsgi.input": SlowBody(b"{}")}
    Client(handler, clock=lambda: now[0]).send(headers=[JSON], body="{}", **slow)
    assert seen[0].received_at == NOW + timedelta(hours=1)


def test_a_peer_without_an_address_is_no_obstacle() -> None:
    assert context_of(REMOTE_ADDR="").source == ""


OUT_OF_ORDER = """<TicketRefundRequest xmlns="http://schemas.datacontract.org/2004/07/ChinaTrainTickets.Web.Areas.webApi.Models">
<refund_reason>x</refund_reason><order_number>CTT1</order_number></TicketRefundRequest>"""
XML = ["Content-Type", "application/xml"]


def test_skipped_members_are_counted_and_the_answer_says_nothing(recorder: Recorder) -> None:
    client = Client(recorder)
    _, headers, _ = client.send(headers=[XML], body=OUT_OF_ORDER)
    assert recorder.seen[0].ignored == (Problem("order_number", Skipped.OUT_OF_ORDER, ("refund_reason",)),)
    assert counted(client.app, "members_ignored") == {("order_number", "out of order"): 1}
    assert headers.keys() == {"Content-Type", "Content-Length", *ALWAYS}


def test_explain_names_skipped_members_in_a_header(recorder: Recorder) -> None:
    client = Client(recorder, Settings(explain=True))
    _, headers, _ = client.send(headers=[XML], body=OUT_OF_ORDER)
    assert headers["X-Data-Contract-Ignored"] == "order_number: out of order: must come before refund_reason"
    _, headers, _ = client.send(headers=[JSON], body="{}")
    assert "X-Data-Contract-Ignored" not in headers


@pytest.mark.parametrize(
    ("content_type", "body", "told"),
    [
        (
            "application/json",
            '{"sign":"a","SIGN":"b","kiosk":1}',
            "sign: repeated: the last one counts; kiosk: unknown",
        ),
        (
            "application/x-www-form-urlencoded",
            "refund_passanger_ids[]=A&refund_passanger_ids[]=B&x%5B0%5D=1",
            "refund_passanger_ids: repeated: the first one counts; x%5B0%5D: unknown",
        ),
    ],
)
def test_json_and_forms_tell_what_they_skipped_too(recorder: Recorder, content_type: str, body: str, told: str) -> None:
    client = Client(recorder, Settings(explain=True))
    _, headers, _ = client.send(headers=[["Content-Type", content_type]], body=body)
    assert headers["X-Data-Contract-Ignored"] == told
