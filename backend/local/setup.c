#include "backend/local/bwrap.h"
#include "backend/local/install.h"
#include "backend/local/local.h"
#include "backend/local/seccomp.h"
#include "base/cleanup.h"
#include "base/io.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#define MEMORY_MB 4096
#define FILTER_MAX 65536
#define MOUNTS_MAX 32

static int resolve(const char *option, const char *path, char **out, struct err *err)
{
    struct stat st;

    *out = realpath(path, NULL);
    if (!*out)
        return err_sys(err, errno, "%s: %s", option, path);
    if (stat(*out, &st))
        return err_sys(err, errno, "%s: %s", option, *out);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ERR_INVALID, "%s: %s is not a directory", option, *out);
    return 0;
}

/* True when inner is dir or lies below it. */
static bool holds(const char *dir, const char *inner)
{
    size_t n = strcmp(dir, "/") ? strlen(dir) : 0;

    return !strncmp(inner, dir, n) && (!inner[n] || inner[n] == '/');
}

static bool holds_home(const char *path)
{
    const struct passwd *user = getpwuid(geteuid());
    const char *const homes[] = { getenv("HOME"), user ? user->pw_dir : NULL };
    bool found = false;

    for (size_t i = 0; i < COUNT_OF(homes); i++) {
        AUTO_FREE char *home = homes[i] ? realpath(homes[i], NULL) : NULL;
        found |= home && strcmp(home, "/") && holds(path, home);
    }
    return found || !strcmp(path, "/");
}

/* Directories that a sandbox may write to: never / or $HOME or what holds it, and nothing of the
 * state, where the programs lie that start sandboxes. */
static int refuse_wide(const struct local_backend *be, const char *option, const char *path,
                       struct err *err)
{
    AUTO_FREE char *state = be->state.root ? realpath(be->state.root, NULL) : NULL;

    if (holds_home(path)) {
        err_set(err, ERR_INVALID, "%s: %s is refused: it holds your whole home directory", option,
                path);
        return err_next(err, "choose a directory for the agent's work, e.g. ~/projects/NAME");
    }
    if (state && (holds(path, state) || holds(state, path))) {
        err_set(err, ERR_INVALID, "%s: %s is refused: the state directory %s must be apart from it",
                option, path, state);
        return err_next(err, "choose another directory, or another --state-dir");
    }
    return 0;
}

static int set_workspace(struct local_backend *be, struct err *err)
{
    const struct backend_config *c = be->base.config;
    struct stat st;

    if (!c->workspace)
        return 0;
    if (resolve("--workspace", c->workspace, &be->workspace, err) ||
        refuse_wide(be, "--workspace", be->workspace, err))
        return -1;
    if (stat(be->workspace, &st))
        return err_sys(err, errno, "--workspace: %s", be->workspace);
    be->workspace_uid = geteuid();
    be->workspace_gid = getegid();
    if (geteuid())
        return 0;
    if (be->state.own_uids) {
        be->workspace_uid = st.st_uid;
        be->workspace_gid = st.st_gid;
    }
    if (be->workspace_uid || c->allow_root_workspace)
        return 0;
    err_set(err, ERR_INVALID, "--workspace: files in %s would be changed with root's rights",
            be->workspace);
    return err_next(err, "chown it to a user, start the server as that user, or pass "
                         "--allow-root-workspace");
}

static int set_mounts(struct local_backend *be, struct err *err)
{
    const struct backend_config *c = be->base.config;

    if (c->mount_count > MOUNTS_MAX)
        return err_set(err, ERR_INVALID, "--mount: more than %d", MOUNTS_MAX);
    be->mounts = calloc(c->mount_count + 1, sizeof(*be->mounts));
    if (!be->mounts)
        return err_oom(err);
    for (size_t i = 0; i < c->mount_count; i++) {
        if (resolve("--mount", c->mounts[i].source, &be->mounts[i], err) ||
            (!c->mounts[i].readonly && refuse_wide(be, "--mount", be->mounts[i], err)))
            return -1;
        if (!local_path_free(be->mounts[i]))
            return err_set(err, ERR_INVALID, "--mount: %s is a directory of the sandbox itself",
                           be->mounts[i]);
    }
    return 0;
}

static int64_t total_mb(void)
{
    struct sysinfo si;

    return sysinfo(&si) ? MEMORY_MB : (int64_t)((uint64_t)si.totalram * si.mem_unit >> 20);
}

static void set_limits(struct local_backend *be)
{
    const struct backend_config *c = be->base.config;
    struct limits *l = &be->limits;
    struct rlimit files;
    int64_t half = total_mb() / 2;

    l->memory_mb = c->memory_mb ? c->memory_mb : half < MEMORY_MB ? half : MEMORY_MB;
    l->pids = c->pids ? c->pids : LOCAL_NPROC;
    l->nofile = LOCAL_NOFILE;
    l->tmp_mb = l->memory_mb / 4;
    l->shm_mb = l->memory_mb / 4 < 256 ? l->memory_mb / 4 : 256;
    if (getrlimit(RLIMIT_NOFILE, &files))
        return;
    if (files.rlim_max != RLIM_INFINITY && (int64_t)files.rlim_max / 4 < l->nofile)
        l->nofile = (int64_t)files.rlim_max / 4;
    files.rlim_cur = files.rlim_max < 65536 ? files.rlim_max : 65536;
    setrlimit(RLIMIT_NOFILE, &files);
}

static char *beside_server(const char *relative)
{
    char self[4096], *slash, *path = NULL;
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (n <= 0)
        return NULL;
    self[n] = '\0';
    slash = strrchr(self, '/');
    if (!slash || asprintf(&path, "%.*s/%s", (int)(slash - self), self, relative) < 0)
        return NULL;
    if (!access(path, X_OK))
        return path;
    free(path);
    return NULL;
}

static char *find_agent(const struct backend_config *c)
{
    char *path = c->agent ? strdup(c->agent) : beside_server("sandbox-agent");

    return path ? path : beside_server("../libexec/sandbox-mcp/sandbox-agent");
}

static char *find_bwrap(void)
{
    static const char *const places[] = { "/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap" };

    for (size_t i = 0; i < COUNT_OF(places); i++)
        if (!access(places[i], X_OK))
            return strdup(places[i]);
    return NULL;
}

static int read_filters(struct local_backend *be, struct err *err)
{
    AUTO_FD int fd = -1;

    be->base_filter = BUF_MAX(FILTER_MAX);
    be->strict_filter = BUF_MAX(FILTER_MAX);
    if (seccomp_base_fd(&fd, err) || io_read_all(fd, &be->base_filter, err) ||
        seccomp_strict_program(&be->strict_filter, err))
        return err_wrap(err, "make the system call filters");
    return 0;
}

/* What is missing on this machine: every call will answer it, with the fix. */
static int find_parts(struct local_backend *be, struct err *err)
{
    AUTO_FREE char *agent = find_agent(be->base.config);

    if (!agent) {
        err_set(err, ERR_ISOLATION, "sandbox-agent is not beside the server");
        return err_next(err, "install it with `make install`, or name it in SANDBOX_MCP_AGENT");
    }
    if (install_library(&be->state, agent, &be->library, &be->agent_path, err))
        return -1;
    if (be->host_runtime)
        return 0;
    be->bwrap_path = find_bwrap();
    if (!be->bwrap_path) {
        err_set(err, ERR_ISOLATION, "bubblewrap is not installed");
        return err_next(err, "install the package bubblewrap (apt-get install bubblewrap)");
    }
    return etc_read(&be->etc, err) || read_filters(be, err) ? -1 : 0;
}

int local_setup(struct local_backend *be, struct err *err)
{
    const struct backend_config *c = be->base.config;
    struct err broken = { 0 };

    be->host_runtime = c->runtime && !strcmp(c->runtime, "host");
    if (state_open(c->state_dir, &be->state, &broken))
        be->broken = broken;
    if (egress_policy_parse(c->network ? c->network : "none", &be->policy, err) ||
        browser_place_find(c->browser, &be->browser, err) || set_workspace(be, err) ||
        set_mounts(be, err))
        return -1;
    be->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (be->null_fd < 0)
        return err_sys(err, errno, "open /dev/null");
    set_limits(be);
    if (!be->broken.code && find_parts(be, &broken))
        be->broken = broken;
    if (!be->host_runtime)
        cgroups_open(&be->cgroups);
    return 0;
}

void local_setup_done(struct local_backend *be)
{
    const struct backend_config *c = be->base.config;

    egress_policy_free(be->policy);
    for (size_t i = 0; be->mounts && i < c->mount_count; i++)
        free(be->mounts[i]);
    free(be->mounts);
    free(be->workspace);
    free(be->agent_path);
    free(be->library);
    free(be->bwrap_path);
    free(be->versions);
    buf_done(&be->base_filter);
    buf_done(&be->strict_filter);
    browser_place_done(&be->browser);
    cgroups_done(&be->cgroups);
    etc_done(&be->etc);
    state_done(&be->state);
    fd_close(&be->null_fd);
}
