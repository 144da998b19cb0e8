"""Videos of pages: how long they are, what ends them, what stays."""

import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from lib import processes
from lib.paths import BINARY
from lib.stdio import Stdio

STILL = "<title>still</title><h1>nothing moves</h1>"
MOVING = """<title>moving</title><canvas id=c width=1200 height=700></canvas><script>
const g = c.getContext('2d'); let n = 0;
(function draw() {
  g.fillStyle = `hsl(${n * 3} 80% 60%)`; g.fillRect(0, 0, 1200, 700);
  g.fillStyle = 'black'; g.font = '80px sans-serif'; g.fillText(n++, 400, 300);
  requestAnimationFrame(draw); })();
</script>"""


def probe(data, *more):
    if not shutil.which("ffprobe"):
        pytest.skip("no ffprobe here: install ffmpeg")
    with tempfile.NamedTemporaryFile() as f:  # the chapters are at its end: no pipe
        f.write(data)
        f.flush()
        out = subprocess.run(["ffprobe", "-v", "error", "-of", "json", "-show_format",
                              "-show_chapters", *more, f.name], capture_output=True)
    assert out.returncode == 0 and not out.stderr, out.stderr
    return json.loads(out.stdout)


def data_of(web, rid):
    """The file as a client gets it."""
    listed = web.data("recording_list")["recordings"]
    assert any(each["recording_id"] == rid for each in listed)
    read = web.server.result("resources/read", {"uri": f"sandbox://default/recording/{rid}"})
    return base64.b64decode(read["contents"][0]["blob"])


def begin(web, **more):
    return web.data("recording_start", kind="video", **more)["recording_id"]


def act(web, rid, action, **more):
    return web.data("recording_control", recording_id=rid, action=action, **more)


def wait_for(what, seconds=20):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s")


def listed(web, rid):
    return next(each for each in web.data("recording_list")["recordings"]
                if each["recording_id"] == rid)


@pytest.mark.parametrize("page", [STILL, MOVING], ids=["still", "moving"])
def test_a_video_lasts_as_long_as_it_was_recorded(web, site, page):
    web.data("browser_navigate", url=site.add("/", page))
    begun = time.monotonic()
    rid = begin(web, name="how long")
    time.sleep(3)
    stopped = act(web, rid, "stop")
    took = time.monotonic() - begun
    seen = probe(data_of(web, rid), "-show_packets")
    assert abs(float(seen["format"]["duration"]) - took) < 0.1 * took
    assert abs(stopped["duration_s"] - took) < 0.1 * took
    times = [float(each["pts_time"]) for each in seen["packets"]]
    assert times == sorted(times) and times[0] == 0 and abs(times[-1] - took) < 0.1 * took
    if page == MOVING:
        assert 8 < len(times) <= 40  # 10 a second at most
    assert seen["format"]["tags"]["title"] == "how long"


def test_pauses_are_cut_out_and_chapters_stay_where_they_were_marked(web, site):
    web.data("browser_navigate", url=site.add("/", MOVING))
    rid = begin(web, fps=5)
    time.sleep(1)
    first = act(web, rid, "mark", title='a "first" <b>ü</b>')
    assert act(web, rid, "pause")["state"] == "paused"
    paused = listed(web, rid)["duration_s"]
    time.sleep(1.5)
    assert listed(web, rid)["duration_s"] == paused
    assert act(web, rid, "resume")["state"] == "recording"
    act(web, rid, "mark")
    time.sleep(1)
    stopped = act(web, rid, "stop")
    seen = probe(data_of(web, rid))
    assert abs(float(seen["format"]["duration"]) - stopped["duration_s"]) < 0.05
    assert 2 <= stopped["duration_s"] < 3.4
    chapters = seen["chapters"]
    assert [each["tags"]["title"] for each in chapters] == ['a "first" <b>ü</b>', "Chapter 2"]
    assert abs(float(chapters[0]["start_time"]) - first["duration_s"]) < 0.05


def test_it_goes_on_through_navigations(web, site):
    web.data("browser_navigate", url=site.add("/", "<body style='background:#f00'>"))
    site.add("/blue", "<body style='background:#00f'>")
    rid = begin(web)
    web.data("browser_navigate", url=site.other("/blue"))
    time.sleep(0.7)
    act(web, rid, "stop")
    pictures = [part for part in web("recording_get", recording_id=rid, frames=8)["content"]
                if part["type"] == "image"]
    assert len(pictures) >= 2 and all(each["mimeType"] == "image/jpeg" for each in pictures)
    colours = [middle(base64.b64decode(each["data"])) for each in (pictures[0], pictures[-1])]
    assert colours[0][0] > 200 > 50 > colours[0][2] and colours[1][2] > 200 > 50 > colours[1][0]


def middle(jpeg):
    """The colour in the middle, as (red, green, blue)."""
    if not shutil.which("ffmpeg"):
        pytest.skip("no ffmpeg here")
    raw = subprocess.run(["ffmpeg", "-v", "error", "-f", "mjpeg", "-i", "-", "-vf",
                          "crop=16:16", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
                         input=jpeg, capture_output=True, check=True).stdout
    return tuple(raw[:3])


def test_max_s_ends_it(web, site):
    web.data("browser_navigate", url=site.add("/", MOVING))
    rid = begin(web, max_s=1)
    ended = wait_for(lambda: listed(web, rid)["state"] == "stopped" and listed(web, rid))
    assert "max_s" in ended["reason"] and 1 <= ended["duration_s"] < 2
    assert act(web, rid, "stop")["state"] == "stopped"
    assert "gone" in web.fails("recording_control", recording_id=rid, action="pause")
    assert 0.9 < float(probe(data_of(web, rid))["format"]["duration"]) < 2


def test_it_ends_with_its_page(web, site):
    page = web.open(site.add("/", STILL))
    rid = begin(web, source=page)
    web("browser_tabs", action="close", page_id=page)
    ended = wait_for(lambda: listed(web, rid)["state"] == "interrupted" and listed(web, rid))
    assert "closed" in ended["reason"]
    assert float(probe(data_of(web, rid))["format"]["duration"]) >= 0


def test_it_ends_when_the_tab_crashes(start_web, site):
    web = start_web("--runtime", "host")
    page = web.open(site.add("/", MOVING))
    rid = begin(web, source=page)
    for pid, _ in processes.descendants(web.server.pid):
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            if b"--type=renderer" in f.read():
                os.kill(pid, signal.SIGKILL)
    ended = wait_for(lambda: listed(web, rid)["state"] == "interrupted" and listed(web, rid))
    assert "crashed" in ended["reason"]
    assert "duration" in probe(data_of(web, rid))["format"]
    web.data("browser_navigate", action="reload", page_id=page)
    act(web, begin(web, source=page), "stop")


def test_it_ends_when_there_is_no_room_left(start_web, site):
    web = start_web("--runtime", "host")
    web.data("browser_navigate", url=site.add("/", MOVING))
    first = begin(web)
    act(web, first, "stop")
    meta = next(Path(web.state).glob(f"v1/recording/*/{first}/meta.json"))
    told = json.loads(meta.read_text())
    meta.write_text(json.dumps(told | {"bytes": 512 * 1024 * 1024 - 60_000}))
    rid = begin(web, fps=30)
    ended = wait_for(lambda: listed(web, rid)["state"] == "stopped" and listed(web, rid))
    assert "no room" in ended["reason"] and 60_000 <= ended["size"] < 1_000_000
    assert "quota" in web.fails("recording_start", kind="actions")
    web.data("recording_delete", recording_ids=[first])
    act(web, begin(web), "stop")


def test_one_video_of_a_page_at_a_time(web, site):
    web.data("browser_navigate", url=site.add("/", STILL))
    rid = begin(web)
    assert "busy" in web.fails("recording_start", kind="video")
    act(web, rid, "stop")
    act(web, begin(web), "stop")


def test_sizes(web, site):
    web.data("browser_navigate", url=site.add("/", STILL))
    rid = begin(web, size="320x240")
    time.sleep(0.3)
    act(web, rid, "stop")
    stream = probe(data_of(web, rid), "-show_streams")["streams"][0]
    assert stream["codec_name"] == "mjpeg" and stream["width"] <= 320 and stream["height"] <= 240
    for size in ("320", "0x0", "9999x9999", "320x240x", "-1x5"):
        assert "invalid_argument" in web.fails("recording_start", kind="video", size=size)


def test_names_are_only_names(web, site):
    web.data("browser_navigate", url=site.add("/", STILL))
    rid = begin(web, name="../../etc/passwd \u202eexe")
    assert "invalid_argument" in web.fails("recording_control", recording_id=rid, action="mark",
                                           title="two\nlines")
    act(web, rid, "mark", title="\u202eright to left")
    act(web, rid, "stop")
    one = listed(web, rid)
    assert "/" not in one["filename"] and not one["filename"].startswith(".")
    assert one["filename"].isascii() and one["filename"].endswith(".mkv")
    assert "\u202e" not in web.text("recording_get", recording_id=rid)


def test_lists_are_paged_and_what_is_deleted_is_gone(web, site):
    web.data("browser_navigate", url=site.add("/", STILL))
    made = []
    for _ in range(3):
        made.insert(0, begin(web))
        act(web, made[0], "stop")
    first = web.data("recording_list", limit=2, kind="video")
    assert [each["recording_id"] for each in first["recordings"]] == made[:2]
    rest = web.data("recording_list", limit=200, cursor=first["next_cursor"])
    assert rest["recordings"][0]["recording_id"] == made[2] and "next_cursor" not in rest
    assert "invalid_argument" in web.fails("recording_list", cursor="nonsense")
    assert web.data("recording_list", kind="har")["recordings"] == []
    gone = web.data("recording_delete", recording_ids=[made[0], "rec_nothing"])
    assert gone["deleted"] == [made[0]]
    for rid in (made[0], "rec_nothing", "../x"):
        assert "not_found" in web.fails("recording_get", recording_id=rid)
        assert "not_found" in web.fails("recording_delete", recording_ids=[rid])
    answer = web.server.request("resources/read",
                                {"uri": f"sandbox://default/recording/{made[0]}"})
    assert "error" in answer


def test_a_running_one_that_is_deleted_is_ended(web, site):
    web.data("browser_navigate", url=site.add("/", STILL))
    rid = begin(web)
    assert web.data("recording_delete", recording_ids=[rid])["deleted"] == [rid]
    act(web, begin(web), "stop")


def test_the_browser_is_killed(start_web, site):
    web = start_web("--runtime", "host")
    web.data("browser_navigate", url=site.add("/", MOVING))
    rid = begin(web)
    time.sleep(0.5)
    os.kill(browser_of(web), signal.SIGKILL)
    ended = wait_for(lambda: listed(web, rid)["state"] == "interrupted" and listed(web, rid))
    assert "browser" in ended["reason"] or "crashed" in ended["reason"]
    assert float(probe(data_of(web, rid))["format"]["duration"]) > 0.3
    wait_for(lambda: not web("browser_navigate", url=site.url("/")).get("isError"))
    act(web, begin(web), "stop")


def browser_of(web):
    """The pid of its Chromium: the one that has no --type."""
    for pid, _ in processes.descendants(web.server.pid):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                line = f.read()
            program = os.readlink(f"/proc/{pid}/exe")
        except OSError:
            continue
        if "chrom" in program and b"--remote-debugging-pipe" in line and b"--type=" not in line:
            return pid
    raise AssertionError("no browser runs")


def again(web):
    """Another server over the same state."""
    env = {name: v for name, v in os.environ.items() if not name.startswith("SANDBOX_MCP_")}
    return Stdio(BINARY, "--toolsets", "all", "--runtime", "host",
                 env=env | {"SANDBOX_MCP_STATE_DIR": web.state})


def test_recordings_outlive_the_server(start_web, site):
    web = start_web("--runtime", "host")
    web.data("browser_navigate", url=site.add("/", MOVING))
    done = begin(web, name="done")
    act(web, done, "stop")
    cut = begin(web, name="cut")
    time.sleep(1.5)
    web.server.close()
    web.server = again(web)
    assert listed(web, done)["state"] == "stopped"
    one = listed(web, cut)
    assert one["state"] == "interrupted" and "server" in one["reason"]
    assert abs(float(probe(data_of(web, cut))["format"]["duration"]) - one["duration_s"]) < 0.1


def test_what_a_killed_server_leaves_can_be_played(start_web, site):
    web = start_web("--runtime", "host")
    web.data("browser_navigate", url=site.add("/", MOVING))
    rid = begin(web, name="cut")
    time.sleep(2.5)
    below = processes.descendants(web.server.pid)
    web.server.kill()
    for pid, _ in below:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    web.server = again(web)
    one = listed(web, rid)
    assert one["state"] == "interrupted" and one["size"] > 1000
    seen = probe(data_of(web, rid), "-show_packets")
    assert float(seen["format"]["duration"]) >= 1 and len(seen["packets"]) > 5
    assert web.data("recording_delete", recording_ids=[rid])["deleted"] == [rid]
