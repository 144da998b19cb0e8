/*
 * A thin JSON-RPC client over stdio, for timing: what it adds is a write, a poll and a read.
 *
 *   rpc [-n CALLS] [-j IN_FLIGHT] [-w WARMUP] FILE -- SERVER ARGS...
 *
 * FILE holds the request: one JSON line with %d where the id goes. Sends `initialize` first. Prints
 * one line: "p50 p99 per_second failed bytes start_ms" - latencies in milliseconds, failed =
 * answers with "error" or isError, bytes = length of the last answer, start_ms = spawn to
 * initialize answered.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CALLS_MAX 100000
#define ANSWER_MAX (12 << 20)
#define LINE_MAX_BYTES (2 << 20)

extern char **environ;

struct peer {
    int in, out;
    pid_t pid;
    char *buf;
    size_t len;
};

static double sent_at[CALLS_MAX], took[CALLS_MAX];

static double now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void start(struct peer *p, char **argv)
{
    posix_spawn_file_actions_t fa;
    int in[2], out[2];

    if (pipe(in) || pipe(out))
        die("pipe");
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_adddup2(&fa, in[0], 0);
    posix_spawn_file_actions_adddup2(&fa, out[1], 1);
    for (int i = 0; i < 2; i++) {
        posix_spawn_file_actions_addclose(&fa, in[i]);
        posix_spawn_file_actions_addclose(&fa, out[i]);
    }
    if (posix_spawnp(&p->pid, argv[0], &fa, NULL, argv, environ))
        die(argv[0]);
    close(in[0]);
    close(out[1]);
    p->in = in[1];
    p->out = out[0];
    p->buf = malloc(ANSWER_MAX);
    if (!p->buf)
        die("malloc");
}

static void send_line(struct peer *p, const char *text)
{
    size_t len = strlen(text);

    for (size_t at = 0; at < len;) {
        ssize_t n = write(p->in, text + at, len - at);
        if (n <= 0)
            die("write");
        at += (size_t)n;
    }
}

/* One line at p->buf; its length with the newline. */
static size_t next_line(struct peer *p)
{
    size_t seen = 0;

    for (;;) {
        char *nl = memchr(p->buf + seen, '\n', p->len - seen);
        ssize_t n;
        if (nl)
            return (size_t)(nl - p->buf) + 1;
        seen = p->len;
        n = read(p->out, p->buf + p->len, ANSWER_MAX - p->len);
        if (n <= 0)
            die("the server closed its side");
        p->len += (size_t)n;
    }
}

static void drop_line(struct peer *p, size_t n)
{
    memmove(p->buf, p->buf + n, p->len - n);
    p->len -= n;
}

static const char *read_request(const char *path)
{
    static char text[LINE_MAX_BYTES];
    FILE *f = fopen(path, "r");

    if (!f)
        die(path);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void send_call(struct peer *p, const char *request, int id)
{
    static char line[LINE_MAX_BYTES + 64];

    snprintf(line, sizeof(line) - 1, request, id);
    strcat(line, "\n");
    sent_at[id] = now_ms();
    send_line(p, line);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

struct totals {
    int failed;
    size_t bytes;
};

/* All calls [from, to) with at most `window` in flight. */
static void run(struct peer *p, const char *request, int from, int to, int window, struct totals *t)
{
    int sent = from, done = from;

    while (done < to) {
        size_t n;
        char *id;
        while (sent < to && sent - done < window)
            send_call(p, request, sent++);
        n = next_line(p);
        id = strstr(p->buf, "\"id\":");
        if (id && id < p->buf + n && !strstr(p->buf, "\"method\":\"notifications")) {
            took[atoi(id + 5)] = now_ms() - sent_at[atoi(id + 5)];
            t->failed += memmem(p->buf, n < 400 ? n : 400, "\"error\":", 8) ||
                         memmem(p->buf, n, "\"isError\":true", 14);
            t->bytes = n;
            done++;
        }
        drop_line(p, n);
    }
}

static double handshake(struct peer *p, double began)
{
    send_line(p, "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{"
                 "\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},"
                 "\"clientInfo\":{\"name\":\"bench\",\"version\":\"1\"}}}\n");
    drop_line(p, next_line(p));
    began = now_ms() - began;
    send_line(p, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n");
    return began;
}

int main(int argc, char **argv)
{
    int calls = 200, window = 1, warmup = 5, c;
    struct totals t = { 0 };
    struct peer p = { 0 };
    const char *request;
    double began, started, span;

    while ((c = getopt(argc, argv, "+n:j:w:")) != -1)
        *(c == 'n' ? &calls : c == 'j' ? &window : &warmup) = atoi(optarg);
    if (argc - optind < 3 || calls + warmup >= CALLS_MAX || strcmp(argv[optind + 1], "--"))
        return fprintf(stderr, "usage: rpc [-n N] [-j N] [-w N] FILE -- SERVER...\n"), 2;
    request = read_request(argv[optind]);
    signal(SIGPIPE, SIG_IGN);
    began = now_ms();
    start(&p, argv + optind + 2);
    started = handshake(&p, began);
    run(&p, request, 1, 1 + warmup, window, &t);
    t = (struct totals){ 0 };
    began = now_ms();
    run(&p, request, 1 + warmup, 1 + warmup + calls, window, &t);
    span = now_ms() - began;
    qsort(took + 1 + warmup, (size_t)calls, sizeof(double), by_size);
    printf("%.3f %.3f %.0f %d %zu %.2f\n", took[1 + warmup + calls / 2],
           took[1 + warmup + calls * 99 / 100], calls / span * 1e3, t.failed, t.bytes, started);
    close(p.in);
    waitpid(p.pid, NULL, 0);
    return 0;
}
