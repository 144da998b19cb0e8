#include "backend/local/protect.h"
#include "base/cleanup.h"

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
    char part[64];
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
    char part[64];

    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
        if (!listed(pinned, part) && strings_add(pinned, part, strlen(part), err))
            return -1;
    }
    return 0;
}

int protect_find(const char *directory, struct strings *pinned, struct strings *readonly,
                 struct strings *degraded, struct err *err)
{
    AUTO(buf) struct buf missing = BUF_MAX(1024);
    AUTO_FD int dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0)
        return err_sys(err, errno, "open %s", directory);
    for (size_t i = 0; i < COUNT_OF(protected_paths); i++) {
        const char *path = protected_paths[i];
        char part[64];
        size_t at;
        int r = 0;
        enum found found = look(dir, path, &at);
        snprintf(part, sizeof(part), "%.*s", (int)at, path);
        if (found == MISSING)
            r = buf_addf(&missing, err, "%s%s", missing.len ? ", " : "", path);
        else if (found == SYMLINK)
            r = strings_addf(degraded, err, "%s is a symbolic link and can be replaced", part);
        else if (!listed(readonly, part))
            r = pin_ancestors(part, pinned, err) || strings_add(readonly, part, at, err);
        if (r)
            return -1;
    }
    if (missing.len && strings_addf(degraded, err,
                                    "may be created in %s, as absent files cannot "
                                    "be protected: %s",
                                    directory, missing.data))
        return -1;
    return strings_addf(degraded, err, "new git repositories below %s can have hooks of their own",
                        directory);
}
