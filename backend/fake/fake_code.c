#include "backend/fake/fake.h"
#include "base/b64.h"

#include <stdio.h>
#include <string.h>

/* A PNG of one pixel. */
static const char pixel[] =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA"
    "WjR9awAAAABJRU5ErkJggg==";

static int add_plot(struct code_result *res, struct err *err)
{
    AUTO(buf) struct buf png = BUF_MAX(1024);

    if (b64_decode(&png, pixel, sizeof(pixel) - 1, err))
        return -1;
    return code_result_add(res, "image/png", png.data, png.len, false, err);
}

static int fake_execute(struct sandbox *sb UNUSED, struct call *call UNUSED,
                        const struct code_request *req, struct code_result *res, struct err *err)
{
    res->execution_count = 1;
    snprintf(res->context_id, sizeof(res->context_id), "%s",
             req->context_id ? req->context_id : "default");
    if (!strcmp(req->code, "raise")) {
        res->status = CODE_ERROR;
        res->error_name = strdup("ValueError");
        res->error_value = strdup("told to fail");
        res->traceback = strdup("Traceback (most recent call last):\nValueError: told to fail");
        return res->error_name && res->error_value && res->traceback ? 0 : err_oom(err);
    }
    if (!strcmp(req->code, "plot"))
        return add_plot(res, err);
    res->text = strdup(req->code);
    return res->text ? 0 : err_oom(err);
}

static bool known(const char *id)
{
    return id && (!strcmp(id, "ctx_fake") || !strcmp(id, "work"));
}

static int fake_context(struct sandbox *sb UNUSED, struct call *call UNUSED,
                        const struct context_request *req, struct context_result *res,
                        struct err *err)
{
    struct context_info info = {
        .id = "ctx_fake",
        .language = req->language ? req->language : "python",
        .state = CONTEXT_IDLE,
        .created_ms = 1767225600000,
        .execution_count = req->action == CONTEXT_CREATE || req->action == CONTEXT_RESTART ? 0 : 3,
    };

    res->idle_ms = 30 * 60 * 1000;
    if (req->action > CONTEXT_LIST && !known(req->context_id)) {
        err_set(err, ERR_NOT_FOUND, "no context \"%s\" in this sandbox",
                req->context_id ? req->context_id : "");
        return err_next(err, "code_context action=list tells which there are");
    }
    if (req->action == CONTEXT_DELETE || req->action == CONTEXT_INTERRUPT)
        res->note =
            strdup(req->action == CONTEXT_DELETE ? "Deleted." : "Nothing was running in it.");
    if (req->action == CONTEXT_DELETE)
        return res->note ? 0 : err_oom(err);
    info.cwd = strdup(req->cwd ? req->cwd : "/workspace");
    info.name = strdup(req->name ? req->name : "work");
    if (info.cwd && info.name)
        return context_result_add(res, &info, err);
    context_info_done(&info);
    return err_oom(err);
}

static int fake_packages(struct sandbox *sb UNUSED, struct call *call UNUSED,
                         const struct packages_request *req, struct packages_result *res,
                         struct err *err)
{
    bool refused = req->name_count && !strcmp(req->names[0], "refused");

    if (refused) {
        res->exit_code = 1;
        res->log = strdup("ERROR: No matching distribution found for refused");
        res->note = strdup("connect registry.example:443 refused by egress policy.");
        return res->log && res->note ? 0 : err_oom(err);
    }
    if (req->action == PACKAGES_UNINSTALL)
        return 0;
    res->items = calloc(1, sizeof(*res->items));
    if (!res->items)
        return err_oom(err);
    res->items[0] = (struct name_value){ strdup("fake"), strdup("1.0") };
    res->count = res->cap = 1;
    res->total = 1;
    return res->items[0].name && res->items[0].value ? 0 : err_oom(err);
}

const struct code_ops fake_code_ops = {
    .execute = fake_execute,
    .packages = fake_packages,
    .context = fake_context,
};
