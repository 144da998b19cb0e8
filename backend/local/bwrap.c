#include "backend/local/bwrap.h"
#include "backend/wire.h"
#include "base/cleanup.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Never all of /etc: these hold no secrets, programs miss them, and they are too large to copy. */
static const char *const etc[] = {
    "/etc/R/Makeconf",
    "/etc/R/Renviron",
    "/etc/R/ldpaths",
    "/etc/R/repositories",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/java-11-openjdk",
    "/etc/java-17-openjdk",
    "/etc/java-21-openjdk",
    "/etc/java-25-openjdk",
    "/etc/ld.so.cache",
    "/etc/matplotlibrc",
    "/etc/pki",
    "/etc/ssl/certs",
};
static const char *const etc_folders[] = { "/etc", "/etc/R", "/etc/ssl" };

/* Links on most hosts, made again inside. */
static const char *const etc_links[] = { "/etc/localtime", "/etc/os-release", "/etc/mtab" };

/* What the host's /proc would tell about the host. */
static const char *const masked[] = { "cmdline", "kallsyms",  "timer_list",
                                      "keys",    "config.gz", "interrupts" };

static const char *const top_links[] = { "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32" };

struct args {
    struct buf *out;
    struct err *err;
    bool failed;
};

/* One option with its arguments, ended by NULL. */
static void add(struct args *a, const char *first, ...)
{
    va_list ap;

    va_start(ap, first);
    for (const char *s = first; s && !a->failed; s = va_arg(ap, const char *))
        a->failed = buf_add(a->out, s, strlen(s) + 1, a->err) != 0;
    va_end(ap);
}

static void add_tmpfs(struct args *a, int64_t mb, const char *perms, const char *path)
{
    char bytes[24];

    snprintf(bytes, sizeof(bytes), "%lld", (long long)mb << 20);
    add(a, "--perms", perms, "--size", bytes, "--tmpfs", path, NULL);
}

/* The same link, or when it is none a read-only bind; nothing when it does not exist. */
static void add_same(struct args *a, const char *path)
{
    struct stat st;
    char target[256];
    ssize_t n;

    if (lstat(path, &st))
        return;
    n = S_ISLNK(st.st_mode) ? readlink(path, target, sizeof(target) - 1) : -1;
    if (n > 0) {
        target[n] = '\0';
        add(a, "--symlink", target, path, NULL);
    } else {
        add(a, "--ro-bind", path, path, NULL);
    }
}

static void add_etc(struct args *a, const struct bwrap_spec *spec)
{
    char number[16];

    for (size_t i = 0; i < COUNT_OF(etc_folders); i++)
        if (!access(etc_folders[i], F_OK))
            add(a, "--perms", "0755", "--dir", etc_folders[i], NULL);
    for (size_t i = 0; i < COUNT_OF(etc); i++)
        if (!access(etc[i], F_OK))
            add(a, "--ro-bind", etc[i], etc[i], NULL);
    for (size_t i = 0; i < COUNT_OF(etc_links); i++)
        add_same(a, etc_links[i]);
    for (size_t i = 0; i < spec->file_count; i++) {
        snprintf(number, sizeof(number), "%d", spec->files[i].fd);
        add(a, "--perms", "0444", "--file", number, spec->files[i].path, NULL);
    }
}

static void add_kernel(struct args *a, const struct bwrap_spec *spec)
{
    char path[64];

    add(a, "--proc", "/proc", NULL);
    for (size_t i = 0; i < COUNT_OF(masked); i++) {
        snprintf(path, sizeof(path), "/proc/%s", masked[i]);
        if (!access(path, F_OK))
            add(a, "--ro-bind", "/dev/null", path, NULL);
    }
    add(a, "--dev", "/dev", NULL);
    add_tmpfs(a, spec->shm_mb, "1777", "/dev/shm");
    add_tmpfs(a, spec->tmp_mb, "1777", "/tmp");
}

/* bwrap makes missing parents with mode 0700. */
static void add_parents(struct args *a, const char *path)
{
    AUTO_FREE char *copy = strdup(path);

    if (!copy) {
        a->failed = true;
        err_oom(a->err);
        return;
    }
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        add(a, "--perms", "0755", "--dir", copy, NULL);
        *slash = '/';
    }
}

static void add_below(struct args *a, const char *option, const struct bwrap_mount *m,
                      const struct strings *paths)
{
    for (size_t i = 0; paths && i < paths->count; i++) {
        AUTO_FREE char *source = NULL;
        AUTO_FREE char *target = NULL;
        if (asprintf(&source, "%s/%s", m->source, paths->items[i]) < 0 ||
            asprintf(&target, "%s/%s", m->target, paths->items[i]) < 0) {
            a->failed = true;
            err_oom(a->err);
            return;
        }
        add(a, option, source, target, NULL);
    }
}

static void add_mounts(struct args *a, const struct bwrap_spec *spec)
{
    for (size_t i = 0; i < spec->mount_count; i++) {
        const struct bwrap_mount *m = &spec->mounts[i];
        add_parents(a, m->target);
        add(a, m->readonly ? "--ro-bind" : "--bind", m->source, m->target, NULL);
        if (m->readonly)
            continue;
        add_below(a, "--bind", m, m->pinned);
        add_below(a, "--ro-bind", m, m->readonly_paths);
    }
}

static bool mounted_below(const struct bwrap_spec *spec, const char *path)
{
    size_t n = strlen(path);

    for (size_t i = 0; i < spec->mount_count; i++)
        if (!strncmp(spec->mounts[i].target, path, n) && spec->mounts[i].target[n] == '/')
            return true;
    return false;
}

/* Directories that programs expect; links would lead mounts below them astray. */
static void add_var(struct args *a, const struct bwrap_spec *spec)
{
    add(a, "--perms", "0755", "--dir", "/home", "--perms", "0755", "--dir", "/run", "--perms",
        "0755", "--dir", "/var", NULL);
    if (mounted_below(spec, "/var/tmp"))
        add_tmpfs(a, spec->tmp_mb, "1777", "/var/tmp");
    else
        add(a, "--symlink", "/tmp", "/var/tmp", NULL);
    if (!mounted_below(spec, "/var/run"))
        add(a, "--symlink", "/run", "/var/run", NULL);
}

/* Its files, and its program where that is not below /usr. */
static void add_browser(struct args *a, const struct bwrap_spec *spec)
{
    if (!spec->browser_mb)
        return;
    add_tmpfs(a, spec->browser_mb, "0700", WIRE_BROWSER_DIR);
    if (!spec->browser_directory)
        return;
    add_parents(a, spec->browser_directory);
    add(a, "--ro-bind", spec->browser_directory, spec->browser_directory, NULL);
}

int bwrap_args(const struct bwrap_spec *spec, struct buf *out, struct err *err)
{
    struct args a = { .out = out, .err = err };
    char number[16];

    add(&a, "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--as-pid-1",
        "--cap-drop", "ALL", "--clearenv", "--hostname", "sandbox", "--uid", "1000", "--gid",
        "1000", NULL);
    if (spec->seccomp_fd >= 0) {
        snprintf(number, sizeof(number), "%d", spec->seccomp_fd);
        add(&a, "--seccomp", number, NULL);
    }
    add(&a, "--ro-bind", "/usr", "/usr", NULL);
    for (size_t i = 0; i < COUNT_OF(top_links); i++)
        add_same(&a, top_links[i]);
    add_etc(&a, spec);
    add_kernel(&a, spec);
    add_var(&a, spec);
    add(&a, "--bind", spec->home, "/home/user", NULL);
    add_mounts(&a, spec);
    add(&a, "--ro-bind", spec->library, BWRAP_LIBRARY, NULL);
    add_browser(&a, spec);
    add(&a, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", spec->workdir, NULL);
    return a.failed ? -1 : 0;
}
