"""Passwords of addresses are neither written nor shown."""

from __future__ import annotations

import io

import pytest
import yaml

from artstyle_tf.cli.main import main
from artstyle_tf.config.experiment import DirectExperiment
from artstyle_tf.config.loading import different_keys, dump_yaml, load_config
from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.progress import Reporter
from artstyle_tf.system.redaction import has_password, redacted, without_passwords

ADDRESSES = [
    ("postgresql://me:s3cret@host:5432/art", "postgresql://me@host:5432/art"),
    ("postgresql+psycopg://me:s3cret@[::1]/art?sslmode=require", None),
    ("postgresql://:s3cret@host/art", "postgresql://host/art"),
    ("postgresql://me:s3cret@@ho/st@host/art", "postgresql://me@host/art"),
    ("postgresql://me:a s3cret@host/art", "postgresql://me@host/art"),
    ("postgresql://me@host/art?password=s3cret&sslmode=require", None),
    ("postgresql://host/art?user=me&sslpassword=s3cret", "postgresql://host/art?user=me"),
    ("https://me:s3cret@mlflow.example/x", "https://mlflow.example/x"),
    ("https://s3cret@mlflow.example/x", "https://mlflow.example/x"),
    ("https://mlflow.example/x?access_token=s3cret#top", "https://mlflow.example/x#top"),
]
HARMLESS = [
    "postgresql://me@host:5432/art",
    "http://localhost:5000",
    "sqlite:////home/me/study.db",
    "s3://bucket/folder?version=3",
    "images/a:b@c",
    "^([^_]+)_",
]


@pytest.mark.parametrize(("address", "left"), ADDRESSES)
def test_no_password_is_left_of_an_address(address, left):
    assert "s3cret" not in redacted(f"it said: '{address}' is wrong")
    assert "***" in redacted(address)
    found = without_passwords({"list": [address]})["list"][0]
    assert "s3cret" not in found
    assert left is None or found == left
    assert has_password(address)
    assert without_passwords(found) == found


@pytest.mark.parametrize("text", HARMLESS)
def test_what_holds_no_password_stays(text):
    assert redacted(f"see {text}, please; ask admin@example.org") == (
        f"see {text}, please; ask admin@example.org"
    )
    assert without_passwords(text) == text
    assert not has_password(text)


def test_errors_and_messages_hold_no_password():
    address = ADDRESSES[0][0]
    error = ArtstyleError(f"Cannot reach {address}", received=address, fix="password='s3cret' ?")
    assert "s3cret" not in str(error)
    assert "postgresql://me:***@host:5432/art" in str(error)
    stream = io.StringIO()
    Reporter(stream).warn(f"{address} is slow")
    assert "s3cret" not in stream.getvalue()


def test_a_written_config_loads_again_and_is_the_same():
    address = "training.mlflow={tracking_uri: 'https://me:s3cret@host/x'}"
    config = load_config(DirectExperiment, overrides=[address])
    assert config.training.mlflow.tracking_uri == "https://me:s3cret@host/x"
    text = dump_yaml(config)
    assert yaml.safe_load(text)["training"]["mlflow"]["tracking_uri"] == "https://host/x"
    again = load_config(DirectExperiment, overrides=[address.replace("me:s3cret@", "")])
    assert different_keys(config, again, ignore=set()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--print-config", "--storage", "postgresql://me:s3cret@host/art"],
        ["--storage", "postgresql://me:s3cret@host:port/art", "--dry-run"],
        ["--storage", "postgresql://me:s3cret@host:99999/art", "--dry-run"],
        ["--storage", "postgresql://me:s3@cret:s3cret@host/art", "--dry-run"],
        ["--storage", "me:s3cret@host/art", "--dry-run"],
        ["tuning.storag=postgresql://me:s3cret@host/art"],
        ["tuning.num_trials=postgresql://me:s3cret@host/art"],
        ["tuning.storage: postgresql://me:s3cret@host/art"],
        ["tuning.storage={a: postgresql://me:s3cret@host/art"],
        ["tuning={storage: 'postgresql://me:s3cret@host/art'}"],
    ],
)
def test_a_refused_address_is_not_repeated(arguments, capsys):
    code = main(arguments, verb="tune")
    said = capsys.readouterr()
    assert "s3cret" not in said.out + said.err
    assert code == (0 if "--print-config" in arguments else 2)
    assert "Traceback" not in said.err


def test_an_unknown_option_is_not_repeated_either(capsys):
    with pytest.raises(SystemExit):
        main(["--stoarge", "postgresql://me:s3cret@host/art"], verb="tune")
    assert "s3cret" not in capsys.readouterr().err
