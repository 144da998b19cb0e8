#include "backend/local/protect.h"
#include "base/cleanup.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *const protected_paths[] = {
    ".git/hooks", ".git/config",   ".git/commondir", ".git/config.worktree",
    ".envrc",     ".vscode",       ".idea",          ".mcp.json",
    ".claude",    ".cursor",       ".husky",         ".venv/bin",
    ".bashrc",    ".bash_profile", ".bash_login",    ".bash_logout",
    ".profile",   ".zshrc",        ".zshenv",        ".zprofile",
    ".zlogin"
};

#define MODULES_MAX 64
#define PROTECT_PATH 512

static bool listed(const struct strings *s, const char *text)
{
    for (size_t i = 0; i < s->count; i++)
        if (!strcmp(s->items[i], text))
            return true;
    return false;
}

enum found { FOUND, MISSING, SYMLINK, A_FILE };

/* Walk the path without following links; on A_FILE and SYMLINK *at is the length of the part. */
static enum found look(int dir, const char *path, size_t *at)
{
    char part[PROTECT_PATH];
    struct stat st;

    for (size_t n = strcspn(path, "/");; n += 1 + strcspn(path + n + 1, "/")) {
        snprintf(part, sizeof(part), "%.*s", (int)n, path);
        *at = n;
        if (fstatat(dir, part, &st, AT_SYMLINK_NOFOLLOW))
            return MISSING;
        if (S_ISLNK(st.st_mode))
            return SYMLINK;
        if (!path[n])
            return FOUND;
        if (!S_ISDIR(st.st_mode))
            return A_FILE;
    }
}

static int pin_ancestors(const char *path, struct strings *pinned, struct err *err)
{
    char part[PROTECT_PATH];

    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
        if (!listed(pinned, part) && strings_add(pinned, part, strlen(part), err))
            return -1;
    }
    return 0;
}

/* One path; *missing says that it is not there. */
static int protect(int dir, const char *path, struct strings *pinned, struct strings *readonly,
                   struct strings *degraded, bool *missing, struct err *err)
{
    char part[PROTECT_PATH];
    size_t at;
    enum found found = look(dir, path, &at);

    *missing = found == MISSING;
    snprintf(part, sizeof(part), "%.*s", (int)at, path);
    if (found == SYMLINK)
        return strings_addf(degraded, err, "%s is a symbolic link and can be replaced", part);
    if (found == MISSING || listed(readonly, part))
        return 0;
    return pin_ancestors(part, pinned, err) || strings_add(readonly, part, at, err) ? -1 : 0;
}

/* The repositories of submodules lie in that of the directory. */
static int protect_modules(int dir, struct strings *pinned, struct strings *readonly,
                           struct strings *degraded, struct err *err)
{
    static const char *const inside[] = { "hooks", "config" };
    int fd = openat(dir, ".git/modules", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r = 0;
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    char path[PROTECT_PATH];
    bool missing;

    for (int n = 0; d && !r && n < MODULES_MAX && (e = readdir(d)); n++)
        for (size_t i = 0; e->d_name[0] != '.' && !r && i < COUNT_OF(inside); i++) {
            snprintf(path, sizeof(path), ".git/modules/%s/%s", e->d_name, inside[i]);
            r = protect(dir, path, pinned, readonly, degraded, &missing, err);
        }
    if (d)
        closedir(d);
    return r;
}

int protect_find(const char *directory, struct strings *pinned, struct strings *readonly,
                 struct strings *degraded, struct err *err)
{
    AUTO(buf) struct buf absent = BUF_MAX(1024);
    AUTO_FD int dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0)
        return err_sys(err, errno, "open %s", directory);
    for (size_t i = 0; i < COUNT_OF(protected_paths); i++) {
        const char *path = protected_paths[i];
        bool missing;
        if (protect(dir, path, pinned, readonly, degraded, &missing, err) ||
            (missing && buf_addf(&absent, err, "%s%s", absent.len ? ", " : "", path)))
            return -1;
    }
    if (protect_modules(dir, pinned, readonly, degraded, err))
        return -1;
    if (absent.len &&
        strings_addf(degraded, err, "may be created in %s, as absent files cannot be protected: %s",
                     directory, absent.data))
        return -1;
    return strings_addf(degraded, err,
                        "git repositories in directories below %s, and new git repositories, can "
                        "have hooks of their own",
                        directory);
}
