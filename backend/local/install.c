#include "backend/local/install.h"
#include "backend/local/tree.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/io.h"
#include "embed.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define UNUSED_S (30 * 24 * 3600)
#define KEY_CHARS 16

static const struct {
    const char *name, *text, *end;
} files[] = {
    { "runner.py", embed_runner_py, embed_runner_py_end },
    { "runner.js", embed_runner_js, embed_runner_js_end },
    { "runner.R", embed_runner_R, embed_runner_R_end },
};

/* Names the version: the agent by its inode, the runners by their content. */
static int make_key(int agent, char key[65], struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(1024 * 1024);
    struct stat st;

    if (fstat(agent, &st))
        return err_sys(err, errno, "look at the agent");
    if (buf_addf(&text, err, "%ju %ju %jd %jd.%ld", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino,
                 (intmax_t)st.st_size, (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec))
        return -1;
    for (size_t i = 0; i < COUNT_OF(files); i++)
        if (buf_add(&text, files[i].text, (size_t)(files[i].end - files[i].text), err))
            return -1;
    sha256_hex(text.data, text.len, key);
    key[KEY_CHARS] = '\0';
    return 0;
}

static int write_file(int dir, const char *name, mode_t mode, const char *data, size_t len,
                      struct err *err)
{
    AUTO_FD int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

    if (fd < 0 || io_write_all(fd, data, len) || fchmod(fd, mode))
        return err_sys(err, errno, "write %s", name);
    return 0;
}

static int copy_agent(int dir, int source, struct err *err)
{
    AUTO_FD int fd = openat(dir, "sandbox-agent", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    char block[65536];
    ssize_t n;

    if (fd < 0)
        return err_sys(err, errno, "write sandbox-agent");
    while ((n = io_read(source, block, sizeof(block))) > 0)
        if (io_write_all(fd, block, (size_t)n))
            return err_sys(err, errno, "write sandbox-agent");
    if (n < 0 || fchmod(fd, 0755))
        return err_sys(err, errno, "copy the agent");
    return 0;
}

static int fill(int lib, const char *key, int agent, struct err *err)
{
    AUTO_FD int dir = -1;
    char fresh[64];

    id_make(".new", fresh);
    dir = tree_dir(lib, fresh, 0755, err);
    if (dir < 0)
        return -1;
    for (size_t i = 0; i < COUNT_OF(files); i++)
        if (write_file(dir, files[i].name, 0644, files[i].text,
                       (size_t)(files[i].end - files[i].text), err))
            goto fail;
    if (copy_agent(dir, agent, err))
        goto fail;
    if (!renameat(lib, fresh, lib, key) || errno == EEXIST || errno == ENOTEMPTY) {
        tree_remove(lib, fresh);
        return 0;
    }
    err_sys(err, errno, "install the agent");
fail:
    tree_remove(lib, fresh);
    return -1;
}

static void remove_unused(int lib, const char *key)
{
    int fd = openat(lib, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    struct stat st;

    while (d && (e = readdir(d)))
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") && strcmp(e->d_name, key) &&
            !fstatat(lib, e->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
            st.st_mtime + UNUSED_S < clock_wall_ms() / 1000)
            tree_remove(lib, e->d_name);
    if (d)
        closedir(d);
}

int install_library(struct state *s, const char *agent_source, char **library, char **agent,
                    struct err *err)
{
    AUTO_FD int source = open(agent_source, O_RDONLY | O_CLOEXEC);
    AUTO_FD int lib = tree_dir(s->root_fd, "lib", s->own_uids ? 0711 : 0700, err);
    AUTO_FREE char *dir = NULL;
    char key[65];

    if (lib < 0)
        return -1;
    if (source < 0)
        return err_sys(err, errno, "open %s", agent_source);
    if (make_key(source, key, err))
        return -1;
    if (faccessat(lib, key, F_OK, 0) && fill(lib, key, source, err))
        return -1;
    utimensat(lib, key, NULL, 0);
    remove_unused(lib, key);
    if (asprintf(&dir, "%s/v1/lib/%s", s->root, key) < 0 ||
        asprintf(agent, "%s/sandbox-agent", dir) < 0)
        return err_oom(err);
    *library = TAKE(dir);
    return 0;
}
