"""A client of POST api/order/cancel: copy this file. It needs Python 3.8 or newer, and nothing else.

    client = RefundClient("https://host", secret, kid="web-2026a")
    result = client.cancel("CTT…", "3288010f-…,6f9619ff-…", "Plans changed")

The result is a dict of code, message and data; code 1 is success, and data is then the number of the refund. Without a
kid, requests have the legacy signature. The secret belongs to a server, never into a program that you give away.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import time
import urllib.error
import urllib.request
from datetime import datetime, timezone
from typing import Any

PATH = "/api/order/cancel"
TRY_AGAIN = 3001
SIGNED = ("order_number", "random", "refund_passanger_ids", "refund_reason", "terminal", "time_stamp")


class RefundClient:
    def __init__(self, url: str, secret: str, kid: str | None = None, terminal: int = 1, timeout: float = 30) -> None:
        self.url, self.secret, self.kid, self.terminal, self.timeout = url.rstrip("/"), secret, kid, terminal, timeout

    def cancel(
        self, order_number: str, passenger_ids: str, reason: str | None = None, attempts: int = 4
    ) -> dict[str, Any]:
        """Cancel the passengers, whose ids are separated by commas.

        Code 3001 and a lost connection are asked again, signed anew: nothing is refunded twice. Raises HTTPError when
        the request was refused, another OSError when no attempt had an answer.
        """
        for _ in range(attempts - 1):
            try:
                result = self.send(self.signed(order_number, passenger_ids, reason))
                if result["code"] != TRY_AGAIN:
                    return result
            except urllib.error.HTTPError:
                raise
            except OSError:
                pass
            time.sleep(2)
        return self.send(self.signed(order_number, passenger_ids, reason))

    def signed(self, order_number: str, passenger_ids: str, reason: str | None = None) -> dict[str, Any]:
        """The members of a request that may be sent now."""
        members = {
            "order_number": order_number,
            "refund_passanger_ids": passenger_ids,
            "refund_reason": reason,
            "terminal": self.terminal,
            "time_stamp": datetime.now(timezone.utc).strftime("%Y%m%d%H%M%S"),
            "random": random.SystemRandom().randrange(10000, 2**31),
        }
        sign = sign_legacy(self.secret, members) if self.kid is None else sign_v2(self.secret, self.kid, members)
        return {**members, "sign": sign}

    def send(self, members: dict[str, Any]) -> dict[str, Any]:
        """Send a request once."""
        body = json.dumps(members).encode()
        request = urllib.request.Request(self.url + PATH, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as response:
                return dict(json.load(response))
        except urllib.error.HTTPError as error:
            if error.code == 503:  # its body is a result with code 3001
                return dict(json.load(error))
            raise


def sign_legacy(secret: str, members: dict[str, Any]) -> str:
    text = f"random={members['random']}&timestamp={members['time_stamp']}&terminal={members['terminal']}"
    digest = hashlib.md5(text.encode()).hexdigest()
    return hmac.new(secret.encode(), digest.encode(), hashlib.sha256).hexdigest()


def sign_v2(secret: str, kid: str, members: dict[str, Any]) -> str:
    text = f"OC-HMAC-SHA256-V2\nPOST\n{PATH}\n{kid}\n"
    for name in SIGNED:
        value = members.get(name)
        if value is None:
            text += f"{name}=-\n"
        else:
            value = str(value).replace("\r\n", "\n").replace("\r", "\n")
            text += f"{name}={len(value.encode())}:{value}\n"
    return f"v2.{kid}." + hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
