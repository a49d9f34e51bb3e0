"""A DSN of several servers is taken apart as PostgreSQL's own library does."""

import pytest

from incidentlog.addresses import server_name, servers, wanted_of


@pytest.mark.parametrize(
    ("dsn", "each", "names"),
    [
        ("postgresql://u:p@a:1/db", ["postgresql://u:p@a:1/db"], ["a:1"]),
        ("postgresql:///db", ["postgresql:///db"], ["the default server"]),
        (
            "postgresql://u:p%40@a,b:2,[::1]:3/db?sslmode=disable",
            [f"postgresql://u:p%40@{host}/db?sslmode=disable" for host in ("a", "b:2", "[::1]:3")],
            ["a", "b:2", "[::1]:3"],
        ),
        (
            "postgresql://u@/db?host=/run/a,/run/b&port=1,2",
            ["postgresql://u@/db?host=%2Frun%2Fa&port=1", "postgresql://u@/db?host=%2Frun%2Fb&port=2"],
            ["/run/a:1", "/run/b:2"],
        ),
        (
            "postgresql://u@/db?host=a,b&port=7",
            ["postgresql://u@/db?host=a&port=7", "postgresql://u@/db?host=b&port=7"],
            ["a:7", "b:7"],
        ),
    ],
)
def test_each_server_of_a_dsn_has_one_of_its_own_and_a_name_without_the_login(
    dsn: str, each: list[str], names: list[str]
):
    assert servers(dsn) == each
    assert [server_name(one) for one in each] == names


def test_what_a_dsn_wants_of_its_servers_is_told():
    assert wanted_of("postgresql://a,b/db?target_session_attrs=read-write") == "read-write"
    assert wanted_of("postgresql://a,b/db") is None
