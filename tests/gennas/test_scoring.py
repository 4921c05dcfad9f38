"""Protocols: those of the library are the default study's, and a section of params.yaml is checked."""

import pytest
import yaml
from conftest import PROJECT

from gennas.errors import InputError
from gennas.scoring import PROTOCOLS, TRAINING, Protocol

SECTIONS = yaml.safe_load((PROJECT / "params.yaml").read_text())["protocols"]


def test_the_librarys_protocols_are_those_of_the_default_study():
    assert {name: Protocol.from_section(section) for name, section in SECTIONS.items()} == PROTOCOLS


@pytest.mark.parametrize("field", TRAINING)
def test_a_protocol_that_trains_says_everything_about_it(field):
    section = {key: value for key, value in SECTIONS["reduced"].items() if key != field}
    with pytest.raises(InputError, match=f"protocols: {field} is missing"):
        Protocol.from_section(section)


@pytest.mark.parametrize(("resolution", "size"), [(24, (24, 24)), ([52, 16], (52, 16)), ((52, 16), (52, 16))])
def test_a_resolution_is_the_side_of_a_square_or_height_and_width(resolution, size):
    assert Protocol.from_section({**SECTIONS["untrained"], "resolution": resolution}).size == size


@pytest.mark.parametrize("resolution", [[52], [52, 16, 3], "24", [52.0, 16]])
def test_another_resolution_is_an_error_of_one_line(resolution):
    protocol = Protocol.from_section({**SECTIONS["untrained"], "resolution": resolution})
    with pytest.raises(InputError, match=r"^protocol: resolution is .*; give one number of pixels.*\(height, width\)$"):
        print(protocol.size)


def test_what_no_protocol_has_is_named():
    with pytest.raises(InputError, match="protocols: heigth is unknown"):
        Protocol.from_section({**SECTIONS["untrained"], "heigth": 2})
    with pytest.raises(InputError, match="protocols: width is missing"):
        Protocol.from_section({key: value for key, value in SECTIONS["untrained"].items() if key != "width"})
