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

const struct code_ops fake_code_ops = {
    .execute = fake_execute,
};
