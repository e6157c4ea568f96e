"""For `gunicorn wsgi:app` in a checkout, where gunicorn finds this file by itself: that of refund_api/serving.

If a setting is wrong, a line on the terminal says so before anything listens. On SIGHUP gunicorn runs this file again.
The application is imported here and not made: workers find its modules in memory, and a reload does not have to wait
for imports. So new code needs a restart.
"""

import sys

import app as app  # no worker has to import it again
from refund_api.serving import configuration
from refund_api.settings import SettingsError

try:
    globals().update(configuration())
except SettingsError as error:
    sys.exit(str(error))
