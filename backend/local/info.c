#include "backend/local/code.h"
#include "backend/local/info_parts.h"
#include "backend/local/job.h"
#include "backend/local/protect.h"
#include "backend/local/query.h"
#include "backend/local/session.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"

#include <stdio.h>
#include <string.h>

#define VERSIONS_MS 10000

static const char *const namespace_names[] = {
    "user", "mnt", "pid", "net", "ipc", "uts", "cgroup"
};

static bool is_zero(const char *hex)
{
    return *hex && strspn(hex, "0") == strlen(hex);
}

/* A namespace is a layer when it is not the server's. */
static int namespaces(const struct query *q, struct sandbox_info *res, struct err *err)
{
    AUTO(buf) struct buf own = BUF_MAX(256);

    for (size_t i = 0; i < COUNT_OF(namespace_names); i++) {
        char path[40], ours[64], key[16];
        ssize_t n;
        snprintf(path, sizeof(path), "/proc/self/ns/%s", namespace_names[i]);
        snprintf(key, sizeof(key), "ns.%s", namespace_names[i]);
        n = readlink(path, ours, sizeof(ours) - 1);
        ours[n > 0 ? n : 0] = '\0';
        if (*query_get(q, key) && strcmp(query_get(q, key), ours)) {
            if (buf_addf(&own, err, "%s%s", own.len ? ", " : "", namespace_names[i]))
                return -1;
        } else if (strings_addf(&res->degraded, err, "the %s namespace is the host's",
                                namespace_names[i])) {
            return -1;
        }
    }
    return own.len ? strings_addf(&res->layers, err, "own namespaces: %s", own.data) : 0;
}

/* The user id of pid 1 as the host sees it, -1 unknown: /proc/self/uid_map inside tells only of
 * the user namespace above, and there are two. */
static long host_uid(const struct agent *a)
{
    AUTO(buf) struct buf text = BUF_MAX(65536);
    long pid = info_first_pid(a);
    char path[64];
    const char *at;

    if (pid < 0)
        return -1;
    snprintf(path, sizeof(path), "/proc/%ld/status", pid);
    if (io_read_file(path, 65536, &text, NULL))
        return -1;
    at = strstr(buf_str(&text), "\nUid:");
    return at ? atol(at + strlen("\nUid:")) : -1;
}

static int identity(const struct local_sandbox *sb, const struct agent *a, const struct query *q,
                    struct sandbox_info *res, struct err *err)
{
    long uid = host_uid(a);
    int inside = atoi(query_get(q, "status.uid"));

    if (uid < 0)
        return strings_addf(&res->degraded, err, "the user mapping could not be read");
    if (!uid)
        return strings_addf(&res->degraded, err, "user %d is the host's root", inside);
    if (uid == (long)geteuid())
        return strings_addf(&res->layers, err, "user %d, mapped to the server's own user", inside);
    return strings_addf(&res->layers, err, "user %d, mapped to host user %ld%s", inside, uid,
                        sb->backend->workspace ? ", the workspace's owner" : ", of its own");
}

/* One line per kernel fact: a layer when it is as it should be, else a degradation. */
static int kernel(const struct query *q, struct sandbox_info *res, struct err *err)
{
    const char *seccomp = query_get(q, "status.seccomp");
    bool caps = is_zero(query_get(q, "status.cap_eff")) && is_zero(query_get(q, "status.cap_bnd"));
    bool nnp = !strcmp(query_get(q, "status.no_new_privs"), "1");

    if (!strcmp(seccomp, "2") ? strings_addf(&res->layers, err, "seccomp: mode 2, %s filters",
                                             query_get(q, "status.seccomp_filters"))
                              : strings_addf(&res->degraded, err, "seccomp: mode %s", seccomp))
        return -1;
    if (strings_addf(caps ? &res->layers : &res->degraded, err,
                     "capabilities: effective %s, bounding %s", query_get(q, "status.cap_eff"),
                     query_get(q, "status.cap_bnd")))
        return -1;
    return strings_addf(nnp ? &res->layers : &res->degraded, err, "no_new_privs: %s",
                        query_get(q, "status.no_new_privs"));
}

static int landlock(const char *facts, struct sandbox_info *res, struct err *err)
{
    const char *at = facts ? strstr(facts, "landlock=") : NULL;
    int abi = at ? atoi(at + strlen("landlock=")) : 0;

    return abi ? strings_addf(&res->layers, err, "Landlock: domain in force, ABI %d", abi)
               : strings_addf(&res->degraded, err, "Landlock: not available");
}

static int network(const struct local_sandbox *sb, const struct query *q, struct sandbox_info *res,
                   struct err *err)
{
    AUTO(buf) struct buf others = BUF_MAX(512);

    for (size_t i = 0; i < q->count; i++)
        if (!strcmp(q->facts[i].name, "interface") && strcmp(q->facts[i].value, "lo") &&
            buf_addf(&others, err, " %.64s", q->facts[i].value))
            return -1;
    if (others.len)
        return strings_addf(&res->degraded, err, "network: interfaces besides lo:%s", others.data);
    return strings_addf(&res->layers, err, "network: loopback only%s",
                        sb->backend->policy ? ", the way out is the egress proxy" : "");
}

static int mounts(const struct query *q, struct sandbox_info *res, struct err *err)
{
    AUTO(buf) struct buf writable = BUF_MAX(16384);

    for (size_t i = 0; i < q->count; i++) {
        const char *value = q->facts[i].value, *space = strrchr(value, ' ');
        if (strcmp(q->facts[i].name, "mount") || !space || strncmp(space + 1, "rw", 2) ||
            !strncmp(value, "/dev/", 5) || !strncmp(value, "/proc", 5) ||
            !strncmp(value, WIRE_BROWSER_DIR " ", sizeof(WIRE_BROWSER_DIR)))
            continue;
        if (buf_addf(&writable, err, "%s%.*s", writable.len ? ", " : "", (int)(space - value),
                     value))
            return -1;
    }
    return strings_addf(&res->layers, err, "writable: %s; the rest is read-only or absent",
                        buf_str(&writable));
}

static int64_t space_mb(const struct query *q, const char *name, bool used)
{
    unsigned long long total = 0, in_use = 0;

    if (sscanf(query_get(q, name), "%llu %llu", &total, &in_use) != 2)
        return -1;
    return (int64_t)((used ? in_use : total) >> 20);
}

static int64_t cgroup_number(struct local_sandbox *sb, const char *v1, const char *v2)
{
    int64_t n;

    pthread_mutex_lock(&sb->lock);
    n = cgroups_number(&sb->cgroups, sb->backend->cgroups.version == 2 ? v2 : v1);
    pthread_mutex_unlock(&sb->lock);
    return n;
}

static int resources(struct local_sandbox *sb, const struct query *q, struct sandbox_info *res,
                     struct err *err)
{
    int64_t memory = cgroup_number(sb, "memory.limit_in_bytes", "memory.max");

    if (memory > 0 &&
        sandbox_info_add(res, "resources.memory_mb", err, "%lld", (long long)(memory >> 20)))
        return -1;
    return sandbox_info_add(res, "resources.processes", err, "%s", query_get(q, "limit.nproc")) ||
                   sandbox_info_add(res, "resources.open_files", err, "%s",
                                    query_get(q, "limit.nofile")) ||
                   sandbox_info_add(res, "resources.tmp_mb", err, "%lld",
                                    (long long)space_mb(q, "space.tmp", false)) ||
                   sandbox_info_add(res, "resources.workspace_mb", err, "%lld",
                                    (long long)space_mb(q, "space.workspace", false))
               ? -1
               : 0;
}

static int usage(struct local_sandbox *sb, const struct query *q, struct sandbox_info *res,
                 struct err *err)
{
    int64_t memory = cgroup_number(sb, "memory.usage_in_bytes", "memory.current");
    unsigned count = 0;

    for (size_t i = 0; i < q->count; i++)
        count += !strcmp(q->facts[i].name, "process");
    if (memory >= 0 &&
        sandbox_info_add(res, "usage.memory_mb", err, "%lld", (long long)(memory >> 20)))
        return -1;
    return sandbox_info_add(res, "usage.processes", err, "%u", count) ||
                   sandbox_info_add(res, "usage.tmp_mb", err, "%lld",
                                    (long long)space_mb(q, "space.tmp", true))
               ? -1
               : 0;
}

static int processes(const struct query *q, struct sandbox_info *res, struct err *err)
{
    for (size_t i = 0; i < q->count; i++)
        if (!strcmp(q->facts[i].name, "process") &&
            strings_add(&res->processes, q->facts[i].value, strlen(q->facts[i].value), err))
            return -1;
    return 0;
}

static const char versions_command[] = "v() { printf '%s=%s\\n' \"$1\" \"$2\"; }\n"
                                       "v python \"$(python3 -V 2>/dev/null | cut -d' ' -f2)\"\n"
                                       "v node \"$(node -v 2>/dev/null)\"\n"
                                       "v bash \"$BASH_VERSION\"\n"
                                       "v git \"$(git --version 2>/dev/null | cut -d' ' -f3)\"\n"
                                       "v r \"$(R --version 2>/dev/null | sed -n "
                                       "'1s/^R version \\([^ ]*\\).*/\\1/p')\"\n";

/* Interpreters are the host's, so one look serves every sandbox. */
static int look_for_versions(struct local_sandbox *sb, struct call *call, struct err *err)
{
    AUTO(exec_result) struct exec_result r = { 0 };
    struct exec_request req = { .command = versions_command,
                                .timeout_ms = VERSIONS_MS,
                                .yield_ms = VERSIONS_MS,
                                .max_bytes = 4096 };
    struct local_backend *be = sb->backend;

    if (local_exec_ops.run(&sb->base, call, &req, &r, err))
        return -1;
    pthread_mutex_lock(&be->lock);
    if (!be->versions)
        be->versions = buf_take(&r.out.text);
    pthread_mutex_unlock(&be->lock);
    return 0;
}

static int versions(struct local_sandbox *sb, struct call *call, struct sandbox_info *res,
                    struct err *err)
{
    struct local_backend *be = sb->backend;
    AUTO_FREE char *text = NULL;
    char *save = NULL;
    bool known;

    pthread_mutex_lock(&be->lock);
    known = be->versions;
    pthread_mutex_unlock(&be->lock);
    if (!known && look_for_versions(sb, call, err))
        return -1;
    text = strdup(be->versions ? be->versions : "");
    for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line;
         line = strtok_r(NULL, "\n", &save)) {
        char *eq = strchr(line, '='), name[48];
        if (!eq || !eq[1])
            continue;
        *eq = '\0';
        snprintf(name, sizeof(name), "versions.%.32s", line);
        if (sandbox_info_add(res, name, err, "%.64s", eq + 1))
            return -1;
    }
    return 0;
}

static int isolation(struct local_sandbox *sb, struct agent *a, const struct query *q,
                     struct sandbox_info *res, struct err *err)
{
    if (a->host)
        return strings_addf(&res->degraded, err,
                            "no isolation: --runtime host runs commands as the server's user, with "
                            "all its files and network");
    return namespaces(q, res, err) || identity(sb, a, q, res, err) || kernel(q, res, err) ||
                   landlock(a->facts, res, err) || network(sb, q, res, err) || mounts(q, res, err)
               ? -1
               : 0;
}

static int degraded(struct local_sandbox *sb, struct sandbox_info *res, struct err *err)
{
    int r = 0;

    pthread_mutex_lock(&sb->lock);
    for (size_t i = 0; i < sb->degraded.count && !r; i++)
        r = strings_add(&res->degraded, sb->degraded.items[i], strlen(sb->degraded.items[i]), err);
    if (!r && !sb->backend->host_runtime)
        r = strings_addf(&res->degraded, err,
                         "disk: the workspace's size is not limited by the sandbox");
    pthread_mutex_unlock(&sb->lock);
    return r;
}

static int egress(struct local_sandbox *sb, struct sandbox_info *res, struct err *err)
{
    const char *rule;

    if (sb->backend->host_runtime)
        return strings_addf(&res->egress, err, "everything (--runtime host)");
    if (!sb->backend->policy)
        return strings_addf(&res->egress, err, "none");
    for (size_t i = 0; (rule = egress_policy_entry(sb->backend->policy, i)); i++)
        if (strings_addf(&res->egress, err, "allow %s", rule))
            return -1;
    return 0;
}

static int protected_paths(const struct local_sandbox *sb, struct sandbox_info *res,
                           struct err *err)
{
    const struct local_backend *be = sb->backend;
    const char *path;

    if (!be->workspace || be->host_runtime || be->base.config->workspace_ro)
        return 0;
    for (size_t i = 0; (path = protect_path(i)); i++)
        if (strings_add(&res->protected_paths, path, strlen(path), err))
            return -1;
    return 0;
}

static int limits(const struct local_sandbox *sb, struct sandbox_info *res, struct err *err)
{
    const struct {
        const char *name;
        int value;
    } all[] = {
        { "limits.running_processes", JOB_LIVE_MAX },
        { "limits.shell_sessions", SESSIONS_MAX },
        { "limits.terminals", PTY_SESSIONS_MAX },
        { "limits.interpreters", CODE_CONTEXTS_MAX },
        { "limits.output_mb_each", (SPOOL_HEAD + SPOOL_RING) >> 20 },
        { "limits.output_mb", (int)(sb->quota.max >> 20) },
        { "limits.inline_write_mb", FILE_WRITE_MAX >> 20 },
    };

    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (sandbox_info_add(res, all[i].name, err, "%d", all[i].value))
            return -1;
    return 0;
}

static int basics(struct local_sandbox *sb, struct sandbox_info *res, struct err *err)
{
    memcpy(res->id, sb->base.id, sizeof(res->id));
    res->name = sb->name ? strdup(sb->name) : NULL;
    res->state = strdup("running");
    res->workspace = strdup(local_workspace(sb));
    res->home = strdup(local_home(sb));
    res->created_ms = sb->dir.created_ms;
    res->expires_ms = clock_wall_ms() + STATE_KEEP_MS;
    res->idle_timeout_s = local_idle_ms(sb->backend) / 1000;
    if (!res->state || !res->workspace || !res->home || (sb->name && !res->name))
        return err_oom(err);
    if (sb->backend->workspace &&
        sandbox_info_add(res, "workspace.live", err, "%s%s", sb->backend->workspace,
                         sb->backend->base.config->workspace_ro ? " (read-only)" : ""))
        return -1;
    return sandbox_info_add(res, "runtime", err, "%s",
                            sb->backend->host_runtime ? "host" : "bwrap");
}

int local_info(struct sandbox *base, struct call *call, unsigned include, struct sandbox_info *res,
               struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);
    AUTO_PTR(agent) struct agent *a = NULL;
    AUTO(query) struct query q = { 0 };

    if (local_agent(sb, call, &a, err) || query_run(a, call, &q, err) || basics(sb, res, err) ||
        isolation(sb, a, &q, res, err) || degraded(sb, res, err) || resources(sb, &q, res, err) ||
        egress(sb, res, err) || versions(sb, call, res, err) ||
        local_browser_info(sb, a, &q, res, err))
        return -1;
    if ((include & INFO_METRICS) && usage(sb, &q, res, err))
        return -1;
    if ((include & INFO_POLICY) && (limits(sb, res, err) || protected_paths(sb, res, err)))
        return -1;
    if ((include & INFO_HEALTH) && sandbox_info_add(res, "health", err, "answering"))
        return -1;
    if ((include & INFO_PORTS) && !a->host && info_ports(a, res, err))
        return -1;
    if ((include & INFO_PACKAGES) && info_packages(sb, call, res, err))
        return -1;
    return (include & INFO_PROCESSES) && !a->host ? processes(&q, res, err) : 0;
}
