"""``[modules.mod_mam_meta]``: what pm and muc take from the section, what is refused (contract/config, section 11)."""

from __future__ import annotations

import pytest

from mim_plugins.mod_mam_meta import ModMamMeta
from mim_plugins.mod_mam_meta.options import MamOptions, Settings
from tests.plugins.problems import problems


def settings(**section: object) -> Settings:
    options = MamOptions(**{"pm": {}, **section})
    assert options.pm is not None
    return Settings.of(options, options.pm)


DEFAULT = {
    "shows_ids": True,
    "archives_markers": False,
    "buries_retracted": True,
    "keeps_preferences": False,
    "can_search": True,
    "page_size": 50,
    "max_page_size": 50,
    "stores_first": False,
}

OTHER = {
    "no_stanzaid_element": (True, "shows_ids", False),
    "archive_chat_markers": (True, "archives_markers", True),
    "message_retraction": (False, "buries_retracted", False),
    "user_prefs_store": ("rdbms", "keeps_preferences", True),
    "full_text_search": (False, "can_search", False),
    "default_result_limit": (7, "page_size", 7),
    "max_result_limit": (0, "max_page_size", 0),
    "async_writer": ({"enabled": False}, "stores_first", True),
}


def test_nothing_written_means_the_defaults():
    assert settings() == Settings(**DEFAULT)


@pytest.mark.parametrize("name", OTHER)
def test_the_section_holds_for_a_part_that_says_nothing(name):
    written, field, value = OTHER[name]
    assert settings(**{name: written}) == Settings(**DEFAULT | {field: value})


@pytest.mark.parametrize("name", OTHER)
def test_a_part_has_the_last_word(name):
    written, field, value = OTHER[name]
    assert settings(pm={name: written}) == Settings(**DEFAULT | {field: value})


@pytest.mark.parametrize(
    ("name", "outer", "inner", "field"),
    [
        ("no_stanzaid_element", True, False, "shows_ids"),
        ("full_text_search", False, True, "can_search"),
        ("default_result_limit", 7, 50, "page_size"),
        ("message_retraction", False, True, "buries_retracted"),
    ],
)
def test_a_part_may_go_back_to_the_default(name, outer, inner, field):
    assert settings(**{name: outer}, pm={name: inner}) == Settings(**DEFAULT)


def test_a_writer_of_a_part_replaces_the_sections_as_a_whole():
    assert settings(async_writer={"enabled": False}, pm={"async_writer": {"batch_size": 5}}).stores_first is False


@pytest.mark.parametrize(
    ("section", "path"),
    [
        ('user_prefs_store = "cassandra"\npm = {}', "user_prefs_store"),
        ('pm.user_prefs_store = "cassandra"', "pm.user_prefs_store"),
        ('muc.user_prefs_store = "cassandra"', "muc.user_prefs_store"),
        ('backend = "riak"\npm.user_prefs_store = "rdbms"', "pm.user_prefs_store"),
        ('user_prefs_store = "rdbms"\npm.backend = "cassandra"', "user_prefs_store"),
        ("default_result_limit = -1", "default_result_limit"),
        ("pm.max_result_limit = -1", "pm.max_result_limit"),
        ("muc.archive_groupchats = true", "muc.archive_groupchats"),
        ('muc.host = "@HOST@.conference"', "muc.host"),
        ("async_writer.flush_interval = -1", "async_writer.flush_interval"),
        ("cache.time_to_live = 0", "cache.time_to_live"),
        ("pm.cache.time_to_live = 1", "pm.cache"),
        ('pm.riak.bucket_type = "x"', "pm.riak"),
        ('is_archivable_message = "mine"', "is_archivable_message"),
    ],
)
def test_what_is_refused(section, path):
    assert problems(f"[modules.mod_mam_meta]\n{section}\n") == [f"modules.mod_mam_meta.{path}"]


@pytest.mark.parametrize(
    "section",
    [
        'user_prefs_store = "cassandra"',  # nothing is archived, so nothing clashes
        'user_prefs_store = "mnesia"\nbackend = "riak"\npm = {}\nmuc = {}',
        'backend = "cassandra"\npm.user_prefs_store = "cassandra"',
        'user_prefs_store = "rdbms"\npm.backend = "cassandra"\npm.user_prefs_store = "mnesia"',
        'cache.time_to_live = "infinity"\ncache.strategy = "lru"\npm = {}',
        'db_jid_format = "mam_jid_mini"\nextra_fin_element = "mod_mam_utils"\nasync_writer.pool_size = 0',
    ],
)
def test_what_is_taken(section):
    assert problems(f"[modules.mod_mam_meta]\n{section}\n") == []


@pytest.mark.parametrize(
    ("section", "started"),
    [
        ({}, ()),
        ({"cache": {"module": "mod_cache_users"}}, ("mod_cache_users",)),
        ({"cache": {"module": "mod_cache_users"}, "cache_users": False}, ()),
    ],
)
def test_the_cache_of_users_is_started_when_it_is_asked_for(section, started):
    assert ModMamMeta.also_starts(MamOptions(**section)) == started
