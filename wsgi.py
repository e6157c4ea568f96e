"""What gunicorn serves. Under a gunicorn without our configuration it says how to start, and refuses."""

from app import make_served_app

app = make_served_app()
