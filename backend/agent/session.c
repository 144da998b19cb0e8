#include "backend/agent/session.h"
#include "backend/agent/channel.h"
#include "backend/agent/request.h"
#include "backend/agent/supervise.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static uint8_t bytes[WIRE_MAX];

static void reap(struct session *s)
{
    static struct wire_out usage;
    bool none;
    int status;

    if (s->shell && supervisor_reap(s->signals, s->shell, &status, &usage, &none))
        session_lost(s, status);
}

/* False: the channel is closed. */
static bool obey(struct session *s)
{
    int fds[WIRE_MAX_FDS], nfds, r;
    struct wire_in in;

    r = channel_recv(s->channel, &in, bytes, fds, &nfds, MSG_DONTWAIT);
    if (r == -2 || (r == 1 && in.op == WIRE_RUN && nfds != 2 && nfds != 3))
        request_violation();
    if (r == 1 && in.op == WIRE_RUN) {
        session_run(s, &in, fds[0], fds[1], nfds == 3 ? fds[2] : -1);
    } else if (r == 1) {
        int signal = supervisor_signal(&in, nfds);
        if (signal)
            session_signal(s, signal);
    }
    return r;
}

static void pump(struct tap *t, const struct pollfd *p)
{
    if (p->fd >= 0 && p->revents)
        tap_pump(t);
}

enum { CHANNEL, SIGNALS, SHELL, STATUS, OUT, ERRS, HOLDERS, POLLED = HOLDERS + SESSION_HOLDERS };

static int wait_for(struct session *s, struct pollfd p[POLLED])
{
    p[CHANNEL] = (struct pollfd){ .fd = s->channel, .events = POLLIN };
    p[SIGNALS] = (struct pollfd){ .fd = s->signals, .events = POLLIN };
    p[SHELL] = (struct pollfd){ .fd = s->script.sent < s->script.len ? s->shell_fifo : -1,
                                .events = POLLOUT };
    p[STATUS] = (struct pollfd){ .fd = s->status.from, .events = POLLIN };
    tap_poll(&s->out, &p[OUT]);
    tap_poll(&s->errs, &p[ERRS]);
    for (int i = 0; i < SESSION_HOLDERS; i++)
        tap_poll(&s->holders[i], &p[HOLDERS + i]);
    return poll(p, POLLED, s->phase == SESSION_RUNNING ? SESSION_CHECK_MS : -1);
}

static void watch(struct session *s)
{
    struct pollfd p[POLLED];

    while (session_tell(s)) {
        int n = wait_for(s, p);
        if (n < 0 && errno != EINTR)
            return;
        if (n <= 0) {
            session_check(s);
            continue;
        }
        pump(&s->out, &p[OUT]);
        pump(&s->errs, &p[ERRS]);
        for (int i = 0; i < SESSION_HOLDERS; i++)
            pump(&s->holders[i], &p[HOLDERS + i]);
        if (p[STATUS].revents)
            session_read_status(s);
        if (p[SHELL].revents && !session_feed(s))
            return;
        if (p[SIGNALS].revents)
            reap(s);
        if (p[CHANNEL].revents && !obey(s))
            return;
    }
}

static void tell_started(int channel)
{
    static struct wire_out w;

    wire_begin(&w, WIRE_STARTED, 0);
    wire_put_u32(&w, TAG_SUPERVISOR, (uint32_t)getpid());
    (void)channel_send(channel, &w, NULL, 0);
}

void session_serve(int channel, const int *fds, int extra)
{
    static struct session s = { .out = TAP_NONE, .errs = TAP_NONE, .status = TAP_NONE };
    struct wire_in in;

    s.channel = channel;
    for (int i = 0; i < SESSION_HOLDERS; i++)
        s.holders[i] = TAP_NONE;
    snprintf(s.cwd, sizeof(s.cwd), "%s", agent_config.workspace);
    if (!request_start(channel, &in, bytes) || !session_shape(&s, &in))
        return;
    s.signals = supervisor_init();
    if (s.signals < 0)
        return;
    tell_started(channel);
    if (session_open(&s)) {
        session_run(&s, &in, fds[0], fds[1], extra);
        watch(&s);
    }
    supervisor_end();
    session_tidy(&s);
}
