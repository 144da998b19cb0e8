#include "backend/local/egress.h"
#include "backend/local/egress_proxy.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define STACK (128 * 1024)
#define LINE_MAX_BYTES 320

struct denial {
    int64_t at_ms;
    char line[LINE_MAX_BYTES];
};

struct egress {
    struct egress_policy *policy;
    int listen_fd, stop_fd;
    pthread_t acceptor;
    pthread_mutex_t lock;
    unsigned open;                         /* lock: connections and their threads */
    bool stopped;                          /* lock: the last of them frees */
    struct denial denials[EGRESS_DENIALS]; /* lock: ring */
    size_t denied;                         /* lock: ever */
};

struct connection {
    struct egress *egress;
    int fd;
};

static void refused(void *context, const char *line)
{
    struct egress *e = context;
    struct denial *d;

    pthread_mutex_lock(&e->lock);
    d = &e->denials[e->denied++ % EGRESS_DENIALS];
    d->at_ms = clock_ms();
    snprintf(d->line, sizeof(d->line), "%s", line);
    pthread_mutex_unlock(&e->lock);
    log_info("egress denied: %s", line);
}

static void release(struct egress *e)
{
    fd_close(&e->listen_fd);
    fd_close(&e->stop_fd);
    egress_policy_free(e->policy);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

/* A connection is over, or never began. */
static void unclaim(struct egress *e)
{
    bool last;

    pthread_mutex_lock(&e->lock);
    last = --e->open == 0 && e->stopped;
    pthread_mutex_unlock(&e->lock);
    if (last)
        release(e);
}

static void *serve(void *arg)
{
    struct connection c = *(struct connection *)arg;

    free(arg);
    egress_serve(c.egress->policy, c.fd, c.egress->stop_fd, refused, c.egress);
    close(c.fd);
    unclaim(c.egress);
    return NULL;
}

static bool claim(struct egress *e)
{
    bool free_place;

    pthread_mutex_lock(&e->lock);
    free_place = e->open < EGRESS_CONNECTIONS;
    e->open += free_place;
    pthread_mutex_unlock(&e->lock);
    return free_place;
}

static bool start_thread(pthread_t *thread, bool detached, void *(*fn)(void *), void *arg)
{
    pthread_attr_t attr;
    int r;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    pthread_attr_setdetachstate(&attr,
                                detached ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE);
    r = pthread_create(thread, &attr, fn, arg);
    pthread_attr_destroy(&attr);
    return !r;
}

static void hand_over(struct egress *e, int fd)
{
    static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
                               "Connection: close\r\n\r\n";
    struct connection *c = NULL;
    pthread_t thread;

    if (claim(e)) {
        c = malloc(sizeof(*c));
        if (c) {
            *c = (struct connection){ e, fd };
            if (start_thread(&thread, true, serve, c))
                return;
        }
        free(c);
        unclaim(e);
    }
    (void)send(fd, busy, sizeof(busy) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
}

static void *accept_loop(void *arg)
{
    struct egress *e = arg;
    struct pollfd p[2] = { { .fd = e->listen_fd, .events = POLLIN },
                           { .fd = e->stop_fd, .events = POLLIN } };

    for (;;) {
        int fd;
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return NULL;
        if (p[1].revents)
            return NULL;
        fd = accept4(e->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            hand_over(e, fd);
        else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            (void)poll(&p[1], 1, 100);
    }
}

int egress_start(const struct egress_policy *policy, int listen_fd, struct egress **out,
                 struct err *err)
{
    struct egress *e = calloc(1, sizeof(*e));

    if (!e) {
        close(listen_fd);
        return err_oom(err);
    }
    e->policy = egress_policy_ref(policy);
    e->listen_fd = listen_fd;
    e->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&e->lock, NULL);
    if (e->stop_fd < 0 || !start_thread(&e->acceptor, false, accept_loop, e)) {
        release(e);
        return err_set(err, ERR_INTERNAL, "cannot start the egress proxy");
    }
    *out = e;
    return 0;
}

void egress_stop(struct egress *e)
{
    bool last;

    if (!e)
        return;
    (void)eventfd_write(e->stop_fd, 1);
    (void)shutdown(e->listen_fd, SHUT_RDWR);
    pthread_join(e->acceptor, NULL);
    pthread_mutex_lock(&e->lock);
    e->stopped = true;
    last = !e->open;
    pthread_mutex_unlock(&e->lock);
    if (last)
        release(e);
}

static bool listed(const struct strings *s, const char *line)
{
    for (size_t i = 0; i < s->count; i++)
        if (!strcmp(s->items[i], line))
            return true;
    return false;
}

int egress_denied_since(struct egress *e, int64_t since_ms, struct strings *out, struct err *err)
{
    int r = 0;

    if (!e)
        return 0;
    pthread_mutex_lock(&e->lock);
    for (size_t i = e->denied > EGRESS_DENIALS ? e->denied - EGRESS_DENIALS : 0;
         i < e->denied && !r; i++) {
        const struct denial *d = &e->denials[i % EGRESS_DENIALS];
        if (d->at_ms >= since_ms && !listed(out, d->line))
            r = strings_add(out, d->line, strlen(d->line), err);
    }
    pthread_mutex_unlock(&e->lock);
    return r;
}
