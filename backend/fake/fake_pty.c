#include "backend/fake/fake.h"

#include <stdio.h>
#include <string.h>

#define SESSION_ID "t_fakefakefakefakefakefake22"

static int answer(const struct pty_request *req, const char *text, size_t len,
                  struct pty_result *res, struct err *err)
{
    res->screen = res->scrolled = BUF_MAX(1 << 20);
    snprintf(res->session_id, sizeof(res->session_id), "%s", SESSION_ID);
    res->rows = req->rows ? req->rows : 24;
    res->cols = req->cols ? req->cols : 80;
    res->row = res->col = 1;
    res->alive = true;
    res->exit_code = -1;
    res->matched = req->wait_for && len && memmem(text, len, req->wait_for, strlen(req->wait_for));
    res->title = strdup(req->command ? req->command : "");
    if (!res->title)
        return err_oom(err);
    return buf_adds(&res->screen, "$ ", err) || buf_add(&res->screen, text, len, err) ? -1 : 0;
}

static int known(const struct pty_request *req, struct err *err)
{
    if (!strcmp(req->session_id, SESSION_ID))
        return 0;
    err_set(err, ERR_NOT_FOUND, "no interactive session \"%s\" is known here", req->session_id);
    return err_next(err, "action=list shows those there are, action=open makes one");
}

static int fake_open(struct sandbox *sb UNUSED, struct call *call UNUSED,
                     const struct pty_request *req, struct pty_result *res, struct err *err)
{
    return answer(req, "", 0, res, err);
}

static int fake_act(struct sandbox *sb UNUSED, struct call *call UNUSED,
                    const struct pty_request *req, struct pty_result *res, struct err *err)
{
    return known(req, err) ? -1 : answer(req, req->text, req->text_len, res, err);
}

static int fake_close(struct sandbox *sb UNUSED, struct call *call UNUSED,
                      const struct pty_request *req, struct pty_result *res, struct err *err)
{
    return known(req, err) ? -1 : answer(req, "", 0, res, err);
}

static int fake_list(struct sandbox *sb UNUSED, struct call *call UNUSED,
                     const struct pty_request *req UNUSED, struct pty_list *res, struct err *err)
{
    const struct pty_entry e = { .session_id = SESSION_ID,
                                 .command = (char *)(size_t) "vim a.c",
                                 .alive = true,
                                 .rows = 24,
                                 .cols = 80,
                                 .age_ms = 61000,
                                 .idle_ms = 1500 };

    return pty_list_add(res, &e, err);
}

const struct pty_ops fake_pty_ops = {
    .open = fake_open,
    .act = fake_act,
    .close = fake_close,
    .list = fake_list,
};
