from app import create_app
from refund_api.settings import serving_settings

app = create_app(serving_settings())  # gunicorn's target
