"""The track source: sources in the user's order, searches, and what is recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mien.config import MusicConfig
from mien.expression import Expression
from mien.music.catalog.catalog import Catalog
from mien.music.catalog.importer import import_table
from mien.music.catalog.starter import starter
from mien.music.dj.mood_filter import TargetMood
from mien.music.dj.track_source import SEARCHES, CatalogTrackSource
from mien.music.players.spotify.client import SpotifyClient
from tests.fakes.spotify_client import AIR, BLUE, add_starter_songs, clock_of
from tests.fakes.spotify_server import SpotifyServer

HAPPY = tuple(float(e == Expression.HAPPY) for e in Expression)
TARGET = TargetMood(Expression.HAPPY, HAPPY, 1)


def test_starter_songs_are_found_by_search_and_the_result_cached(
    server: SpotifyServer, spotify: SpotifyClient, catalog: Catalog
) -> None:
    """A song of the starter list plays under Spotify's URI, is searched once, and does not come again for days."""
    add_starter_songs(server)
    source = CatalogTrackSource(MusicConfig(sources=("starter",)), catalog, spotify, clock_of(server))
    first = source.next_track(TARGET, "match")
    assert first is not None
    assert server.spotify.tracks[first.uri]["name"].casefold() == first.title.casefold()
    assert first.why
    searches = [request.path for request in server.spotify.requests].count("/v1/search")
    assert searches == 1
    assert source.next_track(TARGET, "match") == first, "a call changes nothing"
    assert [request.path for request in server.spotify.requests].count("/v1/search") == searches
    source.record_sent(first, TARGET)
    second = source.next_track(TARGET, "match")
    assert second is not None
    assert second.uri != first.uri


def test_a_song_that_spotify_does_not_have_is_not_searched_forever(
    server: SpotifyServer, spotify: SpotifyClient, catalog: Catalog
) -> None:
    """A few searches a song at most, and a miss is remembered for a month."""
    source = CatalogTrackSource(MusicConfig(sources=("starter",)), catalog, spotify, clock_of(server))
    for rounds in (1, 2):
        assert source.next_track(TARGET, "match") is None
        assert [request.path for request in server.spotify.requests].count("/v1/search") == rounds * SEARCHES


def isrc_only(catalog: Catalog, folder: Path, songs: int) -> None:
    """Import songs of which only names and ISRC are known, all bright and driving."""
    rows = (f"Spelled so {n},Somebody {n},XX00000001{n:02d},0.9,0.9" for n in range(songs))
    table = folder / "isrc.csv"
    table.write_text("\n".join(["title,artist,isrc,valence,energy", *rows]), encoding="utf-8")
    import_table(catalog, table, lambda _what, _share: None, now=0.0)


def test_a_song_with_only_an_isrc_is_found_by_it_and_the_result_cached(
    server: SpotifyServer, spotify: SpotifyClient, catalog: Catalog, tmp_path: Path
) -> None:
    """Its ISRC finds it, however Spotify spells it, in one request; after a restart the result is still cached."""
    isrc_only(catalog, tmp_path, 1)
    server.spotify.add_track(AIR, "Spelled Otherwise", "Someone", isrc="XX0000000100")
    music = MusicConfig(sources=("catalogue",))
    song = CatalogTrackSource(music, catalog, spotify, clock_of(server)).next_track(TARGET, "match")
    assert song is not None
    assert (song.uri, song.title) == (AIR, "Spelled so 0")
    assert [request.path for request in server.spotify.requests].count("/v1/search") == 1
    with Catalog(catalog.path) as again:
        assert CatalogTrackSource(music, again, spotify, clock_of(server)).next_track(TARGET, "match") == song
    assert [request.path for request in server.spotify.requests].count("/v1/search") == 1


def test_searches_by_isrc_and_by_name_are_counted_alike(
    server: SpotifyServer, spotify: SpotifyClient, catalog: Catalog, tmp_path: Path
) -> None:
    """Songs that Spotify has by neither cost three requests a time in all, and are given up one by one."""
    isrc_only(catalog, tmp_path, 4)
    source = CatalogTrackSource(MusicConfig(sources=("catalogue",)), catalog, spotify, clock_of(server))
    for requests in (3, 6, 9, 11, 11):  # two a song, begun again where they ran out between the two
        assert source.next_track(TARGET, "match") is None
        assert [request.path for request in server.spotify.requests].count("/v1/search") == requests


def test_a_song_of_the_same_name_by_another_is_not_the_song(
    server: SpotifyServer, spotify: SpotifyClient, catalog: Catalog
) -> None:
    """A search hit counts only with the same title and artist, or the same ISRC."""
    track = starter()[0]
    server.spotify.add_track(AIR, f"{track.title} (Karaoke Version)", f"The {track.artist} Tribute")
    source = CatalogTrackSource(MusicConfig(), catalog, spotify, clock_of(server))
    assert source._resolve(track, iter(range(3))) is None
    server.spotify.add_track(BLUE, "Spelled Otherwise", "Whoever", isrc="XX0000000002")
    assert source._resolve(replace(track, track_id="b\tother", isrc="XX0000000002"), iter(range(3))) == BLUE


def test_sources_come_in_the_users_order(server: SpotifyServer, spotify: SpotifyClient, catalog: Catalog) -> None:
    """The mood's playlist comes first where it is named first, and what was played lately of it does not."""
    add_starter_songs(server)
    own = [server.spotify.add_track(f"spotify:track:P{n:021d}", f"Mine {n}", f"Me {n}") for n in range(60)]
    server.spotify.playlists["own"] = own
    config = MusicConfig(sources=("playlists", "starter"), playlists={"happy": "spotify:playlist:own"})
    source = CatalogTrackSource(config, catalog, spotify, clock_of(server))
    played = []
    for _ in range(61):
        song = source.next_track(TARGET, "match")
        assert song is not None
        source.record_sent(song, TARGET)
        played.append(song.uri)
    assert sorted(played[:60]) == sorted(own)
    assert played[60] not in own
    assert len({request for request in server.spotify.requests if "playlists" in request.path}) <= 2, "read once a day"
    sad = source.next_track(replace(TARGET, expression=Expression.SAD, number=2), "match")
    assert sad is not None
    assert sad.uri not in own


def test_a_playlist_of_others_is_left_out(
    server: SpotifyServer, spotify: SpotifyClient, catalog: Catalog, caplog: pytest.LogCaptureFixture
) -> None:
    """Spotify refuses it: that is logged once, and the next source plays."""
    add_starter_songs(server)
    config = MusicConfig(sources=("playlists", "starter"), playlists={"happy": "spotify:playlist:theirs"})
    source = CatalogTrackSource(config, catalog, spotify, clock_of(server))
    for _ in range(2):
        song = source.next_track(TARGET, "match")
        assert song is not None
    assert sum("cannot be read" in record.message for record in caplog.records) == 1


def test_lift_climbs_from_song_to_song(server: SpotifyServer, spotify: SpotifyClient, catalog: Catalog) -> None:
    """One song at a time, "lift" still begins at the mood and goes up."""
    add_starter_songs(server)
    source = CatalogTrackSource(MusicConfig(sources=("starter",)), catalog, spotify, clock_of(server))
    target = TargetMood(Expression.SAD, tuple(float(e == Expression.SAD) for e in Expression), 1)
    valences = []
    for _ in range(6):
        song = source.next_track(target, "lift")
        assert song is not None
        source.record_sent(song, target)
        valences.append(song.track.place[0])
    assert valences[0] < -0.2
    assert valences[-1] > valences[0] + 0.4


def test_feedback_reaches_the_catalogue(server: SpotifyServer, spotify: SpotifyClient, catalog: Catalog) -> None:
    """What was heard is kept for the recommender, under the mood that the song was chosen for."""
    add_starter_songs(server)
    source = CatalogTrackSource(MusicConfig(sources=("starter",)), catalog, spotify, clock_of(server))
    song = source.next_track(TARGET, "match")
    assert song is not None
    assert source.find_recent(spotify.search(f"{song.title} {song.artist}")[0]) is None
    source.record_sent(song, TARGET)
    again = source.find_recent(spotify.search(f"{song.title} {song.artist}")[0])
    assert again is not None
    assert again.track.track_id == song.track.track_id
    source.record_heard(song, TARGET, 0.2)
    (kept,) = catalog.feedback()
    assert (kept.heard, kept.probabilities) == (0.2, HAPPY)
