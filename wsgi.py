from app import create_app
from refund_api.settings import Settings

app = create_app(Settings.from_environ().for_serving())  # gunicorn's target
