"""The catalogues that ship: up to date with the source, and whole where the language is offered."""

import pytest

from core.language import DRAFTS, LANGUAGES, SOURCE
from core.language.catalogues import FOLDER
from tests import translations

SHIPPED = sorted({*LANGUAGES, *DRAFTS} - {SOURCE})


@pytest.mark.parametrize("language", SHIPPED)
def test_files_hold_what_the_source_shows(language: str):
    """Else: `make translations`."""
    there = {path.stem for path in (FOLDER / language).glob("*.po")}
    assert there == set(translations.texts())


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {SOURCE}))
def test_a_language_that_is_offered_lacks_nothing(language: str):
    assert translations.missing(language) == {}


def test_a_value_that_a_translation_loses_is_missing(monkeypatch: pytest.MonkeyPatch):
    text = translations.Text("{a} of {b}")
    monkeypatch.setattr(translations, "texts", lambda: {"core": {text.id: text}})
    for said, lacks in (
        ("{a}/{b}", {}),
        ("{a}", {"core": [text.id]}),
        ("{a}{b}{c}", {"core": [text.id]}),
    ):
        monkeypatch.setattr(translations, "known", lambda language, said=said: {text.id: (said,)})
        assert translations.missing("zh") == lacks
