#include "backend/agent/query.h"
#include "backend/agent/agent.h"
#include "backend/agent/channel.h"
#include "backend/agent/nursery.h"
#include "backend/agent/request.h"
#include "backend/agent/tree.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define COMMAND_BYTES 600
#define MOUNTS_MAX 200

static uint8_t bytes[WIRE_MAX];
static char text[65536];

static size_t slurp(const char *path)
{
    return query_slurp(path, text, sizeof(text));
}

static void put(int fd, const char *name, const char *value)
{
    query_put(fd, name, value, strlen(value));
}

/* The value of "Key:\tvalue" in what was slurped. */
static void status_line(int fd, const char *key, const char *name)
{
    char *at = strstr(text, key), *end;
    char value[128];

    if (!at)
        return;
    at += strlen(key);
    while (*at == ':' || *at == ' ' || *at == '\t')
        at++;
    end = strchrnul(at, '\n');
    snprintf(value, sizeof(value), "%.*s", (int)(end - at), at);
    put(fd, name, value);
}

static void own_status(int fd)
{
    static const char *const lines[][2] = {
        { "\nSeccomp:", "status.seccomp" },
        { "\nSeccomp_filters:", "status.seccomp_filters" },
        { "\nNoNewPrivs:", "status.no_new_privs" },
        { "\nCapEff:", "status.cap_eff" },
        { "\nCapBnd:", "status.cap_bnd" },
        { "\nUid:", "status.uid" },
        { "\nGid:", "status.gid" },
    };

    slurp("/proc/self/status");
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        status_line(fd, lines[i][0], lines[i][1]);
}

static void one_line(int fd, const char *path, const char *name)
{
    size_t n = slurp(path);

    while (n && (text[n - 1] == '\n' || text[n - 1] == ' '))
        text[--n] = '\0';
    if (n)
        put(fd, name, text);
}

static void limit(int fd, int what, const char *name)
{
    struct rlimit l;
    char value[32];

    if (getrlimit(what, &l))
        return;
    if (l.rlim_max == RLIM_INFINITY)
        snprintf(value, sizeof(value), "unlimited");
    else
        snprintf(value, sizeof(value), "%llu", (unsigned long long)l.rlim_max);
    put(fd, name, value);
}

static void space(int fd, const char *path, const char *name)
{
    struct statvfs s;
    char value[64];

    if (statvfs(path, &s))
        return;
    snprintf(value, sizeof(value), "%llu %llu", (unsigned long long)s.f_frsize * s.f_blocks,
             (unsigned long long)s.f_frsize * (s.f_blocks - s.f_bfree));
    put(fd, name, value);
}

/* Mount points with "ro" or "rw", as the kernel has them. */
static void mounts(int fd)
{
    char *at, *end;

    slurp("/proc/self/mountinfo");
    at = text;
    for (int i = 0; *at && i < MOUNTS_MAX; i++, at = *end ? end + 1 : end) {
        char point[1024], options[256], line[1400];
        end = strchrnul(at, '\n');
        if (sscanf(at, "%*d %*d %*s %*s %1023s %255s", point, options) != 2)
            continue;
        snprintf(line, sizeof(line), "%s %.2s", point, options);
        put(fd, "mount", line);
    }
}

static void interfaces(int fd)
{
    char *at, *line;

    slurp("/proc/net/dev");
    for (line = strtok_r(text, "\n", &at); line; line = strtok_r(NULL, "\n", &at)) {
        char *colon = strchr(line, ':'), *name = line;
        if (!colon)
            continue;
        *colon = '\0';
        while (*name == ' ')
            name++;
        put(fd, "interface", name);
    }
}

static void namespaces(int fd)
{
    static const char *const names[] = { "user", "mnt", "pid", "net", "ipc", "uts", "cgroup" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[40], target[64], name[16];
        ssize_t n;
        snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
        n = readlink(path, target, sizeof(target) - 1);
        if (n <= 0)
            continue;
        target[n] = '\0';
        snprintf(name, sizeof(name), "ns.%s", names[i]);
        put(fd, name, target);
    }
}

static void programs(int fd)
{
    for (size_t i = 0; program_name(i); i++) {
        const char *path = program_path(program_name(i));
        char name[32];
        snprintf(name, sizeof(name), "program.%s", program_name(i));
        if (path)
            put(fd, name, path);
    }
}

/* "pid ppid state rss_kb command" */
static void process(int fd, const struct process *p)
{
    char path[40], line[COMMAND_BYTES + 80];
    size_t n;

    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)p->pid);
    n = slurp(path);
    if (!n) {
        snprintf(path, sizeof(path), "/proc/%d/comm", (int)p->pid);
        n = slurp(path);
    }
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = ' ';
    while (n && text[n - 1] == ' ')
        n--;
    text[n] = '\0';
    snprintf(line, sizeof(line), "%d %d %c %llu %.*s", (int)p->pid, (int)p->parent, p->state,
             (unsigned long long)p->rss_pages * (unsigned long long)sysconf(_SC_PAGESIZE) / 1024,
             COMMAND_BYTES, text);
    put(fd, "process", line);
}

static bool is_nursery(const struct process *p)
{
    return p->pid == nursery_pid();
}

/* All below pid 1 but its children, the supervisors, and browsers. */
static void processes(int fd)
{
    size_t count, told = 0;
    const struct process *list = tree_below(getppid(), is_nursery, &count);

    for (size_t i = 0; i < count && told < WIRE_PROCESSES; i++)
        if (list[i].parent != getppid()) {
            process(fd, &list[i]);
            told++;
        }
}

/* Pages that are its own, and those of files and shared memory, which others may have too; who may
 * not look into its memory may know this. */
static bool memory(pid_t pid, unsigned long long *own, unsigned long long *common)
{
    unsigned long long resident;
    char path[40];

    snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    if (!slurp(path) || sscanf(text, "%*u %llu %llu", &resident, common) != 2)
        return false;
    *own = resident > *common ? resident - *common : 0;
    return true;
}

/* "processes kb" of browsers: they are many, and nobody asks for them one by one. What they share
 * is counted once, as the most that one of them has of it. */
static void browsers(int fd)
{
    unsigned long long pages = 0, most = 0, own, common;
    const struct process *list;
    size_t count;
    char value[64];

    if (!nursery_pid())
        return;
    list = tree_below(nursery_pid(), NULL, &count);
    for (size_t i = 0; i < count; i++)
        if (memory(list[i].pid, &own, &common)) {
            pages += own;
            most = common > most ? common : most;
        }
    snprintf(value, sizeof(value), "%zu %llu", count,
             (pages + most) * (unsigned long long)sysconf(_SC_PAGESIZE) / 1024);
    put(fd, "browser", value);
}

void query_serve(int channel, int results)
{
    static const struct frame_field fields[] = { { TAG_DETAIL, FIELD_U32 },
                                                 { TAG_PID, FIELD_U32 } };
    static struct wire_out w;
    struct wire_in in;

    if (!request_start(channel, &in, bytes))
        return;
    if (!channel_shape(&in, fields, 2)) {
        channel_error(channel, CODE_INVALID, NULL, "the request has a field that does not belong");
        return;
    }
    if (wire_u32(&in, TAG_DETAIL, 0)) {
        query_processes(channel, results, wire_u32(&in, TAG_PID, 0));
        return;
    }
    processes(results);
    browsers(results);
    (void)confine_payload();
    own_status(results);
    one_line(results, "/proc/self/uid_map", "uid_map");
    one_line(results, "/proc/sys/kernel/hostname", "hostname");
    limit(results, RLIMIT_NPROC, "limit.nproc");
    limit(results, RLIMIT_NOFILE, "limit.nofile");
    limit(results, RLIMIT_CORE, "limit.core");
    space(results, "/tmp", "space.tmp");
    space(results, "/dev/shm", "space.shm");
    space(results, agent_config.workspace, "space.workspace");
    mounts(results);
    interfaces(results);
    namespaces(results);
    programs(results);
    wire_begin(&w, WIRE_REPLY, 0);
    (void)channel_send(channel, &w, NULL, 0);
}
