"""Nobody alone holds all there is of a thing."""

import pytest

from incidentlog.errors import Overloaded, TooManyConnections
from incidentlog.shares import Shares, Stranger, network_of


def test_a_holder_has_its_share_and_what_it_gives_back_is_there_again():
    shares = Shares("things", 3, each=2)
    one = Stranger("", "one")
    with shares.place(one), shares.place(one):
        with pytest.raises(TooManyConnections, match="one has 2 things already"), shares.place(one):
            pass
        with shares.place(Stranger("", "two")), pytest.raises(Overloaded), shares.place(Stranger("", "three")):
            pass
    assert not shares.held
    with shares.place(one):
        pass


def test_what_is_kept_for_keys_is_theirs_however_many_addresses_ask():
    shares = Shares("things", 3, each=2, kept=1)
    with shares.place(Stranger("192.0.2.1")), shares.place(Stranger("192.0.2.2")):
        with pytest.raises(Overloaded), shares.place(Stranger("192.0.2.3")):
            pass
        with shares.place(Stranger("", "a key")):
            pass


@pytest.mark.parametrize(
    ("remote", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "local"),
        (None, "local"),
    ],
)
def test_addresses_of_one_subscriber_are_one(remote: str | None, network: str):
    assert network_of(remote) == network
