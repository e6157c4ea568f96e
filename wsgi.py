"""What gunicorn serves. Under a gunicorn without our configuration it says how to start, and refuses."""

from app import create_app
from refund_api.serving import settings_to_serve

app = create_app(settings_to_serve())
