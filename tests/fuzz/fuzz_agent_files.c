/*
 * What the agent's file and search operations take: up to three requests on one channel, in a
 * folder that is the only place a Landlock domain lets the serving thread reach. A well-formed
 * request's path is put below that folder; whatever comes, the operation ends.
 *
 * covers: backend/agent/channel.c backend/agent/file_job.c backend/agent/file_read.c
 * covers: backend/agent/file_chmod.c backend/agent/file_mkdir.c backend/agent/file_mode.c
 * covers: backend/agent/file_place.c backend/agent/file_report.c
 * covers: backend/agent/file_list.c backend/agent/file_cursor.c backend/agent/search.c
 * covers: backend/agent/search_globs.c backend/agent/search_pattern.c backend/agent/glob.c
 * covers: backend/agent/glob_compile.c backend/agent/glob_class.c backend/agent/file_transfer.c
 * covers: backend/agent/file_old.c backend/agent/file_restore.c
 * seeds: tests/fuzz/seeds/agent_files
 */
#include "backend/agent/agent.h"
#include "tests/fuzz/agent_frames.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FRAMES 3
#define ROOM (4 * 1024 * 1024)
#define PIPE_ROOM (1024 * 1024)
#define ACCESS ((1ULL << 13) - 1) /* what the first version of Landlock knows */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/fuzz-agent-XXXXXX";

static struct {
    sem_t begin, end;
    int channel, pipe;
    uint8_t what;
} served;

static void put(const char *name, const char *text)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    f = fopen(path, "we");
    if (!f || fputs(text, f) < 0 || fclose(f))
        abort();
}

static void fill(void)
{
    static char lines[50000];
    char path[64];

    for (size_t i = 0; i < sizeof(lines) - 1; i++)
        lines[i] = i % 50 == 49 ? '\n' : (char)('a' + i % 26);
    put("a.c", "int main(void)\n{\n    return 0;\n}\n");
    put("latin", "caf\xe9\r\nno end");
    put("lines", lines);
    put(".gitignore", "*.o\n/build/\n!keep.o\n");
    put("x.o", "object");
    snprintf(path, sizeof(path), "%s/dir", folder);
    mkdir(path, 0755);
    put("dir/b.txt", "needle in hay\n");
    put("dir/.hidden", "");
    snprintf(path, sizeof(path), "%s/link", folder);
    (void)!symlink("dir/b.txt", path);
    snprintf(path, sizeof(path), "%s/fifo", folder);
    mkfifo(path, 0644);
}

static void empty(void)
{
    char command[128];

    snprintf(command, sizeof(command), "find %s -mindepth 1 -delete", folder);
    (void)!system(command);
}

static void away(void)
{
    empty();
    rmdir(folder);
}

static bool confine(void)
{
    struct landlock_ruleset_attr attr = { .handled_access_fs = ACCESS };
    struct landlock_path_beneath_attr rule = { .allowed_access = ACCESS };
    int set = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

    rule.parent_fd = open(folder, O_PATH | O_CLOEXEC);
    return set >= 0 && rule.parent_fd >= 0 && !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
           !syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) &&
           !syscall(SYS_landlock_restrict_self, set, 0);
}

static void *serve(void *arg)
{
    if (!confine())
        abort();
    for (;;) {
        sem_wait(&served.begin);
        if (served.what % 4 == 2)
            search_serve(served.channel, served.pipe);
        else
            file_serve(served.channel, served.pipe);
        close(served.channel);
        sem_post(&served.end);
    }
    return arg;
}

/* Each path ("/x", or in a list "/x\0/y\0") below the folder; 0 when they are too long. */
static size_t below(const uint8_t *data, size_t len, bool list, char out[WIRE_MAX / 2])
{
    size_t at = 0, n = strlen(folder);

    for (size_t i = 0; i < len || (!i && !list);) {
        const uint8_t *end = list ? memchr(data + i, 0, len - i) : NULL;
        size_t part = end ? (size_t)(end - data) - i + 1 : len - i;
        if (at + n + 1 + part >= WIRE_MAX / 2)
            return 0;
        memcpy(out + at, folder, n);
        out[at + n] = '/';
        memcpy(out + at + n + 1, data + i, part);
        for (char *p = out + at + n + 1; p + 1 < out + at + n + 1 + part; p++)
            if (p[0] == '.' && p[1] == '.')
                p[1] = '_'; /* no rule of Landlock holds for chmod */
        at += n + 1 + part;
        i += part;
        if (!part)
            break;
    }
    return at;
}

/* What TAG_PATH and TAG_PATHS of a request name lies below the folder. */
static void put_below(struct frames *f)
{
    struct wire_out w = { .len = 0 };
    struct wire_in in;
    char paths[WIRE_MAX / 2];

    if (!wire_parse(&in, f->out.bytes, f->out.len) ||
        (!in.tags[TAG_PATH].data && !in.tags[TAG_PATHS].data))
        return;
    wire_begin(&w, in.op, in.nfds);
    for (uint16_t tag = 1; tag < TAG_MAX; tag++) {
        uint32_t len = in.tags[tag].len;
        if (!in.tags[tag].data)
            continue;
        if (tag == TAG_PATH || tag == TAG_PATHS)
            wire_put(&w, tag, paths, below(in.tags[tag].data, len, tag == TAG_PATHS, paths));
        else
            wire_put(&w, tag, in.tags[tag].data, len);
    }
    if (wire_end(&w))
        f->out = w;
}

static void send_all(int channel, struct frames *in, int pipe)
{
    for (int i = 0; i < FRAMES && frames_next(in); i++) {
        bool with = in->op == WIRE_START && i == 1 && pipe >= 0;
        put_below(in);
        if (with)
            in->out.bytes[8] = 1;
        frames_send(channel, in, with ? pipe : -1);
    }
}

static void drain(int channel, int reader)
{
    static uint8_t bytes[PIPE_ROOM];
    struct wire_in in;
    ssize_t n;

    while ((n = recv(channel, bytes, WIRE_MAX, MSG_DONTWAIT)) > 0)
        if (!wire_parse(&in, bytes, (size_t)n) || (in.op != WIRE_REPLY && in.op != WIRE_ERROR))
            abort();
    while (reader >= 0 && read(reader, bytes, sizeof(bytes)) > 0)
        ;
}

/* Its end; when it waits for more than the input has, the server gives up on it. */
static void await_end(int channel, int reader)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 30000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    if (!sem_timedwait(&served.end, &until)) {
        drain(channel, reader);
        close(channel);
        return;
    }
    close(channel);
    sem_wait(&served.end);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    pthread_t thread;

    (void)argc, (void)argv;
    if (!mkdtemp(folder))
        abort();
    atexit(away);
    sem_init(&served.begin, 0, 0);
    sem_init(&served.end, 0, 0);
    return pthread_create(&thread, NULL, serve, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frames in = { .at = data + 1, .end = data + size };
    int pair[2], ends[2], room = ROOM;
    static unsigned runs;

    if (size < 2 || size > WIRE_MAX)
        return 0;
    if (runs++ % 100 == 0) {
        empty();
        fill();
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) ||
        pipe2(ends, O_CLOEXEC | O_NONBLOCK))
        abort();
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
    fcntl(ends[0], F_SETPIPE_SZ, PIPE_ROOM);
    served.what = data[0];
    served.channel = pair[1];
    served.pipe = data[0] & 64 ? -1 : ends[data[0] & 128 ? 0 : 1];
    send_all(pair[0], &in, data[0] & 64 ? ends[1] : -1);
    if (data[0] & 128)
        (void)!write(ends[1], in.at, (size_t)(in.end - in.at));
    shutdown(pair[0], SHUT_WR);
    if (data[0] & 192)
        close(ends[1]);
    sem_post(&served.begin);
    await_end(pair[0], data[0] & 128 ? -1 : ends[0]);
    if (!(data[0] & 128) || data[0] & 64)
        close(ends[0]);
    return 0;
}
