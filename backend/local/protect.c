#include "backend/local/protect.h"
#include "base/cleanup.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *const protected_paths[] = {
    ".envrc",   ".vscode",   ".idea",   ".mcp.json",   ".claude",      ".cursor",
    ".husky",   ".venv/bin", ".bashrc", ".bash_login", ".bash_logout", ".bash_profile",
    ".profile", ".zshrc",    ".zshenv", ".zprofile",   ".zlogin",
};

static const char *const of_repository[] = { "hooks", "config", "commondir", "config.worktree" };

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

struct search {
    int dir;
    struct placeholders *holders;
    struct strings *pinned, *readonly, *degraded;
    struct strings next; /* directories to look into */
    unsigned directories, repositories;
    struct err *err;
};

static void search_done(struct search *s)
{
    strings_done(&s->next);
}

/* One path; *missing says that it is not there. */
static int protect(struct search *s, const char *path, bool *missing)
{
    char part[PROTECT_PATH];
    size_t at;
    enum found found = look(s->dir, path, &at);

    *missing = found == MISSING;
    snprintf(part, sizeof(part), "%.*s", (int)at, path);
    if (found == SYMLINK)
        return strings_addf(s->degraded, s->err, "%s is a symbolic link and can be replaced", part);
    if (found == MISSING || listed(s->readonly, part))
        return 0;
    return pin_ancestors(part, s->pinned, s->err) || strings_add(s->readonly, part, at, s->err) ? -1
                                                                                                : 0;
}

/* A repository, or the file that says where one is. */
static int protect_repository(struct search *s, const char *git)
{
    char path[PROTECT_PATH];
    struct err why = { 0 };
    struct stat st;
    bool missing = false;

    if (fstatat(s->dir, git, &st, AT_SYMLINK_NOFOLLOW))
        return 0;
    if (S_ISDIR(st.st_mode) && placeholders_make(s->holders, s->dir, git, &why) &&
        strings_addf(s->degraded, s->err, "hooks can be added to %s: %s", git, why.msg))
        return -1;
    for (size_t i = 0; i < COUNT_OF(of_repository); i++) {
        snprintf(path, sizeof(path), "%s/%s", git, of_repository[i]);
        if (protect(s, path, &missing))
            return -1;
    }
    return 0;
}

/* The repositories of submodules lie in that of the directory. */
static int protect_modules(struct search *s)
{
    int fd = openat(s->dir, ".git/modules", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    char path[PROTECT_PATH];
    int r = 0;

    for (int n = 0; d && !r && n < MODULES_MAX && (e = readdir(d)); n++) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), ".git/modules/%s", e->d_name);
        r = protect_repository(s, path);
    }
    if (d)
        closedir(d);
    return r;
}

/* One level: what is a repository, and the directories to look into next. */
static int look_into(struct search *s, const char *in, int depth)
{
    int fd = openat(s->dir, *in ? in : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    char path[PROTECT_PATH];
    struct dirent *e;
    int r = 0;

    s->directories++;
    while (d && !r && (e = readdir(d))) {
        int n = snprintf(path, sizeof(path), "%s%s%s", in, *in ? "/" : "", e->d_name);
        bool git = !strcmp(e->d_name, ".git");
        if (n < 0 || (size_t)n >= sizeof(path) || !strcmp(e->d_name, ".") ||
            !strcmp(e->d_name, ".."))
            continue;
        if (git && s->repositories++ < PROTECT_REPOSITORIES)
            r = protect_repository(s, path);
        else if (!git && e->d_type == DT_DIR && depth < PROTECT_DEPTH)
            r = strings_add(&s->next, path, (size_t)n, s->err);
    }
    if (d)
        closedir(d);
    return r;
}

static int protect_repositories(struct search *s)
{
    int r = look_into(s, "", 0);

    for (int depth = 1; !r && s->next.count && depth <= PROTECT_DEPTH; depth++) {
        AUTO(strings) struct strings level = s->next;
        s->next = (struct strings){ 0 };
        for (size_t i = 0; i < level.count && !r && s->directories < PROTECT_DIRECTORIES; i++)
            r = look_into(s, level.items[i], depth);
    }
    return r ? -1 : protect_modules(s);
}

static int say_limits(const struct search *s, const char *directory)
{
    bool all = s->directories < PROTECT_DIRECTORIES && s->repositories <= PROTECT_REPOSITORIES;

    return strings_addf(s->degraded, s->err,
                        "new git repositories below %s%s can have hooks of their own", directory,
                        all ? ", and those more than 4 directories down,"
                            : ", and most of the existing ones as there are too many,");
}

int protect_find(const char *directory, struct placeholders *holders, struct strings *pinned,
                 struct strings *readonly, struct strings *degraded, struct err *err)
{
    AUTO(buf) struct buf absent = BUF_MAX(1024);
    AUTO_FD int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    __attribute__((cleanup(search_done))) struct search s = {
        .dir = dir,
        .holders = holders,
        .pinned = pinned,
        .readonly = readonly,
        .degraded = degraded,
        .err = err,
    };

    if (dir < 0)
        return err_sys(err, errno, "open %s", directory);
    for (size_t i = 0; i < COUNT_OF(protected_paths); i++) {
        const char *path = protected_paths[i];
        bool missing;
        if (protect(&s, path, &missing) ||
            (missing && buf_addf(&absent, err, "%s%s", absent.len ? ", " : "", path)))
            return -1;
    }
    if (protect_repositories(&s))
        return -1;
    if (absent.len &&
        strings_addf(degraded, err, "may be created in %s, as absent files cannot be protected: %s",
                     directory, absent.data))
        return -1;
    return say_limits(&s, directory);
}

const char *protect_path(size_t i)
{
    static const char *const git[] = { ".git/hooks", ".git/config", ".git/commondir",
                                       ".git/config.worktree" };

    _Static_assert(COUNT_OF(git) == COUNT_OF(of_repository), "one for each");
    if (i < COUNT_OF(protected_paths))
        return protected_paths[i];
    i -= COUNT_OF(protected_paths);
    return i < COUNT_OF(git) ? git[i] : NULL;
}
