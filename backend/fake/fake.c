#include "backend/fake/fake.h"

#include <stdio.h>
#include <string.h>

static int fake_open(struct backend *be, const struct backend_config *config UNUSED,
                     struct err *err UNUSED)
{
    struct fake *f = (struct fake *)be;

    pthread_mutex_init(&f->lock, NULL);
    f->sandbox.backend = be;
    snprintf(f->sandbox.id, sizeof(f->sandbox.id), "sb_fake");
    return 0;
}

static void fake_close(struct backend *be)
{
    struct fake *f = (struct fake *)be;

    for (int i = 0; i < FAKE_FILES; i++) {
        free(f->files[i].path);
        free(f->files[i].data);
    }
    pthread_mutex_destroy(&f->lock);
}

static int fake_describe(struct backend *be UNUSED, struct buf *out, struct err *err)
{
    return buf_adds(out, "Scripted answers for tests; nothing is executed.", err);
}

static int fake_open_default(struct backend *be, struct call *call UNUSED,
                             const char *principal UNUSED, const char *name UNUSED,
                             struct sandbox **out, struct err *err UNUSED)
{
    *out = &((struct fake *)be)->sandbox;
    return 0;
}

static int fake_info(struct sandbox *sb, struct call *call UNUSED, unsigned include UNUSED,
                     struct sandbox_info *res, struct err *err)
{
    snprintf(res->id, sizeof(res->id), "%s", sb->id);
    res->state = strdup("running");
    res->workspace = strdup("/workspace");
    res->home = strdup("/home/user");
    if (!res->state || !res->workspace || !res->home)
        return err_oom(err);
    if (strings_addf(&res->degraded, err, "scripted answers: nothing is executed"))
        return -1;
    return sandbox_info_add(res, "versions.fake", err, "1");
}

static const struct sandbox_ops fake_sandbox_ops = {
    .open_default = fake_open_default,
    .info = fake_info,
};

const struct backend_ops fake_backend = {
    .name = "fake",
    .backend_size = sizeof(struct fake),
    .open = fake_open,
    .close = fake_close,
    .describe = fake_describe,
    .sandbox = &fake_sandbox_ops,
    .exec = &fake_exec_ops,
    .file = &fake_file_ops,
    .manage = &fake_manage_ops,
    .code = &fake_code_ops,
    .file_watch = &fake_file_watch_ops,
    .process = &fake_process_ops,
    .pty = &fake_pty_ops,
    .document = &fake_document_ops,
};
