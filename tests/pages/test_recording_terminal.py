"""Recordings of commands (asciicast v2), of tool calls and their replay, of requests; what is kept."""

import json
import os
import shutil
import subprocess
import time

import pytest

from lib.paths import BINARY
from pages.test_recording_video import STILL, act, data_of, listed, probe, wait_for


def begin(web, kind, **more):
    return web.data("recording_start", kind=kind, **more)["recording_id"]


def stop(web, rid):
    return act(web, rid, "stop")


def text_of(web, rid):
    read = web.server.result("resources/read", {"uri": f"sandbox://default/recording/{rid}"})
    return read["contents"][0]["text"]


def cast(text):
    """Header and events of an asciicast v2 file, checked as its format says."""
    first, *rest = text.splitlines()
    head = json.loads(first)
    assert head["version"] == 2 and head["width"] > 0 and head["height"] > 0
    assert isinstance(head["timestamp"], int)
    events = [json.loads(line) for line in rest]
    for at, kind, data in events:
        assert isinstance(at, (int, float)) and kind in "om" and isinstance(data, str)
    assert [at for at, _, _ in events] == sorted(at for at, _, _ in events)
    return head, events


def shown(events):
    return "".join(data for _, kind, data in events if kind == "o")


def test_commands_are_recorded_as_they_come(web):
    rid = begin(web, "terminal", name="what I did")
    web.text("terminal_execute", command="echo hällo; sleep 1; printf 'a\\nb\\n' >&2; exit 3")
    act(web, rid, "mark", title="a chapter")
    web.text("terminal_execute", command="cd /tmp; pwd", session_id="mine")
    web.text("code_execute", language="bash", code="echo from code", context_id="new")
    stop(web, rid)
    head, events = cast(text_of(web, rid))
    assert head["title"] == "what I did"
    assert shown(events).startswith("$ echo hällo; sleep 1")
    assert "\r\nhällo\r\na\r\nb\r\n[exit 3]\r\n$ cd /tmp; pwd\r\n/tmp\r\n" in shown(events)
    assert "$ echo from code\r\nfrom code\r\n" in shown(events)
    times = {data: at for at, _, data in events}
    assert 0.8 < times["a\r\nb\r\n"] - times["hällo\r\n"] < 3
    assert [data for _, kind, data in events if kind == "m"] == ["a chapter"]
    assert "\n" not in shown(events).replace("\r\n", "")
    seen = web.text("recording_get", recording_id=rid, text=True)
    assert "hällo\na\nb\n[exit 3]\n" in seen and "--- a chapter" in seen
    assert "invalid_argument" in web.fails("recording_get", recording_id=rid, frames=1)


def test_silences_are_cut(web):
    rid = begin(web, "terminal")
    web.text("terminal_execute", command="echo one; sleep 4; echo two")
    stopped = stop(web, rid)
    _, events = cast(text_of(web, rid))
    times = {data: at for at, _, data in events}
    assert 1.9 <= times["two\r\n"] - times["one\r\n"] <= 2.1 and stopped["duration_s"] >= 4


def test_what_goes_on_in_the_background_is_recorded(web):
    rid = begin(web, "terminal")
    text = web.text("terminal_execute", command="sleep 0.5; echo later", yield_s=0)
    process = text.split("process_id ")[1].split()[0].rstrip("·,")
    web.text("terminal_output", process_id=process, wait_s=10)
    time.sleep(0.3)
    stop(web, rid)
    assert "later" in shown(cast(text_of(web, rid))[1])


def test_one_session_is_recorded_when_it_is_named(web):
    rid = begin(web, "terminal", source="chosen")
    web.text("terminal_execute", command="echo not this")
    web.text("terminal_execute", command="echo nor this", session_id="other")
    web.text("terminal_execute", command="echo but this", session_id="chosen")
    act(web, rid, "pause")
    web.text("terminal_execute", command="echo not while paused", session_id="chosen")
    act(web, rid, "resume")
    stop(web, rid)
    assert shown(cast(text_of(web, rid))[1]) == "$ echo but this\r\nbut this\r\n"


def test_bytes_that_are_no_text(web):
    rid = begin(web, "terminal")
    web.text("terminal_execute", command=r"printf '\303'; sleep 0.3; printf '\244\377\033[31mred'")
    stop(web, rid)
    data = shown(cast(text_of(web, rid))[1])
    assert "ä" in data and "\ufffd" in data and "\x1b[31mred" in data
    assert "\x1b" not in web.text("recording_get", recording_id=rid, text=True)


def kept(web, rid):
    return any(each["recording_id"] == rid for each in web.data("recording_list")["recordings"])


def test_on_failure_keeps_what_failed(web, site):
    web.data("browser_navigate", url=site.add("/", STILL))
    fine = begin(web, "video", keep="on_failure")
    web("browser_click", target="h1")
    assert stop(web, fine)["state"] == "deleted" and not kept(web, fine)
    failed = begin(web, "video", keep="on_failure")
    web.fails("browser_click", target="#nothing")
    assert stop(web, failed)["state"] == "stopped" and kept(web, failed)

    other = web.open(site.url("/"))
    elsewhere = begin(web, "video", keep="on_failure", source=other)
    first = [each["page_id"] for each in web.data("browser_tabs", action="list")["pages"]
             if each["page_id"] != other][0]
    web.fails("browser_click", target="#nothing", page_id=first)
    assert stop(web, elsewhere)["state"] == "deleted"

    fine = begin(web, "terminal", keep="on_failure")
    web.text("terminal_execute", command="true")
    assert stop(web, fine)["state"] == "deleted" and not kept(web, fine)
    over = begin(web, "terminal", keep="on_failure", max_s=1)
    wait_for(lambda: not kept(web, over))
    assert "no call failed" in web.fails("recording_control", recording_id=over, action="stop")
    failed = begin(web, "terminal", keep="on_failure")
    web.text("terminal_execute", command="false")
    assert stop(web, failed)["state"] == "stopped" and kept(web, failed)


FORM = """<title>Form</title><input aria-label="Name"><input aria-label="Password" type=password>
<button onclick="document.title = 'Hello ' + document.querySelector('input').value">Save</button>"""


def ref(snapshot, what):
    return next(line for line in snapshot.splitlines() if what in line).split("[")[1].split("]")[0]


def acted(web, site):
    rid = begin(web, "actions", name="a form")
    page = web.data("browser_navigate", url=site.add("/", FORM))["page_id"]
    seen = web.text("browser_snapshot", page_id=page)
    web.text("browser_type", page_id=page, target=ref(seen, '"Name"'), text="Ann")
    web.text("browser_click", page_id=page, target=ref(seen, '"Save"'))
    web.fails("browser_click", page_id=page, target="#nothing")
    act(web, rid, "mark", title="half")
    web.text("terminal_execute", command="echo $WHO; exit 4", env={"WHO": "me"})
    stop(web, rid)
    return text_of(web, rid)


def replay(web, tmp_path, text):
    path = tmp_path / "actions.jsonl"
    path.write_text(text)
    env = {name: v for name, v in os.environ.items() if not name.startswith("SANDBOX_MCP_")}
    done = subprocess.run([BINARY, "replay", path, "--runtime", "host"], timeout=60,
                          capture_output=True, text=True,
                          env=env | {"SANDBOX_MCP_STATE_DIR": web.state})
    return done.returncode, done.stdout


def test_actions_are_done_again(web, site, tmp_path):
    text = acted(web, site)
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines[0]["sandbox_mcp_actions"] == 1 and lines[0]["name"] == "a form"
    calls = [line for line in lines if "tool" in line]
    assert [each["tool"] for each in calls] == [
        "browser_navigate", "browser_snapshot", "browser_type", "browser_click", "browser_click",
        "terminal_execute"]
    assert calls[3]["arguments"]["target"] == 'role=button[name="Save"]'
    assert [each["outcome"] for each in calls].count("ok") == 5
    assert calls[5]["facts"]["exit_code"] == 4
    status, said = replay(web, tmp_path, text)
    assert status == 0 and "6 calls, no difference" in said and "half" in said, said


def test_the_first_difference_is_told(web, site, tmp_path):
    text = acted(web, site)
    site.add("/", FORM.replace("Save", "Send"))
    status, said = replay(web, tmp_path, text)
    assert status == 1 and "line 5" in said and "not_found" in said, said
    site.add("/", FORM.replace("<title>Form", "<title>Another"))
    status, said = replay(web, tmp_path, text)
    assert status == 1 and "line 2: title was" in said and "Another" in said, said
    assert replay(web, tmp_path, "{}\n")[0] != 0
    assert replay(web, tmp_path, "no json\n")[0] != 0


def test_secrets_are_not_recorded(web, site, tmp_path):
    rid = begin(web, "actions")
    web.text("terminal_execute", command="true", env={"API_TOKEN": "s3cret", "PLAIN": "seen"})
    web.text("terminal_execute", command="true -H 'Authorization: Bearer s3cret-s3cret' seen")
    web.data("browser_navigate", url=site.add("/", FORM))
    seen = web.text("browser_snapshot")
    web.text("browser_type", target=ref(seen, '"Password"'), text="s3cret")
    web("browser_navigate", url=site.url("/?access_token=s3cret&q=seen"))
    stop(web, rid)
    text = text_of(web, rid)
    assert "s3cret" not in text and text.count("seen") >= 3
    status, said = replay(web, tmp_path, text)
    assert status == 1 and "masked" in said


def test_requests_are_recorded_as_har(web, site):
    web.data("browser_navigate", url=site.add("/", STILL))
    rid = begin(web, "har")
    site.add("/two", "<title>two</title>")
    web.data("browser_navigate", url=site.url("/two"))
    assert stop(web, rid)["bytes"] > 100
    har = json.loads(text_of(web, rid))["log"]
    assert har["version"] == "1.2"
    assert site.url("/two") in [each["request"]["url"] for each in har["entries"]]


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="no ffmpeg here")
@pytest.mark.parametrize("format, codec", [("mp4", "h264"), ("webm", "vp8")])
def test_videos_are_converted_in_the_sandbox(web, site, tmp_path, format, codec):
    web.data("browser_navigate", url=site.add("/", STILL))
    rid = begin(web, "video", name="film")
    time.sleep(1.5)
    took = stop(web, rid)["duration_s"]
    result = web("recording_get", recording_id=rid, format=format,
                 save_to=str(tmp_path / "copy"))
    link = next(part for part in result["content"] if part["type"] == "resource_link")
    assert link["name"] == f"film.{format}" and link["mimeType"] == f"video/{format}"
    seen = probe((tmp_path / "copy").read_bytes(), "-show_streams")
    assert seen["streams"][0]["codec_name"] == codec
    assert abs(float(seen["format"]["duration"]) - took) < max(0.1 * took, 0.2)
    read = web.server.result("resources/read", {"uri": link["uri"]})["contents"][0]
    assert read["mimeType"] == f"video/{format}"
    assert listed(web, rid)["size"] > len(data_of(web, rid))
    web("recording_get", recording_id=rid, save_to=str(tmp_path / "raw"))
    assert (tmp_path / "raw").read_bytes() == data_of(web, rid)
