"""Data contracts as HTML forms: what JQueryMvcFormUrlEncodedFormatter reads."""
