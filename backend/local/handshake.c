#include "backend/local/launcher.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define ERRORS_MAX 4096

/* Why a sandbox does not start, by what bubblewrap says, and what to do about it. */
static const struct {
    const char *text, *why, *fix;
} known_failures[] = {
    { "setting up uid map: Permission denied", "unprivileged user namespaces are restricted",
      "on Ubuntu 24.04 and later AppArmor forbids them: install the profile that `sandbox-mcp "
      "doctor` prints for bwrap, or set the sysctl "
      "kernel.apparmor_restrict_unprivileged_userns=0" },
    { "loopback: Failed RTM_NEWADDR", "AppArmor restricts unprivileged user namespaces",
      "install the profile that `sandbox-mcp doctor` prints for bwrap, or set the sysctl "
      "kernel.apparmor_restrict_unprivileged_userns=0" },
    { "No permissions to create new namespace", "user namespaces are not allowed here",
      "set the sysctls kernel.unprivileged_userns_clone=1 and user.max_user_namespaces=15000; in a "
      "container start it with --security-opt seccomp=unconfined or run the server outside" },
    { "Creating new namespace failed", "user namespaces are not allowed here",
      "set the sysctl user.max_user_namespaces=15000; in a container start it with "
      "--security-opt seccomp=unconfined or run the server outside" },
    { "Can't mount proc", "this container does not let /proc be mounted",
      "start the container with --security-opt systempaths=unconfined, or run the server outside" },
    { "Can't find source path", "a directory is not reachable for the sandbox's user",
      "choose directories below which others may pass (mode o+x), e.g. another --state-dir" },
    { "Unknown option", "this bubblewrap is too old", "install bubblewrap 0.8.0 or later" },
    { "prctl(PR_SET_SECCOMP)", "the kernel refuses system call filters",
      "use a kernel with CONFIG_SECCOMP_FILTER" },
};

static void explain(int errors, struct err *err)
{
    char text[ERRORS_MAX];
    ssize_t n = io_read(errors, text, sizeof(text) - 1);

    text[n > 0 ? n : 0] = '\0';
    for (char *nl = text; (nl = strchr(nl, '\n'));)
        *nl = nl[1] ? ';' : '\0';
    for (size_t i = 0; i < COUNT_OF(known_failures); i++) {
        if (!strstr(text, known_failures[i].text))
            continue;
        err_set(err, ERR_ISOLATION, "the sandbox cannot start: %s (%.400s)", known_failures[i].why,
                text);
        err_next(err, "%s", known_failures[i].fix);
        return;
    }
    err_set(err, ERR_ISOLATION, "the sandbox cannot start: %.600s",
            text[0] ? text : "its first process ended without a word");
    err_next(err, "run `sandbox-mcp doctor` on the server's machine");
}

static int add_environment(struct local_sandbox *sb, struct wire_out *w, struct err *err)
{
    AUTO(buf) struct buf env = BUF_MAX(WIRE_INLINE_MAX);

    if (local_base_env(sb, &env, err))
        return -1;
    wire_put(w, TAG_ENV, env.data, env.len);
    return 0;
}

static int send_config(struct agent *a, struct err *err)
{
    struct local_sandbox *sb = a->sandbox;
    struct local_backend *be = sb->backend;
    AUTO_FREE struct wire_out *w = malloc(sizeof(*w));

    if (!w)
        return err_oom(err);
    wire_begin(w, WIRE_CONFIG, 0);
    wire_put_u32(w, TAG_NOFILE, (uint32_t)be->limits.nofile);
    wire_put_str(w, TAG_CWD, local_workspace(sb));
    wire_put_str(w, TAG_HOME, local_home(sb));
    wire_put_u32(w, TAG_FLAGS,
                 (a->host ? WIRE_F_HOST : 0) | (be->browser.program ? WIRE_F_BROWSER : 0));
    if (!a->host) {
        wire_put(w, TAG_FILTER, be->strict_filter.data, be->strict_filter.len);
        wire_put_u32(w, TAG_NPROC, (uint32_t)be->limits.pids);
        wire_put_u32(w, TAG_EGRESS_PORT, be->policy ? EGRESS_PORT : 0);
    }
    if (add_environment(sb, w, err))
        return -1;
    return channel_send(a->control, w, NULL, 0, err);
}

/* The one descriptor that may come out: a listening stream socket. */
static bool is_listener(int fd)
{
    int type = 0, listening = 0;
    socklen_t n = sizeof(int), m = sizeof(int);

    return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) && type == SOCK_STREAM &&
           !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &m) && listening;
}

/* 1 read, 0 not yet, -1 EOF or broken. */
static int recv_ready(struct agent *a, struct frame *f)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = { .iov_base = f->bytes, .iov_len = sizeof(f->bytes) };
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = control.bytes,
                          .msg_controllen = CMSG_LEN(sizeof(int)) }; /* no room for a second */
    ssize_t n = recvmsg(a->control, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    struct cmsghdr *c;

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    c = CMSG_FIRSTHDR(&msg);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&a->listener, CMSG_DATA(c), sizeof(int));
    if (!n || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
        !wire_parse(&f->in, f->bytes, (size_t)n))
        return -1;
    return 1;
}

static int take_ready(struct agent *a, const struct frame *f, struct err *err)
{
    bool wanted = a->sandbox->backend->policy && !a->host;

    if (f->in.op == WIRE_ERROR) {
        channel_error(f, err);
        return err_wrap(err, "the sandbox cannot start");
    }
    if (f->in.op != WIRE_READY || f->in.nfds != (a->listener >= 0) ||
        (wanted && (a->listener < 0 || !is_listener(a->listener))) || (!wanted && a->listener >= 0))
        return err_set(err, ERR_ISOLATION, "the sandbox's agent answered with a wrong frame");
    a->facts = calloc(1, f->in.tags[TAG_FACTS].len + 1);
    if (!a->facts)
        return err_oom(err);
    if (f->in.tags[TAG_FACTS].len)
        memcpy(a->facts, f->in.tags[TAG_FACTS].data, f->in.tags[TAG_FACTS].len);
    return 0;
}

static int await_ready(struct agent *a, int errors, struct call *call, struct frame *f,
                       struct err *err)
{
    int64_t deadline = clock_ms() + LAUNCH_TIMEOUT_MS;
    struct pollfd p[3] = { { .fd = a->control, .events = POLLIN },
                           { .fd = a->pidfd, .events = POLLIN },
                           { .fd = call->event_fd, .events = POLLIN } };

    for (;;) {
        int r = recv_ready(a, f);
        if (r > 0)
            return take_ready(a, f, err);
        if (r < 0 || (p[1].revents & POLLIN)) {
            poll(&p[1], 1, 1000);
            explain(errors, err);
            return -1;
        }
        if (call_check(call, err))
            return -1;
        if (clock_ms() >= deadline)
            return err_set(err, ERR_ISOLATION, "the sandbox did not start within %d s",
                           LAUNCH_TIMEOUT_MS / 1000);
        poll(p, 3, clock_left(deadline));
    }
}

int launcher_handshake(struct agent *a, int errors, struct call *call, struct err *err)
{
    AUTO_FREE struct frame *f = malloc(sizeof(*f));

    if (!f)
        return err_oom(err);
    /* One that is gone before it could be told says why on its stderr. */
    if (send_config(a, err) && err->code != ERR_UNAVAILABLE)
        return -1;
    return await_ready(a, errors, call, f, err);
}
