"""Frames survive any cutting, and nothing else passes for one."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.runs import framing
from galley.runs.framing import (
    BlockingChannel,
    Channel,
    ChannelClosedError,
    Frame,
    FramingError,
    Parser,
    encode,
)

Pair = tuple[dict[str, str | int], bytes]
FRAMES = st.lists(
    st.tuples(st.dictionaries(st.text(max_size=9), st.text() | st.integers()), st.binary()),
    max_size=5,
)


@given(FRAMES, st.integers(1, 40))
def test_frames_come_out_as_they_went_in(
    pairs: list[tuple[dict[str, str | int], bytes]], size: int
) -> None:
    frames = [Frame({**header, "k": "x"}, payload) for header, payload in pairs]
    stream = b"".join(encode(frame.header, frame.payload) for frame in frames)
    parser = Parser()
    found: list[Frame] = []
    for start in range(0, len(stream), size):
        parser.feed(stream[start : start + size])
        found += parser.frames()
    assert found == frames


@given(st.binary(min_size=1))
def test_garbage_is_found_at_its_first_wrong_byte(garbage: bytes) -> None:
    parser = Parser()
    parser.feed(garbage)
    if b"GLY1".startswith(garbage[:4]):
        return
    with pytest.raises(FramingError, match="other than Galley"):
        list(parser.frames())


@pytest.mark.parametrize("header", [b"[]", b"nonsense", b"{}", b'{"k":1}', b"\xff\xff"])
def test_a_header_must_say_what_the_message_is(header: bytes) -> None:
    parser = Parser()
    parser.feed(b"GLY1" + len(header).to_bytes(4, "big") + bytes(4) + header)
    with pytest.raises(FramingError, match="header"):
        list(parser.frames())


def test_frames_have_a_limit_both_ways() -> None:
    with pytest.raises(FramingError, match="too large"):
        encode({"k": "x"}, bytes(framing.LIMIT))
    parser = Parser()
    parser.feed(b"GLY1" + bytes(4) + b"\xff\xff\xff\xff")
    with pytest.raises(FramingError, match="announces 4,294,967,295 bytes"):
        list(parser.frames())


def test_a_channel_never_blocks_its_owner() -> None:
    ours, theirs = socket.socketpair()
    channel, other = Channel(ours), Channel(theirs)
    payload = bytes(4 << 20)
    channel.send({"k": "big"}, payload)
    assert channel.pending
    found: list[Frame] = []
    while not found:
        found += other.receive()
        channel.flush()
    assert found == [Frame({"k": "big"}, payload)]
    assert list(other.receive()) == []
    channel.close()
    with pytest.raises(ChannelClosedError):
        list(other.receive())
    other.send({"k": "to nobody"})
    other.close()


def test_a_blocking_channel_takes_frames_one_by_one() -> None:
    ours, theirs = socket.socketpair()
    channel = BlockingChannel(ours)
    theirs.sendall(encode({"k": "a"}) + encode({"k": "b"}))
    theirs.close()
    frames = [channel.receive(), channel.receive(), channel.receive()]
    assert [frame and frame.kind for frame in frames] == ["a", "b", None]
    channel.close()
