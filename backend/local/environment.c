#include "backend/local/bwrap.h"
#include "backend/local/local.h"
#include "base/cleanup.h"

#include <stdio.h>
#include <string.h>

#define PATH_MAX_BYTES 4095
#define PROXY "http://127.0.0.1:3128"

_Static_assert(EGRESS_PORT == 3128, "PROXY names the port");

static const struct env_var base_env[] = {
    { "PATH",
      "/home/user/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
    { "USER", "user" },
    { "LOGNAME", "user" },
    { "SHELL", "/bin/bash" },
    { "LANG", "C.UTF-8" },
    { "TERM", "dumb" },
    { "PAGER", "cat" },
    { "GIT_PAGER", "cat" },
    { "MANPAGER", "cat" },
    { "TMPDIR", "/tmp" },
    { "DEBIAN_FRONTEND", "noninteractive" },
    { "PIP_BREAK_SYSTEM_PACKAGES", "1" },
    { "PIP_DISABLE_PIP_VERSION_CHECK", "1" },
    { "NPM_CONFIG_UPDATE_NOTIFIER", "false" },
};

/* Every spelling that curl, wget, pip, npm, git and the like look for. */
static const struct env_var proxy_env[] = {
    { "http_proxy", PROXY },       { "https_proxy", PROXY },
    { "HTTP_PROXY", PROXY },       { "HTTPS_PROXY", PROXY },
    { "ALL_PROXY", PROXY },        { "all_proxy", PROXY },
    { "npm_config_proxy", PROXY }, { "npm_config_https_proxy", PROXY },
    { "NODE_USE_ENV_PROXY", "1" },
};

static int add_var(struct buf *out, const char *name, const char *value, struct err *err)
{
    if (!*name || strchr(name, '='))
        return err_set(err, ERR_INVALID, "env: \"%s\" is not a name", name);
    if (buf_adds(out, name, err) || buf_addc(out, '=', err) ||
        buf_add(out, value, strlen(value) + 1, err)) {
        err_wrap(err, "env");
        return err_next(err, "pass large values on stdin, or write them to a file");
    }
    return 0;
}

int local_env(const struct env_var *env, size_t count, struct buf *out, struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (add_var(out, env[i].name, env[i].value, err))
            return -1;
    return 0;
}

static int add_proxies(const struct local_sandbox *sb, struct buf *out, struct err *err)
{
    bool loopback = egress_policy_names_loopback(sb->backend->policy);
    const struct env_var no_proxy[] = {
        { "no_proxy", "localhost,127.0.0.1,::1" },
        { "NO_PROXY", "localhost,127.0.0.1,::1" },
    };

    if (local_env(proxy_env, COUNT_OF(proxy_env), out, err))
        return -1;
    return loopback ? 0 : local_env(no_proxy, COUNT_OF(no_proxy), out, err);
}

/* What npm installs for all goes beside what pip --user does, and node finds it there. */
static int add_places(const struct local_sandbox *sb, struct buf *out, struct err *err)
{
    char prefix[4096], modules[4120];
    const struct env_var places[] = {
        { "NPM_CONFIG_PREFIX", prefix },
        { "NODE_PATH", modules },
    };

    snprintf(prefix, sizeof(prefix), "%s/.local", local_home(sb));
    snprintf(modules, sizeof(modules), "%s/lib/node_modules", prefix);
    return local_env(places, COUNT_OF(places), out, err);
}

int local_base_env(const struct local_sandbox *sb, struct buf *out, struct err *err)
{
    const struct backend_config *c = sb->backend->base.config;
    const char *path = getenv("PATH");
    const struct env_var host[] = { { "PATH", path ? path : "/usr/bin:/bin" } };

    if (local_env(base_env, COUNT_OF(base_env), out, err) ||
        add_var(out, "HOME", local_home(sb), err))
        return -1;
    if (sb->backend->host_runtime && local_env(host, 1, out, err))
        return -1;
    if (sb->backend->policy && !sb->backend->host_runtime && add_proxies(sb, out, err))
        return -1;
    if (add_places(sb, out, err))
        return -1;
    return local_env(c->env, c->env_count, out, err);
}

const char *local_workspace(const struct local_sandbox *sb)
{
    if (!sb->backend->host_runtime)
        return LOCAL_WORKSPACE;
    return sb->backend->workspace ? sb->backend->workspace : sb->dir.workspace;
}

const char *local_home(const struct local_sandbox *sb)
{
    return sb->backend->host_runtime ? sb->dir.home : LOCAL_HOME;
}

int local_path(const struct local_sandbox *sb, const char *path, struct buf *out, struct err *err)
{
    const char *base = local_workspace(sb), *rest = path ? path : "";

    if (*rest == '/') {
        base = "";
    } else if (*rest == '~' && (!rest[1] || rest[1] == '/')) {
        base = local_home(sb);
        rest++;
    } else if (!strncmp(rest, "./", 2)) {
        rest += 2;
    }
    if (strlen(base) + strlen(rest) + 1 > PATH_MAX_BYTES)
        return err_set(err, ERR_INVALID, "path: longer than %d bytes", PATH_MAX_BYTES);
    return buf_addf(out, err, "%s%s%s", base, *base && *rest && *rest != '/' ? "/" : "", rest);
}

static bool below(const char *path, const char *dir)
{
    size_t n = strlen(dir);

    return !strncmp(path, dir, n) && (!path[n] || path[n] == '/');
}

bool local_path_free(const char *path)
{
    static const char *const taken[] = { LOCAL_WORKSPACE, "/proc",         "/sys",
                                         "/dev",          "/etc",          BWRAP_AGENT,
                                         BWRAP_LIBRARY,   WIRE_BROWSER_DIR };

    for (size_t i = 0; i < COUNT_OF(taken); i++)
        if (below(path, taken[i]))
            return false;
    return strcmp(path, "/") && strcmp(path, LOCAL_HOME) && strcmp(path, "/tmp") &&
           strcmp(path, "/home") && strcmp(path, "/usr") && strcmp(path, "/run");
}

int local_denied(struct local_sandbox *sb, int64_t since_ms, struct strings *out, struct err *err)
{
    int r = 0;

    if (!sb->backend->policy)
        return 0;
    pthread_mutex_lock(&sb->lock);
    if (sb->egress)
        r = egress_denied_since(sb->egress, since_ms, out, err);
    pthread_mutex_unlock(&sb->lock);
    return r;
}
