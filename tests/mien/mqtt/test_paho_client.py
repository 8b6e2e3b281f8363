"""The choice of the protocol version, and the description of errors."""

from __future__ import annotations

import socket
import ssl

import pytest

from mien.mqtt.paho_client import VersionNegotiation, describe_error


def test_a_broker_that_refuses_mqtt_5_by_name_gets_3_1_1_for_good() -> None:
    """After a refusal by name each later attempt uses MQTT 3.1.1."""
    version = VersionNegotiation()
    assert version.is_v5
    assert not version.advance()
    version.refused()
    assert version.advance()
    assert not version.is_v5
    version.succeeded()
    assert not version.advance()
    assert not version.is_v5


def test_a_broker_that_closes_without_a_reply_gets_the_other_version() -> None:
    """The versions alternate until one succeeds; the attempt after that uses MQTT 5 again."""
    version = VersionNegotiation()
    version.closed_without_reply()
    assert version.advance()
    assert not version.is_v5
    version.closed_without_reply()
    assert version.advance()
    assert version.is_v5
    version.closed_without_reply()
    version.advance()
    version.succeeded()
    assert version.advance()
    assert version.is_v5


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ssl.SSLCertVerificationError("self-signed"), "mqtt.ca_file"),
        (ssl.SSLError(1, "wrong version number"), "mqtt.tls"),
        (socket.gaierror(-2, "Name or service not known"), "mqtt.host"),
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (ValueError("Invalid host."), "Invalid host."),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_errors_name_what_to_check(error: OSError | ValueError, text: str) -> None:
    """Each error is described by the key to check, or in the system's words."""
    if isinstance(error, ssl.SSLError):  # OpenSSL sets these attributes
        error.reason = "WRONG_VERSION_NUMBER"
    if isinstance(error, ssl.SSLCertVerificationError):
        error.verify_message = "self-signed"
    assert text in describe_error(error)
