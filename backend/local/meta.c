#include "backend/local/meta.h"
#include "backend/local/state.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define META_MAX 65536

void meta_done(struct meta *m)
{
    free(m->name);
    *m = (struct meta){ 0 };
}

static int take(yyjson_val *root, struct meta *m, struct err *err)
{
    const char *owner = json_str(root, "owner"), *state = json_str(root, "state");
    const char *name = json_str(root, "name");

    if (json_int(root, "schema", 0) != STATE_SCHEMA || !owner || strlen(owner) != 64 || !state)
        return err_set(err, ERR_INVALID, "meta.json is not of this version");
    memcpy(m->owner, owner, sizeof(m->owner));
    m->running = !strcmp(state, "running");
    m->uid = (uid_t)json_int(root, "uid", -1);
    m->gid = (gid_t)json_int(root, "gid", -1);
    m->created_ms = json_int(root, "created_ms", 0);
    m->used_ms = json_int(root, "used_ms", 0);
    m->expires_ms = json_int(root, "expires_ms", 0);
    if (m->uid == (uid_t)-1 || m->gid == (gid_t)-1)
        return err_set(err, ERR_INVALID, "meta.json lacks uid and gid");
    m->name = name ? strdup(name) : NULL;
    return name && !m->name ? err_oom(err) : 0;
}

int meta_read(int dir_fd, struct meta *out, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(META_MAX);
    AUTO_JSON yyjson_doc *doc = NULL;
    AUTO_FD int fd = openat(dir_fd, "meta.json", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    *out = (struct meta){ 0 };
    if (fd < 0)
        return err_sys(err, errno, "open meta.json");
    if (io_read_all(fd, &text, err))
        return -1;
    doc = json_parse(buf_str(&text), text.len, err);
    return doc ? take(yyjson_doc_get_root(doc), out, err) : -1;
}

static int format(const char *id, const struct meta *m, struct buf *out, struct err *err)
{
    struct jw w = JW(out, err);

    jw_obj(&w);
    jw_kint(&w, "schema", STATE_SCHEMA);
    jw_kstr(&w, "id", id);
    jw_kstr(&w, "owner", m->owner);
    jw_kstr(&w, "name", m->name);
    jw_kint(&w, "uid", m->uid);
    jw_kint(&w, "gid", m->gid);
    jw_kstr(&w, "state", m->running ? "running" : "stopped");
    jw_kint(&w, "created_ms", m->created_ms);
    jw_kint(&w, "used_ms", m->used_ms);
    jw_kint(&w, "expires_ms", m->expires_ms);
    jw_end(&w);
    return jw_done(&w);
}

int meta_write(int dir_fd, const char *id, const struct meta *m, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(META_MAX);
    AUTO_FD int fd = -1;

    if (format(id, m, &text, err))
        return -1;
    fd = openat(dir_fd, "meta.tmp", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || io_write_all(fd, text.data, text.len) || fdatasync(fd) ||
        renameat(dir_fd, "meta.tmp", dir_fd, "meta.json") || fsync(dir_fd))
        return err_sys(err, errno, "write meta.json");
    return 0;
}
