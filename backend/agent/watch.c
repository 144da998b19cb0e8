#include "backend/agent/watch.h"
#include "backend/agent/agent.h"
#include "backend/agent/channel.h"
#include "backend/agent/request.h"

#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct watch_table table;
static uint8_t bytes[WIRE_MAX];

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static bool add(int channel, uint32_t slot, const char *path)
{
    static struct wire_out w;

    if (!watch_add(&table, slot, path))
        return false;
    wire_begin(&w, WIRE_REPLY, 0);
    wire_put_u32(&w, TAG_WATCH, slot);
    return channel_send(channel, &w, NULL, 0);
}

/* False: the channel has been closed. */
static bool take_request(int channel)
{
    static const struct frame_field fields[] = { { TAG_WATCH, FIELD_U32 },
                                                 { TAG_PATH, FIELD_BYTES } };
    int fds[WIRE_MAX_FDS], nfds;
    char path[AGENT_PATH];
    struct wire_in in;
    int r = channel_recv(channel, &in, bytes, fds, &nfds, MSG_DONTWAIT);
    uint32_t slot;

    if (r == -1)
        return true;
    if (!r)
        return false;
    slot = r == 1 ? wire_u32(&in, TAG_WATCH, WIRE_WATCHES) : WIRE_WATCHES;
    if (slot >= WIRE_WATCHES || nfds || !channel_shape(&in, fields, 2))
        request_violation();
    if (in.op == WIRE_UNWATCH)
        watch_remove(&table, slot);
    else if (in.op != WIRE_WATCH_PATH || !wire_str(&in, TAG_PATH, path, sizeof(path)) ||
             path[0] != '/')
        request_violation();
    else
        return add(channel, slot, path);
    return true;
}

/* False: nobody listens any more. */
static bool tell(int channel)
{
    static struct wire_out w;
    uint8_t bits[WIRE_WATCHES / 8];

    if (!watch_take(&table, bits))
        return true;
    wire_begin(&w, WIRE_CHANGED, 0);
    wire_put(&w, TAG_DATA, bits, sizeof(bits));
    return channel_send(channel, &w, NULL, 0);
}

static bool wants_telling(void)
{
    for (int i = 0; i < WIRE_WATCHES; i++)
        if (table.files[i].path && table.files[i].changed)
            return true;
    return false;
}

static bool lacks_folder(void)
{
    for (int i = 0; i < WIRE_WATCHES; i++)
        if (table.files[i].path && table.files[i].folder < 0)
            return true;
    return false;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return !a || (b && b < a) ? b : a;
}

/* Milliseconds until the next of what is due, -1 none. */
static int wait_ms(int64_t now, int64_t read_at, int64_t tell_at, int64_t retry_at)
{
    int64_t at = read_at > now ? read_at : 0;

    if (wants_telling())
        at = earlier(at, tell_at);
    if (lacks_folder())
        at = earlier(at, retry_at);
    return !at ? -1 : at <= now ? 0 : (int)(at - now);
}

static void serve(int channel)
{
    int64_t read_at = 1, tell_at = 1, retry_at = 1; /* 0 would be never */

    for (;;) {
        int64_t now = now_ms();
        struct pollfd p[2] = { { .fd = channel, .events = POLLIN },
                               { .fd = now >= read_at ? table.inotify : -1, .events = POLLIN } };
        (void)poll(p, 2, wait_ms(now, read_at, tell_at, retry_at));
        now = now_ms();
        if (p[0].revents && !take_request(channel))
            return;
        if (p[1].revents) {
            watch_read(&table);
            read_at = now + WATCH_READ_MS;
        }
        watch_settle(&table, now >= retry_at);
        if (now >= retry_at)
            retry_at = now + WATCH_RETRY_MS;
        if (now < tell_at || !wants_telling())
            continue;
        if (!tell(channel))
            return;
        tell_at = now + WATCH_TELL_MS;
    }
}

void watch_serve(int channel, int inotify)
{
    struct wire_in in;

    if (!request_start(channel, &in, bytes))
        return;
    if (!channel_shape(&in, NULL, 0)) {
        channel_error(channel, CODE_INVALID, NULL, "the request has a field that does not belong");
        return;
    }
    table.inotify = inotify;
    serve(channel);
}
