#include "backend/agent/observe.h"
#include "backend/agent/channel.h"
#include "backend/agent/request.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static uint8_t bytes[WIRE_MAX], records[WIRE_INLINE_MAX];
static struct wire_out w;
static struct observe_start target;
static struct {
    bool waits;
    uint32_t id;
    int64_t after, until, room;
} asked;

int64_t observe_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static bool answer(int channel)
{
    size_t len;
    bool lost, cut;
    int64_t cursor = ring_put(asked.after, target.root[1] ? target.root : "", records,
                              (size_t)asked.room, &len, &lost);

    asked.waits = false;
    wire_begin(&w, WIRE_REPLY, 0);
    wire_put_u32(&w, TAG_POLL, asked.id);
    wire_put_i64(&w, TAG_OFFSET, cursor);
    wire_put_i64(&w, TAG_TOTAL, observe_count(&cut));
    wire_put_u32(&w, TAG_FLAGS,
                 (cursor < ring_last() ? WIRE_F_TRUNCATED : 0) | (lost ? WIRE_F_LOST : 0) |
                     (observe_ended() && cursor == ring_last() ? WIRE_F_ENDED : 0) |
                     (cut ? WIRE_F_PARTIAL : 0));
    wire_put(&w, TAG_DATA, records, len);
    return channel_send(channel, &w, NULL, 0);
}

/* False: the channel has been closed. */
static bool take_request(int channel)
{
    int fds[WIRE_MAX_FDS], nfds;
    struct wire_in in;
    int r = channel_recv(channel, &in, bytes, fds, &nfds, MSG_DONTWAIT);

    if (r == -1)
        return true;
    if (!r)
        return false;
    if (r != 1 || nfds || in.op != WIRE_POLL)
        request_violation();
    asked.waits = true;
    asked.id = wire_u32(&in, TAG_POLL, 0);
    asked.after = wire_i64(&in, TAG_OFFSET, -1);
    if (asked.after < 0 || asked.after > ring_last())
        asked.after = ring_told();
    asked.room = wire_i64(&in, TAG_MAX_BYTES, sizeof(records));
    if (asked.room < 0 || asked.room > (int64_t)sizeof(records))
        asked.room = sizeof(records);
    asked.until = observe_now() + wire_u32(&in, TAG_WAIT_MS, 0);
    return true;
}

/* When the answer is due. */
static int64_t due(void)
{
    int64_t since = ring_since(asked.after);

    if (observe_ended() || (since && since + OBSERVE_GATHER_MS < asked.until))
        return since ? since + OBSERVE_GATHER_MS : 0;
    return asked.until;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void serve(int channel, int inotify)
{
    int64_t read_at = 0, look_at = 0, end_at = observe_now() + OBSERVE_IDLE_MS;

    for (;;) {
        int64_t now = observe_now(), next = end_at;
        struct pollfd p[2] = { { .fd = channel, .events = POLLIN },
                               { .fd = now >= read_at ? inotify : -1, .events = POLLIN } };
        if (asked.waits)
            next = least(next, due());
        if (now < read_at)
            next = least(next, read_at);
        if (observe_pending())
            next = least(next, now + OBSERVE_PAIR_MS);
        if (observe_unsure())
            next = least(next, look_at > read_at ? look_at : read_at);
        p[1].revents = 0;
        (void)poll(p, 2, next > now ? (int)(next - now) : 0);
        now = observe_now();
        if (p[0].revents && !take_request(channel))
            return;
        if (p[1].revents) {
            observe_read();
            read_at = now + OBSERVE_READ_MS;
        } else if (observe_pending() && now >= read_at) {
            observe_flush();
        } else if (observe_unsure() && now >= read_at && now >= look_at) {
            observe_look_again();
            look_at = now + OBSERVE_LOOK_MS;
        }
        observe_settle();
        if (asked.waits) {
            end_at = now + OBSERVE_IDLE_MS;
            if (now >= due() && !answer(channel))
                return;
        }
        if (now >= end_at)
            return;
    }
}

static bool begin(int channel, int inotify)
{
    char path[AGENT_PATH];
    struct wire_in in;
    uint32_t code = CODE_INVALID;
    const char *why = "is no absolute path";
    bool cut;

    if (!request_start(channel, &in, bytes))
        return false;
    target.recursive = wire_u32(&in, TAG_FLAGS, 0) & WIRE_F_RECURSIVE;
    if (!wire_str(&in, TAG_PATH, path, sizeof(path)) || path[0] != '/' ||
        !observe_open(inotify, path, &target, &code, &why)) {
        channel_error(channel, code, NULL, "%.900s %s", path, why);
        return false;
    }
    wire_begin(&w, WIRE_REPLY, 0);
    wire_put_str(&w, TAG_PATH, target.root);
    wire_put_str(&w, TAG_PATTERN, target.name);
    wire_put_i64(&w, TAG_TOTAL, observe_count(&cut));
    wire_put_u32(&w, TAG_FLAGS, cut ? WIRE_F_PARTIAL : 0);
    return channel_send(channel, &w, NULL, 0);
}

void observe_serve(int channel, int inotify)
{
    if (begin(channel, inotify))
        serve(channel, inotify);
}
