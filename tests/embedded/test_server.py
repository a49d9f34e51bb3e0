from pathlib import Path
from urllib.parse import urlsplit

from incidentlog.embedded import Server

SERVER = Server("/run/a b", 20001, "incidentlog_admin", "p@ss/word", Path("/data"), 7, owned=True)


def test_the_superusers_password_goes_with_the_superuser_only():
    assert SERVER.dsn() == "postgresql://incidentlog_admin:p%40ss%2Fword@/incidentlog?host=%2Frun%2Fa%20b&port=20001"
    assert SERVER.dsn("other", user="reader") == "postgresql://reader@/other?host=%2Frun%2Fa%20b&port=20001"


def test_what_is_special_in_a_url_is_escaped():
    parts = urlsplit(SERVER.tcp_dsn("a/b", user="x:y", password="?#"))
    assert (parts.hostname, parts.port, parts.path) == ("127.0.0.1", 20001, "/a%2Fb")
    assert (parts.username, parts.password) == ("x%3Ay", "%3F%23")


def test_the_password_is_not_shown():
    assert "p@ss" not in repr(SERVER)
