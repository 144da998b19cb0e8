#include "backend/local/cgroup.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#define ROOT "/sys/fs/cgroup"
#define PREFIX "sandbox-mcp-"
#define STALE_S 120
#define CGROUP2_MAGIC 0x63677270
#define YOUNG_S 60

/* The path of this process in a hierarchy: controllers "" is v2's. NULL when it has none. */
static char *own_path(const char *controller)
{
    FILE *f = fopen("/proc/self/cgroup", "re");
    char line[4096], *path = NULL;

    while (f && !path && fgets(line, sizeof(line), f)) {
        char *names = strchr(line, ':'), *at = names ? strchr(names + 1, ':') : NULL;
        if (!at)
            continue;
        *names++ = *at++ = '\0';
        at[strcspn(at, "\n")] = '\0';
        for (char *save = NULL, *n = *names ? strtok_r(names, ",", &save) : names; n && !path;
             n = *n ? strtok_r(NULL, ",", &save) : NULL)
            path = strcmp(n, controller) ? NULL : strdup(at);
    }
    if (f)
        fclose(f);
    return path;
}

static bool put(const char *dir, const char *file, const char *text)
{
    char path[4400];
    int fd;
    bool ok;

    snprintf(path, sizeof(path), "%s/%s", dir, file);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool get(const char *dir, const char *file, char *out, size_t size)
{
    char path[4400];
    int fd;
    ssize_t n;

    snprintf(path, sizeof(path), "%s/%s", dir, file);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd >= 0 ? io_read(fd, out, size - 1) : -1;
    if (fd >= 0)
        close(fd);
    out[n < 0 ? 0 : n] = '\0';
    return n >= 0;
}

/* True when word is one of the text's words. */
static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = text; (p = strstr(p, word)); p += n)
        if ((p == text || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\n' || !p[n]))
            return true;
    return false;
}

/* Groups with children that are limited hold no processes: move ours into one of its own. */
static bool make_room(const char *base)
{
    char procs[256], controllers[512], child[4300], pid[16];

    if (get(base, "cgroup.subtree_control", controllers, sizeof(controllers)) &&
        has_word(controllers, "memory") && has_word(controllers, "pids"))
        return true;
    snprintf(pid, sizeof(pid), "%d\n", getpid());
    if (!get(base, "cgroup.procs", procs, sizeof(procs)) || strcmp(procs, pid))
        return false;
    snprintf(child, sizeof(child), "%s/server", base);
    if ((mkdir(child, 0755) && errno != EEXIST) || !put(child, "cgroup.procs", "0"))
        return false;
    return put(base, "cgroup.subtree_control", "+memory +pids");
}

static bool open_v2(struct cgroups *c)
{
    AUTO_FREE char *path = own_path("");
    AUTO_FREE char *base = NULL;
    char controllers[512];
    struct statfs fs;

    if (!path || statfs(ROOT, &fs) || fs.f_type != CGROUP2_MAGIC ||
        asprintf(&base, "%s%s", ROOT, strcmp(path, "/") ? path : "") < 0)
        return false;
    if (!get(base, "cgroup.controllers", controllers, sizeof(controllers)) ||
        !has_word(controllers, "memory") || access(base, W_OK) || !make_room(base)) {
        snprintf(c->why, sizeof(c->why), "the server's control group is not delegated to it");
        return false;
    }
    c->version = 2;
    c->memory = strdup(base);
    c->pids = strdup(base);
    return c->memory && c->pids;
}

static char *v1_dir(const char *controller)
{
    AUTO_FREE char *path = own_path(controller);
    char *dir = NULL;

    if (!path || asprintf(&dir, "%s/%s%s", ROOT, controller, strcmp(path, "/") ? path : "") < 0)
        return NULL;
    if (access(dir, W_OK)) {
        free(dir);
        return NULL;
    }
    return dir;
}

/* Groups that a killed server left. A young one may be another server's, about to be joined. */
static void sweep(const char *base)
{
    DIR *d = base ? opendir(base) : NULL;
    time_t now = time(NULL);
    struct dirent *e;
    struct stat st;

    while (d && (e = readdir(d)))
        if (!strncmp(e->d_name, PREFIX, strlen(PREFIX)) && !fstatat(dirfd(d), e->d_name, &st, 0) &&
            st.st_ctime < now - YOUNG_S)
            unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
    if (d)
        closedir(d);
}

void cgroups_open(struct cgroups *c)
{
    *c = (struct cgroups){ .why = "control groups are not writable" };
    if (!open_v2(c)) {
        c->memory = geteuid() ? NULL : v1_dir("memory");
        c->pids = geteuid() ? NULL : v1_dir("pids");
        c->version = c->memory || c->pids ? 1 : 0;
    }
    sweep(c->memory);
    sweep(c->pids);
}

void cgroups_done(struct cgroups *c)
{
    free(c->memory);
    free(c->pids);
    *c = (struct cgroups){ 0 };
}

static int make(const char *base, const char *id, char **out, struct err *err)
{
    if (asprintf(out, "%s/" PREFIX "%s", base, id) < 0)
        return err_oom(err);
    if (mkdir(*out, 0755) && errno != EEXIST) {
        free(*out);
        *out = NULL;
    }
    return 0;
}

static int limit(const char *dir, const char *file, int64_t value, struct strings *degraded,
                 struct err *err)
{
    char number[24];

    if (!value)
        return 0;
    snprintf(number, sizeof(number), "%lld", (long long)value);
    return put(dir, file, number) ? 0
                                  : strings_addf(degraded, err, "%s could not be set to %s: %s",
                                                 file, number, strerror(errno));
}

/* Where there is swap, it does not count as room. */
static void forbid_swap(const char *dir, int64_t memory_mb)
{
    char number[24];

    snprintf(number, sizeof(number), "%lld", (long long)memory_mb << 20);
    if (memory_mb && !put(dir, "memory.swap.max", "0"))
        put(dir, "memory.memsw.limit_in_bytes", number);
}

int cgroups_make(const struct cgroups *c, const char *id, int64_t memory_mb, int64_t pids,
                 struct strings *dirs, struct strings *degraded, struct err *err)
{
    const char *const bases[] = { c->memory, c->version == 2 ? NULL : c->pids };

    if (!c->version)
        return memory_mb ? strings_addf(degraded, err, "no memory limit: %s", c->why) : 0;
    for (size_t i = 0; i < COUNT_OF(bases); i++) {
        AUTO_FREE char *dir = NULL;
        if (!bases[i])
            continue;
        if (make(bases[i], id, &dir, err))
            return -1;
        if (!dir) {
            if (strings_addf(degraded, err, "no control group: %s", strerror(errno)))
                return -1;
            continue;
        }
        if (strings_add(dirs, dir, strlen(dir), err) ||
            (!i && limit(dir, c->version == 2 ? "memory.max" : "memory.limit_in_bytes",
                         memory_mb << 20, degraded, err)) ||
            ((i || c->version == 2) && limit(dir, "pids.max", pids, degraded, err)))
            return -1;
        if (!i)
            forbid_swap(dir, memory_mb);
    }
    return 0;
}

bool cgroups_remove(struct strings *dirs)
{
    bool all = true;

    for (size_t i = 0; i < dirs->count; i++)
        all &= !rmdir(dirs->items[i]) || errno == ENOENT;
    if (all)
        strings_done(dirs);
    return all;
}

int64_t cgroups_oom_kills(const struct strings *dirs)
{
    static const char *const files[] = { "memory.events", "memory.oom_control" };
    char text[1024];

    for (size_t i = 0; i < dirs->count; i++) {
        for (size_t f = 0; f < COUNT_OF(files); f++) {
            const char *at;
            if (!get(dirs->items[i], files[f], text, sizeof(text)))
                continue;
            at = strstr(text, "oom_kill ");
            if (at)
                return strtoll(at + strlen("oom_kill "), NULL, 10);
        }
    }
    return 0;
}

int64_t cgroups_number(const struct strings *dirs, const char *file)
{
    char text[64], *end;

    for (size_t i = 0; i < dirs->count; i++) {
        if (get(dirs->items[i], file, text, sizeof(text))) {
            long long v = strtoll(text, &end, 10);
            return end == text ? -1 : v;
        }
    }
    return -1;
}
