#include "backend/agent/agent.h"
#include "backend/agent/channel.h"
#include "backend/agent/nursery.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

static int listen_egress(uint32_t port)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 128)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The value of a line of /proc/self/status; "?" when there is none. */
static void own_status(const char *key, char *out, size_t size)
{
    char text[4096], *at;
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    at = strstr(text, key);
    snprintf(out, size, "%.*s", at ? (int)strcspn(at + strlen(key), "\n") : 1,
             at ? at + strlen(key) : "?");
}

static bool send_ready(int landlock, int listener)
{
    static struct wire_out w;
    char facts[1024], seccomp[8], privs[8], caps[24];
    struct utsname u;
    int n;

    uname(&u);
    own_status("\nSeccomp:\t", seccomp, sizeof(seccomp));
    own_status("\nNoNewPrivs:\t", privs, sizeof(privs));
    own_status("\nCapEff:\t", caps, sizeof(caps));
    n = snprintf(facts, sizeof(facts),
                 "landlock=%d\nseccomp=%s\nno_new_privs=%s\ncap_eff=%s\nuid=%d\ngid=%d\npid=%d\n"
                 "kernel=%.64s\nbrowser=%d\n",
                 landlock, seccomp, privs, caps, (int)getuid(), (int)getgid(), (int)getpid(),
                 u.release, agent_config.browser);
    for (size_t i = 0; program_name(i) && (size_t)n < sizeof(facts); i++)
        if (program_path(program_name(i)))
            n += snprintf(facts + n, sizeof(facts) - (size_t)n, "%s=%s\n", program_name(i),
                          program_path(program_name(i)));
    wire_begin(&w, WIRE_READY, listener >= 0);
    wire_put_str(&w, TAG_FACTS, facts);
    return channel_send(WIRE_CONTROL_FD, &w, &listener, listener >= 0);
}

/* Confinement before anything untrusted runs; false fails the whole sandbox. */
static bool confine(const struct wire_in *in, int *landlock)
{
    *landlock = 0;
    if (!confine_limits(agent_config.nproc, agent_config.nofile))
        return false;
    if (agent_config.host)
        return !prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    if (agent_config.browser && !nursery_start())
        return false;
    if (!confine_filter(in->tags[TAG_FILTER].data, in->tags[TAG_FILTER].len))
        return false;
    *landlock = confine_landlock();
    return true;
}

/* By the bare system call: the C library keeps two signals to itself. */
static void default_signals(void)
{
    static const struct {
        void *handler;
        unsigned long flags;
        void *restorer;
        uint64_t mask[2];
    } dfl; /* larger than the kernel's own on any architecture; SIG_DFL is 0 */

    for (int i = 1; i < NSIG; i++)
        (void)syscall(SYS_rt_sigaction, i, &dfl, NULL, 8);
}

/* What was inherited goes: descriptors, dispositions; all signals stay blocked, also in the
 * supervisors, so that only SIGKILL and SIGSTOP of a payload reach them. */
static void forget_the_past(void)
{
    sigset_t all;

    confine_oom_open();
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    for (int fd = 0; fd < WIRE_CONTROL_FD; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", O_RDWR);
    default_signals();
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    umask(022);
}

bool setup_run(void)
{
    static uint8_t bytes[WIRE_MAX];
    int fds[WIRE_MAX_FDS], nfds, listener = -1, landlock = 0;
    struct wire_in in;
    bool ok;

    (void)syscall(SYS_close_range, WIRE_CONTROL_FD + 1, ~0U, 0);
    (void)fcntl(WIRE_CONTROL_FD, F_SETFD, FD_CLOEXEC);
    forget_the_past();
    if (channel_recv(WIRE_CONTROL_FD, &in, bytes, fds, &nfds, 0) != 1 || nfds ||
        !config_parse(&in, &agent_config))
        return false;
    if (agent_config.egress_port && (listener = listen_egress(agent_config.egress_port)) < 0)
        return false;
    ok = confine(&in, &landlock) && send_ready(landlock, listener);
    if (listener >= 0)
        close(listener);
    return ok;
}
