"""Session files: which versions they may name, which data dictionaries belong to each, and who is told what."""

from pathlib import Path

import pytest
import quickfix

from oms.fix.door import speaks
from oms.fix.sessions import SettingsError, fill, read_settings, session_key, version_of
from tests.support.dictionaries import faults, refused

FIXT = "BeginString=FIXT.1.1\nDefaultApplVerID=FIX.5.0SP2"


def settings(tmp_path: Path, session: str, default: str = "") -> Path:
    path = tmp_path / "clients.cfg"
    path.write_text(f"[DEFAULT]\nSenderCompID=OMS\n{default}\n[SESSION]\nTargetCompID=THEM\n{session}\n")
    return path


@pytest.mark.parametrize(
    ("session", "version", "dictionaries"),
    [
        ("BeginString=FIX.4.2", "FIX.4.2", {"DataDictionary": "FIX42.xml"}),
        ("BeginString=FIX.4.4", "FIX.4.4", {"DataDictionary": "FIX44.xml"}),
        (
            FIXT,
            "FIX.5.0SP2",
            {"TransportDataDictionary": "FIXT11.xml", "AppDataDictionary": "FIX50SP2.xml"},
        ),
        (
            "BeginString=FIXT.1.1\nDefaultApplVerID=9",
            "FIX.5.0SP2",
            {"TransportDataDictionary": "FIXT11.xml", "AppDataDictionary": "FIX50SP2.xml"},
        ),
    ],
)
def test_a_version_has_its_dictionaries(
    tmp_path: Path, session: str, version: str, dictionaries: dict[str, str]
) -> None:
    [section] = read_settings(settings(tmp_path, session))
    assert version_of(section) == version
    found = {
        key: Path(value) for key, value in section.items() if key.endswith("Dictionary") and "Use" not in key
    }
    assert {key: path.name for key, path in found.items()} == dictionaries
    assert all(path.is_file() for path in found.values())
    assert section.get("DefaultApplVerID") == ("FIX.5.0SP2" if version == "FIX.5.0SP2" else None)
    assert session_key(section) == f"{section['BeginString']}:OMS->THEM"


def test_what_default_says_is_for_the_sessions_that_it_fits(tmp_path: Path) -> None:
    path = settings(tmp_path, FIXT, "BeginString=FIX.4.4\nDataDictionary=FIX44.xml")
    path.write_text(path.read_text() + "[SESSION]\nTargetCompID=OTHER\n")
    new, old = read_settings(path)
    assert "DataDictionary" not in new
    assert Path(old["DataDictionary"]).name == "FIX44.xml"


def test_a_dictionary_beside_the_file_comes_first(tmp_path: Path) -> None:
    (tmp_path / "FIX42.xml").write_text("<fix type='FIX' major='4' minor='2' servicepack='0'></fix>")
    [section] = read_settings(settings(tmp_path, "BeginString=FIX.4.2"))
    assert section["DataDictionary"] == str(tmp_path / "FIX42.xml")


@pytest.mark.parametrize(
    ("session", "says"),
    [
        ("BeginString=FIX.4.1", "BeginString FIX.4.1 is not supported"),
        ("BeginString=FIX.4.3", "BeginString FIX.4.3 is not supported"),
        (
            "BeginString=FIX.5.0SP2",
            "BeginString FIX.5.0SP2 is not supported; it is one of FIX.4.2, FIX.4.4, FIXT.1.1",
        ),
        ("BeginString=FIXT.1.1", "needs DefaultApplVerID=FIX.5.0SP2, not nothing"),
        ("BeginString=FIXT.1.1\nDefaultApplVerID=FIX.4.4", "needs DefaultApplVerID=FIX.5.0SP2, not FIX.4.4"),
        ("BeginString=FIXT.1.1\nDefaultApplVerID=7", "not 7"),
        (f"{FIXT}\nDataDictionary=FIX44.xml", "DataDictionary is nothing that FIXT.1.1 takes"),
        (f"{FIXT}\nAppDataDictionary.FIX.4.4=FIX44.xml", "AppDataDictionary.FIX.4.4 is nothing that"),
        (
            f"{FIXT}\nAppDataDictionary=FIX44.xml",
            "FIX44.xml describes FIX.4.4, the session speaks FIX.5.0SP2",
        ),
        (f"{FIXT}\nAppDataDictionary=FIX50.xml", "FIX50.xml describes FIX.5.0,"),
        (f"{FIXT}\nTransportDataDictionary=FIX42.xml", "the session speaks FIXT.1.1"),
        (f"{FIXT}\nAppDataDictionary=MINE.xml", "AppDataDictionary MINE.xml is neither beside it"),
        ("BeginString=FIX.4.2\nDataDictionary=FIX44.xml", "describes FIX.4.4, the session speaks FIX.4.2"),
        (
            "BeginString=FIX.4.2\nAppDataDictionary=FIX50SP2.xml",
            "AppDataDictionary is nothing that FIX.4.2 takes",
        ),
        ("BeginString=FIX.4.4\nDataDictionary=BROKEN.xml", "BROKEN.xml: not a data dictionary"),
    ],
)
def test_what_is_not_supported_is_said(tmp_path: Path, session: str, says: str) -> None:
    (tmp_path / "BROKEN.xml").write_text("no xml")
    path = settings(tmp_path, session)
    with pytest.raises(SettingsError) as caught:
        read_settings(path)
    assert says in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_the_sample_sessions_are_of_all_versions() -> None:
    sections = read_settings(Path(__file__).parents[2] / "sessions" / "clients.cfg")
    assert {section["TargetCompID"]: version_of(section) for section in sections} == {
        "CLIENT1": "FIX.4.4",
        "CLIENT2": "FIX.4.4",
        "CLIENT42": "FIX.4.2",
        "CLIENT50": "FIX.5.0SP2",
    }


@pytest.mark.parametrize(
    ("logon", "spoken"),
    [
        ("8=FIX.4.2|9=5|35=A|", True),
        ("8=FIX.4.4|9=5|35=A|1137=4|", True),
        ("8=FIXT.1.1|9=5|35=A|1137=9|", True),
        ("8=FIXT.1.1|9=5|35=A|", False),
        ("8=FIXT.1.1|9=5|35=A|1137=4|", False),
        ("8=FIXT.1.1|9=5|35=A|1137=4|1137=9|", False),
    ],
)
def test_a_logon_over_fixt_is_for_5_0_sp2(logon: str, spoken: bool) -> None:
    assert speaks(logon.replace("|", "\x01").encode()) is spoken


# -- repeating groups ----------------------------------------------------------------------------------------

LIST_STATUS = (
    "35=N|66=L1|429=1|82=1|431=6|83=1|60=20261122-14:30:00.000|68=2|73=2|"
    "11=A|14=0|39=0|151=5|84=0|6=0|58=first|11=B|14=2|39=1|151=3|84=0|6=1|"
)


@pytest.mark.parametrize("version", ["FIX.4.2", "FIX.4.4", "FIX.5.0SP2"])
def test_a_group_that_ends_a_text_stays_together(version: str) -> None:
    message = quickfix.Message()
    fill(message, LIST_STATUS.replace("|", "\x01"))
    text = message.toString()
    sent = text[text.index("35=") : text.index("10=", len(text) - 8)]
    assert sent.replace("\x01", "|").count("73=2|11=A|14=0|39=0|151=5|84=0|6=0|58=first|11=B|14=2|") == 1
    assert faults(version, sent) == []
    assert refused(version, sent) == ""


def test_the_next_text_has_nothing_of_the_one_before() -> None:
    message = quickfix.Message()
    fill(message, LIST_STATUS.replace("|", "\x01"))
    fill(message, "35=H\x0111=A\x0155=IBM\x0154=1\x01")
    assert (
        message.toString()
        .replace("\x01", "|")
        .endswith("|35=H|11=A|54=1|55=IBM|10=" + message.toString()[-4:-1] + "|")
    )
    fill(message, "35=N\x0166=L1\x01")
    assert "73=" not in message.toString()
