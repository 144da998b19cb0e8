#include "base/clock.h"
#include "cli/doctor_report.h"

#include <stdio.h>
#include <string.h>

#define PROBE_MS 30000

static void say_err(const struct doctor *d, const struct err *err)
{
    doctor_say(d, DOCTOR_FAIL, "cannot be started: %s", err->msg);
    if (err->next[0])
        doctor_fix("%s", err->next);
}

static int run_echo(struct sandbox *sb, struct call *call, int64_t since, struct doctor *d,
                    struct err *err)
{
    const struct exec_request request = {
        .command = "echo ok", .timeout_ms = PROBE_MS, .yield_ms = PROBE_MS, .max_bytes = 4096
    };
    AUTO(exec_result) struct exec_result first = { 0 };
    AUTO(exec_result) struct exec_result second = { 0 };
    int64_t warm;

    if (sandbox_exec(sb, call, &request, &first, err))
        return -1;
    if (first.status != EXEC_EXITED || first.exit_code || strcmp(buf_str(&first.out.text), "ok\n"))
        return err_set(err, ERR_INTERNAL, "`echo ok` ended with %d and wrote \"%s%s\"",
                       first.exit_code, buf_str(&first.out.text), buf_str(&first.errs.text));
    warm = clock_us();
    if (sandbox_exec(sb, call, &request, &second, err))
        return -1;
    doctor_say(d, DOCTOR_OK, "works: ready and `echo ok` after %.1f ms, once more in %.1f ms",
               (double)(warm - since) / 1000, (double)(clock_us() - warm) / 1000);
    return 0;
}

/* What is really in force, read back inside. */
static void say_info(struct sandbox *sb, struct call *call, struct doctor *d)
{
    AUTO(sandbox_info) struct sandbox_info info = { 0 };
    struct err err = { 0 };

    if (sandbox_info(sb, call, 0, &info, &err)) {
        doctor_say(d, DOCTOR_WARN, "does not describe itself: %s", err.msg);
        return;
    }
    d->name = "isolation:";
    for (size_t i = 0; i < info.layers.count; i++)
        doctor_say(d, DOCTOR_OK, "%s", info.layers.items[i]);
    d->name = "degraded:";
    for (size_t i = 0; i < info.degraded.count; i++)
        doctor_say(d, DOCTOR_WARN, "%s", info.degraded.items[i]);
}

static int probe(struct backend *be, struct call *call, int64_t since, struct doctor *d,
                 struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;

    if (sandbox_open_default(be, call, "local", NULL, &sb, err) ||
        run_echo(sb, call, since, d, err))
        return -1;
    d->started = true;
    say_info(sb, call, d);
    return 0;
}

void doctor_probe(struct doctor *d)
{
    struct backend *be = NULL;
    struct call call = { 0 };
    struct err err = { 0 };
    int64_t since = clock_us();

    if (call_init(&call, &err)) {
        say_err(d, &err);
        return;
    }
    call.deadline_ms = clock_ms() + PROBE_MS;
    if (backend_open(d->options->backend, &d->options->config, &be, &err) ||
        probe(be, &call, since, d, &err))
        say_err(d, &err);
    backend_free(be);
    call_done(&call);
}
