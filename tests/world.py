"""The little world that tests live in: one order with its passengers, one key, one moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from refund_api.context import RequestContext
from refund_api.domain import CHINA

SECRET = b"a shared secret of thirty-two b."
NOW = datetime(2026, 11, 23, 8, 10, 22, tzinfo=UTC)
ORDER = "CTT20261123011807591"
ALICE = "3288010f-2d18-4900-890e-68025c5c3130"
BOB = "6f9619ff-8b86-4d11-b42d-00c04fc964ff"
CAROL = "9f0e5f3c-0a52-4f7e-8f0a-2f1d4b6c8e01"
STRANGER = "00000000-0000-4000-8000-000000000000"
FAR_DAY = NOW.astimezone(CHINA).date() + timedelta(days=31)
"""The first day of departure on which an order may be cancelled at NOW."""
CONTEXT = RequestContext("request-1", "192.0.2.7", NOW, f"00-{'4b' * 16}-{'0f' * 8}-01")
